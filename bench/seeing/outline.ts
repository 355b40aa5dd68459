/**
 * A page as its labeller sees it: its images and the texts near them, numbered in document order. Built on the tree of the HTML
 * standard (parse5), not on the crawler's, so that labels do not depend on what is measured.
 */
import { load } from 'cheerio';
import type { AnyNode, Element } from 'domhandler';

export interface ImagePlace {
  readonly element: Element;
  readonly inNoscript: boolean;
}

export interface TextPlace {
  readonly element: Element;
  readonly text: string;
}

/** Images and texts; numbers count through both, in document order. */
export interface Outline {
  readonly images: ReadonlyMap<number, ImagePlace>;
  readonly texts: ReadonlyMap<number, TextPlace>;
  /** What the head says: `og:title` and its like, by number. */
  readonly metas: ReadonlyMap<number, TextPlace>;
  readonly order: readonly number[];
}

const inline = new Set(
  'a abbr acronym b bdi bdo big button cite code data del dfn em font i ins kbd label mark q rp rt ruby s samp small span strike strong sub sup time tt u var wbr br img svg picture source'.split(
    ' ',
  ),
);
const silent = new Set('script style template svg math select textarea iframe object video audio title'.split(' '));
const describingMeta =
  /^(?:og:title|og:description|og:image:alt|twitter:title|twitter:description|twitter:image:alt|description)$/;

/** Reads a page into its outline. */
export function outlineOf(html: string): Outline {
  const $ = load(html);
  const images = new Map<number, ImagePlace>();
  const texts = new Map<number, TextPlace>();
  const metas = new Map<number, TextPlace>();
  const order: number[] = [];
  let next = 1;
  const number = (): number => {
    order.push(next);
    next += 1;
    return next - 1;
  };

  $('meta').each((_, element) => {
    const name = (element.attribs.property ?? element.attribs.name ?? '').toLowerCase();
    if (describingMeta.test(name)) metas.set(number(), { element, text: element.attribs.content ?? '' });
  });

  $('script').each((_, element) => {
    if (!/ld\+json/i.test(element.attribs.type ?? '')) return;
    for (const text of describingStrings($(element).text())) metas.set(number(), { element, text });
  });

  const visit = (element: Element, inNoscript: boolean): void => {
    if (isImage(element)) images.set(number(), { element, inNoscript });
    if (silent.has(element.name) || element.name === 'head') return;
    const text = ownText(element);
    if (!inline.has(element.name) || hasBlock(element.parent as Element)) {
      if (text !== '') texts.set(number(), { element, text });
    }
    for (const child of element.children) if (isTag(child)) visit(child, inNoscript || child.name === 'noscript');
  };
  const root = $('html')[0];
  if (root) visit(root, false);
  return { images, texts, metas, order };
}

/** What JSON-LD may say of a picture, found without parsing: much of it does not parse. */
function describingStrings(code: string): string[] {
  const found = new Set<string>();
  for (const [, quoted] of code.matchAll(/"(?:headline|name|caption|description)"\s*:\s*("(?:[^"\\]|\\.)*")/g)) {
    try {
      const text = (JSON.parse(quoted!.replace(/[\n\r\t]/g, ' ')) as string).trim();
      if (text.length > 3) found.add(text);
    } catch {
      // Not a string after all.
    }
    if (found.size >= 30) break;
  }
  return [...found];
}

/** Images that a page may show: elements of that kind, and others that carry the address of a picture as background. */
function isImage({ name, attribs }: Element): boolean {
  if (name === 'img' || name === 'amp-img' || name === 'amp-anim') return true;
  if (name === 'image' && (attribs.href ?? attribs['xlink:href'])) return true;
  if (name === 'object') return /^image\/(?!svg)/i.test(attribs.type ?? '');
  return (
    /background(?:-image)?\s*:[^;]*url\((?!\s*["']?data:)/i.test(attribs.style ?? '') ||
    ['data-bg', 'data-background-image', 'data-background', 'data-bg-src'].some((key) => (attribs[key] ?? '') !== '')
  );
}

const isTag = (node: AnyNode): node is Element =>
  node.type === 'tag' || node.type === 'script' || node.type === 'style';

function hasBlock(element: Element | null): boolean {
  return element !== null && isTag(element) && element.children.some((child) => isTag(child) && holdsBlock(child));
}

function holdsBlock(element: Element): boolean {
  if (!inline.has(element.name) && element.name !== 'noscript') return true;
  return element.children.some((child) => isTag(child) && holdsBlock(child));
}

/** The text of an element and of the inline elements in it, without that of blocks below it. */
function ownText(element: Element): string {
  const holder = hasBlock(element);
  let text = '';
  const add = (node: AnyNode): void => {
    if (node.type === 'text') text += node.data;
    else if (isTag(node) && !silent.has(node.name) && inline.has(node.name))
      for (const child of node.children) add(child);
  };
  for (const child of element.children) {
    // Beside blocks, inline elements are blocks of their own.
    if (child.type === 'text' || (!holder && isTag(child))) add(child);
  }
  return text.replace(/\s+/g, ' ').trim();
}

/** A selector of one element, from the closest ancestor with an id of its own; `>2` stands for `>:nth-child(2)`. */
export function selectorOf(element: Element): string {
  const steps: string[] = [];
  let node: Element | null = element;
  while (node && isTag(node)) {
    const { id } = node.attribs;
    if (id !== undefined && /^[a-z][\w-]{0,40}$/i.test(id) && isOnly(node, id)) {
      steps.unshift(`#${id}`);
      break;
    }
    const siblings: Element[] = (node.parent?.children ?? []).filter(isTag);
    if (node.name === 'html' || node.name === 'body') {
      steps.unshift(node.name);
      break;
    }
    steps.unshift(String(siblings.indexOf(node) + 1));
    node = node.parent as Element | null;
  }
  return steps.join('>');
}

function isOnly(element: Element, id: string): boolean {
  let root: AnyNode = element;
  while (root.parent) root = root.parent;
  let found = 0;
  const pending: AnyNode[] = [root];
  for (let node = pending.pop(); node && found < 2; node = pending.pop()) {
    if ('children' in node) pending.push(...node.children);
    if (isTag(node) && node.attribs.id === id) found += 1;
  }
  return found === 1;
}

/** How many texts before and after an image the labeller sees. */
const near = 7;

/** The outline as lines. Texts far from any image are left out. */
export function printOutline(outline: Outline): string {
  const { images, texts, metas, order } = outline;
  const shown = new Set<number>();
  let last: number[] = [];
  let after = 0;
  for (const id of order) {
    if (images.has(id)) {
      for (const text of last) shown.add(text);
      shown.add(id);
      after = near;
    } else if (metas.has(id)) shown.add(id);
    else {
      if (after > 0) {
        shown.add(id);
        after -= 1;
      }
      last = [...last.slice(1 - near), id];
    }
  }
  const lines: string[] = [];
  let isCut = false;
  for (const id of order) {
    if (!shown.has(id)) {
      if (!isCut) lines.push('…');
      isCut = true;
      continue;
    }
    isCut = false;
    const image = images.get(id);
    const meta = metas.get(id);
    const text = texts.get(id);
    if (image) lines.push(imageLine(id, image));
    else if (meta)
      lines.push(
        `${id} META ${meta.element.attribs.property ?? meta.element.attribs.name ?? 'json-ld'}: ${cut(meta.text, 100)}`,
      );
    else if (text) lines.push(`${id} ${text.element.name}${classOf(text.element)} ${cut(text.text, 110)}`);
  }
  return lines.join('\n');
}

function imageLine(id: number, { element, inNoscript }: ImagePlace): string {
  const { attribs } = element;
  const parts = [`${id} *** ${element.name}`];
  for (const key of ['alt', 'title', 'aria-label', 'role', 'width', 'height', 'class', 'aria-hidden', 'data-caption'])
    if (attribs[key] !== undefined) parts.push(`${key}=${JSON.stringify(cut(attribs[key], 140))}`);
  const sources = Object.entries(attribs).filter(([, value]) => /\.(?:jpe?g|png|gif|webp|avif|svg)|\/\//i.test(value));
  for (const [key, value] of sources.slice(0, 2)) if (key !== 'alt') parts.push(`${key}=…${value.slice(-70)}`);
  if (inNoscript) parts.push('NOSCRIPT');
  const trail: string[] = [];
  let link = '';
  let node = element.parent;
  for (let step = 0; node && isTag(node) && node.name !== 'body' && step < 12; step += 1) {
    if (step < 5 || ['main', 'article', 'aside', 'nav', 'header', 'footer', 'figure', 'section'].includes(node.name))
      trail.unshift(node.name + classOf(node));
    if (node.name === 'a' && link === '')
      link = `link=${cut(node.attribs.href ?? '', 70)}${node.attribs.title ? ` linktitle=${JSON.stringify(cut(node.attribs.title, 100))}` : ''}`;
    node = node.parent;
  }
  return `${parts.join(' ')} ${link} in ${trail.join('>')}`;
}

function classOf({ attribs }: Element): string {
  const name = attribs.class?.trim().split(/\s+/)[0];
  return name ? `.${cut(name, 24)}` : '';
}

const cut = (text: string, length: number): string => {
  const folded = text.replace(/\s+/g, ' ').trim();
  return folded.length > length ? `${folded.slice(0, length)}…` : folded;
};
