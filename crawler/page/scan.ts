/**
 * One walk over a page's tree that finds everything the crawl wants to know of it: a selector for each question would be a
 * walk each. What is found is judged afterwards, when the whole page is known.
 */
import type { Element } from 'domhandler';
import { normaliseUrl } from '../policy/url.ts';
import { captionKind, noteCaption } from './captions.ts';
import { isParagraph, openPartReader } from './class-words.ts';
import { isInline, isSilent, textOf } from './clean-text.ts';
import { backgroundUrl, bestImageUrl, isImageFile, isSupportedSource } from './image-urls.ts';
import { openSharedImages, type SharedImages } from './open-graph.ts';
import { openSignReader, type ScriptSigns } from './script-signs.ts';
import { enterSurroundings, type ImageCandidate, nowhere, type Surroundings } from './surroundings.ts';
import { openPageText } from './visible-text.ts';
import { walk } from './walk.ts';

export interface PageLink {
  readonly url: string;
  /** The page asks crawlers not to follow it. */
  readonly nofollow: boolean;
}

export interface PageScan {
  readonly base: string;
  readonly title: string;
  readonly lang: string;
  readonly text: string;
  readonly links: readonly PageLink[];
  readonly licenseUrl: string | null;
  readonly meta: ReadonlyMap<string, string>;
  readonly candidates: readonly ImageCandidate[];
  /** Links to image files. */
  readonly linkedImages: readonly ImageCandidate[];
  /** Links with an image in them. */
  readonly imageLinks: ReadonlySet<Element>;
  readonly shared: SharedImages;
  readonly jsonLd: readonly string[];
  readonly ids: ReadonlyMap<string, Element>;
  readonly signs: ScriptSigns;
}

/** Ours: the largest gallery pages show some hundred. */
const mostCandidates = 5000;
const mostIds = 50_000;
const headingName = /^h[1-6]$/;

/** Surveys a parsed page. `pageUrl` is where it was found, after redirects. */
export function scanPage(document: Element, pageUrl: string): PageScan {
  let base = pageUrl;
  let hasBase = false;
  let title = '';
  let lang = '';
  let licenseUrl: string | null = null;
  let noscripts = 0;
  let heading: Element | null = null;
  let paragraph: Element | null = null;
  let waiting: ImageCandidate[] = [];
  let around: Surroundings = nowhere;
  const links = new Map<string, PageLink>();
  const meta = new Map<string, string>();
  const ids = new Map<string, Element>();
  const candidates: ImageCandidate[] = [];
  const linkedImages: ImageCandidate[] = [];
  const imageLinks = new Set<Element>();
  const jsonLd: string[] = [];
  const partsOf = openPartReader();
  const shared = openSharedImages();
  const signs = openSignReader();
  const text = openPageText();

  const candidate = (url: string, element: Element): ImageCandidate => ({
    url,
    element,
    around,
    heading,
    before: paragraph,
    after: null,
    caption: null,
  });
  const addCandidate = (url: string | null, element: Element): void => {
    if (url === null || candidates.length >= mostCandidates) return;
    const found = candidate(url, element);
    candidates.push(found);
    waiting.push(found);
    if (around.link) imageLinks.add(around.link);
    for (let figure = around.figure; figure && figure.images === 0; figure = figure.outer) figure.images += 1;
  };

  const enterLink = (element: Element): void => {
    const { attribs } = element;
    const url = attribs.href === undefined ? null : normaliseUrl(attribs.href, base);
    if (url === null) return;
    const rel = attribs.rel ?? '';
    if (/\blicense\b/i.test(rel)) licenseUrl ??= url;
    if (isImageFile(url)) {
      if (linkedImages.length < mostCandidates) linkedImages.push(candidate(url, element));
    } else if (!links.has(url)) links.set(url, { url, nofollow: /\bnofollow\b/i.test(rel) });
  };

  /** Elements that are never shown, or whose attributes say everything. Returns whether to go on below; undefined for others. */
  const enterNamed = (element: Element): boolean | undefined => {
    const { name, attribs } = element;
    switch (name) {
      case 'html':
        lang = attribs.lang ?? attribs['xml:lang'] ?? '';
        return true;
      case 'base':
        if (!hasBase && attribs.href !== undefined) {
          hasBase = true;
          base = normaliseUrl(attribs.href, pageUrl) ?? pageUrl;
        }
        return false;
      case 'title':
        if (title === '' && around.figure === null) title = textOf(element);
        return false;
      case 'meta': {
        const key = (attribs.name ?? attribs.property ?? attribs['http-equiv'] ?? '').toLowerCase();
        if (key !== '' && attribs.content !== undefined) {
          const known = meta.get(key);
          meta.set(key, known === undefined ? attribs.content : `${known}, ${attribs.content}`);
          shared.meta(key, attribs.content);
        }
        return false;
      }
      case 'link':
        if (/\blicense\b/i.test(attribs.rel ?? '')) licenseUrl ??= normaliseUrl(attribs.href ?? '', base);
        if (attribs.rel === 'image_src') shared.meta('image', attribs.href ?? '');
        return false;
      case 'script': {
        const data = element.firstChild && 'data' in element.firstChild ? element.firstChild.data : '';
        if (/ld\+json/i.test(attribs.type ?? '')) jsonLd.push(data);
        else signs.script(attribs.type ?? '', data);
        return false;
      }
      case 'template':
        // A shadow tree is shown, a template is not.
        return attribs.shadowrootmode !== undefined || attribs.shadowroot !== undefined;
      case 'noscript':
        signs.noscript(element);
        noscripts += 1;
        return true;
      case 'style':
      case 'iframe':
      case 'math':
        return false;
      case 'svg':
        addCandidate(pictureInSvg(element, base), element);
        return false;
      case 'a':
      case 'area':
        enterLink(element);
        return undefined;
      case 'source':
        if (around.picture && isSupportedSource(attribs)) around.picture.push({ attribs });
        return false;
      case 'object':
        if (/^image\/(?!svg)/i.test(attribs.type ?? '')) addCandidate(normaliseUrl(attribs.data ?? '', base), element);
        return true;
      case 'img':
      case 'amp-img':
      case 'amp-anim': {
        const best = bestImageUrl(attribs, around.picture ?? [], base);
        if (best.placeholder) signs.placeholder();
        addCandidate(best.url, element);
        return false;
      }
    }
    return undefined;
  };

  const startParagraph = (element: Element): void => {
    if (around.figure !== null || !isParagraph(element)) return;
    paragraph = element;
    for (const before of waiting) before.after = element;
    waiting = [];
  };

  const enter = (element: Element): boolean => {
    const { name, attribs } = element;
    const parts = partsOf(element);
    const caption = captionKind(element, parts, around);
    if (caption) noteCaption(element, caption, around.figure, candidates);
    around = enterSurroundings(element, parts, caption !== null && caption !== 'title', around);
    if (attribs.id !== undefined && ids.size < mostIds && !ids.has(attribs.id)) ids.set(attribs.id, element);
    const known = enterNamed(element);
    if (known !== undefined) return known;
    if (headingName.test(name)) {
      heading = element;
      paragraph = null;
      waiting = [];
    } else startParagraph(element);
    if (isPictured(element, around)) addCandidate(backgroundUrl(attribs, base), element);
    signs.element(element, around.region !== null);
    return true;
  };

  walk(document, {
    enter,
    leave: (element) => {
      if (around.node === element) around = around.outer!;
      if (element.name === 'noscript') noscripts -= 1;
      if (!isInline(element.name)) text.space();
    },
    text: (data, parent) => {
      if (noscripts > 0 || isSilent(parent?.name ?? '') || parent?.name === 'title') return;
      const trimmed = data.trim();
      if (trimmed === '') text.add(' ', 0, around.region !== null);
      else {
        signs.text(trimmed);
        text.add(data, trimmed.length, around.region !== null);
      }
    },
  });
  return {
    base,
    title,
    lang,
    text: text.text(),
    links: [...links.values()],
    licenseUrl,
    meta,
    candidates,
    linkedImages,
    imageLinks,
    shared,
    jsonLd,
    ids,
    signs: signs.signs(text.mainLength()),
  };
}

/** A background is content only where the page says what it shows. */
function isPictured({ name, attribs }: Element, { figure }: Surroundings): boolean {
  if (attribs.role === 'img' || attribs['aria-label'] !== undefined) return true;
  return figure !== null && figure.images === 0 && name !== 'figcaption';
}

/** A photograph set into a drawing, for its frame or its mask. */
function pictureInSvg(svg: Element, base: string): string | null {
  let url: string | null = null;
  let visited = 0;
  walk(svg, {
    enter: ({ name, attribs }) => {
      visited += 1;
      if (name === 'image') url ??= normaliseUrl(attribs.href ?? attribs['xlink:href'] ?? '', base);
      return url === null && visited < 100;
    },
    leave: () => {},
    text: () => {},
  });
  return url;
}
