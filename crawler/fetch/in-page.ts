/**
 * What runs inside a rendered page, in a world of its own (CDP: isolated world): it sees the page's elements, but the page's
 * scripts neither see it nor can they change what it calls. It is text, since it is not run here.
 */

/** The name of the world, and of the function in it that reports where the page wanted to go. */
export const worldName = 'lait';
export const bindingName = 'laitLeaves';

/** Elements of a page that are looked at for a size or a place to scroll; ours. */
const maxLookedAt = 20_000;

/**
 * Defines `lait` in the world of each document of the page.
 * `leaves`: a page that navigates stays (Navigation API, HTML §7.2.6) and its target is reported. Before a request goes out:
 * Chromium stops parsing the page as soon as the request starts, even if the answer is 204.
 * `sizes(urls)`: what image elements declare, and whether a style sheet is checked against a hash (SRI).
 * `loaded(maxMs)`: waits for the load event.
 * `scroll(pauseMs)`: one screen down, everywhere where there is something to scroll, and a pause by the page's own clock, so
 * that a timer which the page started before is over; says whether that was the end, and how high it is.
 * `html(max)`: the page as HTML: open shadow roots are flattened (each slot holds what is
 * shown in it; what is in no slot follows), a frame of the same origin is a `div` with its body, addresses made absolute.
 */
export const inPageScript = String.raw`
(() => {
  const isTop = window === window.top;
  navigation.addEventListener('navigate', (event) => {
    if (!isTop || event.destination.sameDocument || !event.cancelable) return;
    event.preventDefault();
    if (!event.formData && event.navigationType !== 'reload') ${bindingName}(event.destination.url);
  });
  if (!isTop) return;

  const px = (text) => (/^\s*\d+(\.\d+)?\s*(px)?\s*$/.test(text || '') ? Math.round(parseFloat(text)) : 0);
  const declared = (element) => ({
    width: px(element.getAttribute('width')) || px(element.style.width) || null,
    height: px(element.getAttribute('height')) || px(element.style.height) || null,
  });
  const rootsOf = (root, found = []) => {
    found.push(root);
    if (found.length > 1000) return found;
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) rootsOf(element.shadowRoot, found);
    return found;
  };

  const sizes = (urls) => {
    const wanted = new Set(urls);
    const found = {};
    let looked = 0;
    for (const root of rootsOf(document)) {
      for (const element of root.querySelectorAll('img, input[type=image], link[integrity]')) {
        if ((looked += 1) > ${maxLookedAt}) return found;
        if (element.localName === 'link') {
          if (wanted.has(element.href)) found[element.href] = { checked: true };
          continue;
        }
        if (element.complete && element.naturalWidth > 0) continue;
        const url = wanted.has(element.currentSrc) ? element.currentSrc : element.src;
        if (wanted.has(url) && !found[url]) found[url] = declared(element);
      }
    }
    return found;
  };

  const scrolls = (element) =>
    element.scrollHeight - element.clientHeight > 50 && /auto|scroll/.test(getComputedStyle(element).overflowY);
  const scrollers = () => {
    const found = [document.scrollingElement || document.documentElement];
    let looked = 0;
    for (const element of document.body ? document.body.querySelectorAll('*') : []) {
      if ((looked += 1) > ${maxLookedAt} || found.length > 3) break;
      if (element.clientHeight > 300 && scrolls(element)) found.push(element);
    }
    return found;
  };
  const frames = async () => {
    for (let i = 0; i < 2; i += 1) await new Promise((resolve) => requestAnimationFrame(resolve));
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const loaded = async (maxMs) => {
    const load = new Promise((resolve) => addEventListener('load', resolve, { once: true }));
    if (document.readyState !== 'complete') await Promise.race([load, pause(maxMs)]);
    await frames();
  };
  const scroll = async (pauseMs) => {
    let atEnd = true;
    let heightPx = 0;
    for (const element of scrollers()) {
      const screenPx = Math.max(100, Math.min(element.clientHeight, innerHeight));
      element.scrollBy({ top: 0.9 * screenPx, behavior: 'instant' });
      if (element.scrollTop + element.clientHeight < element.scrollHeight - 2) atEnd = false;
      heightPx = Math.max(heightPx, element.scrollHeight);
    }
    await frames();
    await pause(pauseMs);
    return { atEnd, heightPx, elements: document.getElementsByTagName('*').length };
  };

  const voids = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));
  const raw = new Set('style script xmp iframe noembed noframes plaintext noscript'.split(' '));
  const text = (value) => value.replace(/[&<>\u00a0]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '\u00a0': '&nbsp;' })[c]);
  const quoted = (value) => value.replace(/[&"<>\u00a0]/g, (c) => (c === '"' ? '&quot;' : text(c)));
  const absolute = (value, base) => {
    try {
      return new URL(value, base).href;
    } catch {
      return value;
    }
  };
  const absoluteSet = (value, base) =>
    value.slice(0, 5000).replace(/([^\s,]\S*[^\s,]|[^\s,])(\s+[^,]*)?(,|$)/g, (_, url, descriptor = '', end) => absolute(url, base) + descriptor + end);
  const isFile = (value) => value.length < 2000 && /^(?![\w-]+:|#|\s)\S+\.(?:jpe?g|png|gif|webp|avif)(?:\?\S*)?$/i.test(value);
  const attributes = (element, base) => {
    let written = '';
    for (const { name, value } of element.attributes) {
      let kept = value;
      if (base !== null) {
        if (name === 'src' || name === 'href' || name === 'poster') kept = value === '' || value[0] === '#' ? value : absolute(value, base);
        else if (name.endsWith('srcset')) kept = absoluteSet(value, base);
        else if (isFile(value)) kept = absolute(value, base);
      }
      written += ' ' + name + '="' + quoted(kept) + '"';
    }
    return written;
  };
  const frameOf = (element) => {
    try {
      return element.contentDocument;
    } catch {
      return null;
    }
  };
  const shown = (host) => {
    const slotted = new Set();
    for (const slot of host.shadowRoot.querySelectorAll('slot')) for (const node of slot.assignedNodes()) slotted.add(node);
    return [...host.shadowRoot.childNodes, ...[...host.childNodes].filter((node) => !slotted.has(node))];
  };

  const html = (max) => {
    const out = [];
    let length = 0;
    const put = (piece) => {
      length += piece.length;
      out.push(piece);
    };
    if (document.doctype) put('<!doctype ' + document.doctype.name + '>');
    const stack = [{ nodes: [document.documentElement], at: 0, end: '', base: null }];
    while (stack.length > 0 && length < max) {
      const level = stack[stack.length - 1];
      if (level.at >= level.nodes.length) {
        put(level.end);
        stack.pop();
        continue;
      }
      const node = level.nodes[level.at];
      level.at += 1;
      if (node.nodeType === Node.TEXT_NODE) {
        const parent = node.parentNode;
        put(parent && raw.has(parent.localName) ? node.data : text(node.data));
      }
      if (node.nodeType !== Node.ELEMENT_NODE) continue;
      const name = node.localName;
      const { base } = level;
      const inner = name === 'iframe' || name === 'frame' ? frameOf(node) : null;
      if (inner && inner.body && inner.body.childNodes.length > 0) {
        const frameBase = inner.baseURI === document.baseURI ? base : inner.baseURI;
        put('<div>');
        stack.push({ nodes: inner.body.childNodes, at: 0, end: '</div>', base: frameBase });
        continue;
      }
      if (name === 'slot' && node.getRootNode() instanceof ShadowRoot) {
        const assigned = node.assignedNodes();
        stack.push({ nodes: assigned.length > 0 ? assigned : node.childNodes, at: 0, end: '', base });
        continue;
      }
      put('<' + name + attributes(node, base) + '>');
      if (voids.has(name)) continue;
      const nodes = node.shadowRoot ? shown(node) : name === 'template' ? node.content.childNodes : node.childNodes;
      stack.push({ nodes, at: 0, end: '</' + name + '>', base });
    }
    return out.join('');
  };

  globalThis.lait = { sizes, loaded, scroll, html };
})();
`;
