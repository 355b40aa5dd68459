/**
 * Reads a page as a person sees it: its links, its images, every text that may describe an image, and which images are
 * what the page is about. cheerio (with htmlparser2, three times as fast as parse5 and as forgiving) makes the tree, one
 * walk over it finds everything: a selector for each question would be a walk each.
 */

import { load } from 'cheerio/slim';
import type { AnyNode, Element } from 'domhandler';
import type { FoundImage } from '../dataset/ledger.ts';
import type { SourcedText, TextSource } from '../dataset/pair.ts';
import { type ImageFeatures, judgeImage, type Region } from './dominant.ts';
import { limitDepth } from './html-depth.ts';
import {
  backgroundUrl,
  bestImageUrl,
  type ImageSource,
  imageLink,
  isImageFile,
  isSupportedSource,
} from './image-sources.ts';
import { jsonLdImages } from './json-ld.ts';
import { captionOf, isFigureClass, regionOf } from './page-parts.ts';
import { cleanText, isElement, isInline, isSilent, textOf } from './texts.ts';
import { normaliseUrl } from './url.ts';

export interface PageLink {
  readonly url: string;
  /** The page asks crawlers not to follow it. */
  readonly nofollow: boolean;
}

/** An image that is furniture, and why. */
export interface RefusedImage {
  readonly url: string;
  readonly reason: string;
}

export interface Page {
  readonly title: string;
  /** BCP 47 as declared on the html element; empty when it is not. */
  readonly lang: string;
  /** The beginning of the visible text, without header, navigation and footer when there is other text. */
  readonly text: string;
  readonly links: readonly PageLink[];
  /** The content images, each with at least one text. */
  readonly images: readonly FoundImage[];
  readonly refused: readonly RefusedImage[];
  /** Content images that nothing on the page describes. */
  readonly textless: number;
  readonly licenseUrl: string | null;
  /** `content` of meta tags by lower-case name or property; repeated ones joined with commas. */
  readonly meta: ReadonlyMap<string, string>;
  readonly signs: ScriptSigns;
}

/** What tells whether scripts would add something, see needs-browser.ts. */
export interface ScriptSigns {
  readonly scripts: number;
  /** Visible characters outside header, navigation, aside and footer. */
  readonly mainTextLength: number;
  /** An element that an application fills in is empty or says that it is loading. */
  readonly emptyRoot: boolean;
  /** A script of the page writes images into it. */
  readonly scriptWritesImages: boolean;
  /** Images whose source is a placeholder and whose real address is nowhere in the page. */
  readonly unresolvedPlaceholders: number;
  readonly asksForScript: boolean;
}

/** Ours: the largest gallery pages show some hundred. */
const mostCandidates = 5000;
const pageTextLength = 2000;
/** Of the text around an image this much may still be about it; LAION drops texts above 2,000 characters. */
const longestNearby = 2000;

/** What an element inherits from those around it; a new one only where something changes. */
interface Surroundings {
  readonly node: Element | null;
  readonly outer: Surroundings | null;
  readonly inMain: boolean;
  readonly region: Region | null;
  readonly figure: Element | null;
  readonly link: Element | null;
  readonly hidden: boolean;
  readonly picture: ImageSource[] | null;
}

interface Candidate {
  readonly url: string;
  readonly element: Element;
  readonly around: Surroundings;
  readonly heading: Element | null;
  readonly before: Element | null;
  after: Element | null;
}

const appRoot =
  /^(?:app|root|__next|__nuxt|___gatsby|react-root|app-root|main-app|application|svelte|ember-app|vue-app|mount|spa)$/i;
const loadingText =
  /^(?:loading|please wait|lade[nt]?|wird geladen|chargement|cargando|caricamento|carregando|laden|загрузка|読み込み中|加载中|로딩)\W*$/i;
const headingName = /^h[1-6]$/;
const paragraphNames = new Set(['p', 'li', 'dd', 'blockquote', 'td']);
const paragraphClass = /^(?:para|paragraph|simpara|text)$/;
/** Wrappers within wrappers that are looked at for a caption. */
const mostFigures = 3;

const isParagraph = ({ name, attribs }: Element): boolean =>
  paragraphNames.has(name) || (name === 'div' && attribs.class !== undefined && paragraphClass.test(attribs.class));

/** Everything the crawl wants to know of an HTML page. `pageUrl` is where it was found, after redirects. */
export function extractPage(html: string, pageUrl: string): Page {
  const $ = load(limitDepth(html), { xml: { xmlMode: false, decodeEntities: true } });
  const document = $.root()[0]!;

  let base = pageUrl;
  let title = '';
  let lang = '';
  let licenseUrl: string | null = null;
  let mainText = '';
  let otherText = '';
  let mainTextLength = 0;
  let scripts = 0;
  let emptyRoot = false;
  let scriptWritesImages = false;
  let unresolvedPlaceholders = 0;
  let asksForScript = false;
  let noscripts = 0;
  let heading: Element | null = null;
  let paragraph: Element | null = null;
  let waiting: Candidate[] = [];
  const links = new Map<string, PageLink>();
  const meta = new Map<string, string>();
  const candidates: Candidate[] = [];
  const linkedImages: Candidate[] = [];
  const jsonLd: string[] = [];
  let around: Surroundings = {
    node: null,
    outer: null,
    inMain: false,
    region: null,
    figure: null,
    link: null,
    hidden: false,
    picture: null,
  };

  const addCandidate = (url: string | null, element: Element): void => {
    if (url === null || candidates.length >= mostCandidates) return;
    const candidate: Candidate = { url, element, around, heading, before: paragraph, after: null };
    candidates.push(candidate);
    waiting.push(candidate);
  };

  const enter = (element: Element): boolean => {
    const { name, attribs } = element;
    around = enterSurroundings(element, around);
    switch (name) {
      case 'html':
        lang = attribs.lang ?? '';
        return true;
      case 'base':
        if (base === pageUrl && attribs.href) base = normaliseUrl(attribs.href, pageUrl) ?? pageUrl;
        return false;
      case 'title':
        if (title === '' && around.figure === null) title = textOf(element);
        return false;
      case 'meta': {
        const key = (attribs.name ?? attribs.property ?? attribs['http-equiv'] ?? '').toLowerCase();
        if (key !== '' && attribs.content !== undefined) {
          const known = meta.get(key);
          meta.set(key, known === undefined ? attribs.content : `${known}, ${attribs.content}`);
        }
        return false;
      }
      case 'link':
        if (/\blicense\b/i.test(attribs.rel ?? '')) licenseUrl ??= normaliseUrl(attribs.href ?? '', base);
        return false;
      case 'script': {
        const type = attribs.type ?? '';
        const data = element.firstChild && 'data' in element.firstChild ? element.firstChild.data : '';
        if (/ld\+json/i.test(type)) jsonLd.push(data);
        else if (type === '' || /javascript|module/i.test(type)) {
          scripts += 1;
          if (/<(?:img|figure|picture)\b|createElement\(\s*['"]img/i.test(data)) scriptWritesImages = true;
        }
        return false;
      }
      case 'noscript':
        if (/javascript/i.test(textOf(element, 200))) asksForScript = true;
        noscripts += 1;
        return true;
      case 'style':
      case 'template':
      case 'iframe':
      case 'svg':
      case 'math':
        return false;
      case 'a':
      case 'area': {
        const url = attribs.href === undefined ? null : normaliseUrl(attribs.href, base);
        if (url === null) return true;
        const rel = attribs.rel ?? '';
        if (/\blicense\b/i.test(rel)) licenseUrl ??= url;
        if (isImageFile(url)) linkedImages.push({ url, element, around, heading, before: paragraph, after: null });
        else if (!links.has(url)) links.set(url, { url, nofollow: /\bnofollow\b/i.test(rel) });
        return true;
      }
      case 'source':
        if (around.picture && isSupportedSource(attribs)) around.picture.push({ attribs });
        return false;
      case 'img':
      case 'amp-img': {
        const best = bestImageUrl(attribs, around.picture ?? [], base);
        if (best.placeholder) unresolvedPlaceholders += 1;
        addCandidate(best.url, element);
        return false;
      }
    }
    if (headingName.test(name)) {
      heading = element;
      paragraph = null;
      waiting = [];
    } else if (around.figure === null && isParagraph(element)) {
      paragraph = element;
      for (const candidate of waiting) candidate.after = element;
      waiting = [];
    }
    if (attribs.style !== undefined && (attribs.role === 'img' || attribs['aria-label'] !== undefined)) {
      addCandidate(backgroundUrl(attribs.style, base), element);
    }
    if (
      !emptyRoot &&
      (appRoot.test(attribs.id ?? '') || name === 'app-root' || attribs['data-reactroot'] !== undefined)
    ) {
      const text = textOf(element, 100);
      if (text.length <= 40 && !hasImage(element)) emptyRoot = true;
    }
    return true;
  };

  walk(document as unknown as Element, {
    enter,
    leave: (element) => {
      if (around.node === element) around = around.outer!;
      if (element.name === 'noscript') noscripts -= 1;
      if (!isInline(element.name)) {
        if (mainText.length < pageTextLength) mainText += ' ';
        if (otherText.length < pageTextLength) otherText += ' ';
      }
    },
    text: (data, parent) => {
      if (noscripts > 0 || isSilent(parent?.name ?? '') || parent?.name === 'title') return;
      const furniture = around.region !== null;
      const length = data.trim().length;
      if (length === 0) {
        if (!furniture) mainText += mainText.length < pageTextLength ? ' ' : '';
        return;
      }
      if (length < 40 && loadingText.test(data.trim())) emptyRoot = true;
      if (furniture) {
        if (otherText.length < pageTextLength) otherText += data;
        return;
      }
      mainTextLength += length;
      if (mainText.length < pageTextLength) mainText += data;
    },
  });

  const shared = sharedImages(meta, base);
  const describedBy = idsWanted(candidates, document as unknown as Element);
  const structured = jsonLdImages(jsonLd, base);
  const found = new Map<string, { texts: SourcedText[]; content: boolean; reason: string | null }>();
  const merge = (url: string, texts: readonly SourcedText[], content: boolean, reason: string | null): void => {
    const known = found.get(url);
    if (!known) found.set(url, { texts: [...texts], content, reason });
    else {
      // Seen twice: a content place shows that it is content, and only texts from content places count.
      if (content && !known.content) known.texts = [];
      if (content || !known.content) known.texts.push(...texts);
      known.content ||= content;
    }
  };

  const captions = new Map<Element, string>();
  const texts = textCache();
  for (const candidate of candidates) {
    const { element, around: place } = candidate;
    const { attribs } = element;
    const caption = captionAround(place, captions);
    const target = place.link?.attribs.href === undefined ? null : normaliseUrl(place.link.attribs.href, base);
    const full = imageLink(target, candidate.url, attribs);
    const url = full ?? candidate.url;
    const features: ImageFeatures = {
      region: place.region,
      inMain: place.inMain,
      inFigure: place.figure !== null,
      hasCaption: caption !== '',
      width: pixels(attribs.width, attribs.style, 'width'),
      height: pixels(attribs.height, attribs.style, 'height'),
      url: candidate.url,
      classes: classesOf(element),
      alt: attribs.alt ?? null,
      link: linkKind(target, pageUrl),
      presentational: /^(?:presentation|none)$/.test(attribs.role ?? '') || place.hidden,
      isShared: shared.has(candidate.url) || shared.has(url),
    };
    const { content, reason } = judgeImage(features);
    merge(url, content ? textsOf(candidate, caption, describedBy, texts) : [], content, reason);
  }
  for (const { url, element, around: place } of linkedImages) {
    // A link around an image was handled with that image.
    if (place.region !== null || found.has(url) || hasImage(element)) continue;
    const text = textOf(element);
    merge(url, text === '' ? [] : [{ source: 'nearby', text }], true, null);
  }
  for (const image of structured) merge(image.url, image.texts, true, null);
  const sharedTexts = sharedTextsOf(meta);
  for (const url of shared) {
    const known = found.get(url);
    if (!known || known.content) merge(url, sharedTexts, true, null);
  }

  const images: FoundImage[] = [];
  const refused: RefusedImage[] = [];
  let textless = 0;
  for (const [url, { texts, content, reason }] of found) {
    if (!content) refused.push({ url, reason: reason ?? 'decoration' });
    else {
      const unique = uniqueTexts(texts);
      if (unique.length === 0) textless += 1;
      else images.push({ url, texts: unique });
    }
  }
  return {
    title: title || cleanText(meta.get('og:title') ?? ''),
    lang,
    text: cleanText(mainTextLength >= 40 ? mainText : `${mainText} ${otherText}`),
    links: [...links.values()],
    images,
    refused,
    textless,
    licenseUrl,
    meta,
    signs: { scripts, mainTextLength, emptyRoot, scriptWritesImages, unresolvedPlaceholders, asksForScript },
  };
}

interface Visitor {
  /** False: what is below is not visited. */
  readonly enter: (element: Element) => boolean;
  readonly leave: (element: Element) => void;
  readonly text: (data: string, parent: Element | null) => void;
}

/** Visits a tree in document order without recursion: a page may be 100,000 elements deep. */
function walk(root: Element, visitor: Visitor): void {
  let node: AnyNode | null = root.firstChild;
  while (node) {
    let descend: Element | null = null;
    if (node.type === 'text') visitor.text(node.data, node.parent as Element | null);
    else if (isElement(node)) {
      if (visitor.enter(node) && node.firstChild) descend = node;
      else visitor.leave(node);
    }
    if (descend) {
      node = descend.firstChild;
      continue;
    }
    while (node && !node.next) {
      const parent: Element | null = node.parent as Element | null;
      if (!parent || parent === root) return;
      visitor.leave(parent);
      node = parent;
    }
    node = node?.next ?? null;
  }
}

function enterSurroundings(element: Element, outer: Surroundings): Surroundings {
  const { name, attribs } = element;
  const region = regionOf(element, outer.inMain);
  const isMain = name === 'main' || name === 'article' || attribs.role === 'main' || attribs.itemprop === 'articleBody';
  const figure = name === 'figure' || isFigureClass(attribs.class) ? element : null;
  const hidden = attribs['aria-hidden'] === 'true' || attribs.hidden !== undefined;
  const picture = name === 'picture';
  if (region === null && !isMain && !figure && !hidden && !picture && name !== 'a') return outer;
  return {
    node: element,
    outer,
    inMain: outer.inMain || isMain,
    // A main element inside something that only looks like furniture is the page's content after all.
    region: name === 'main' ? null : (outer.region ?? region),
    figure: figure ?? outer.figure,
    link: name === 'a' ? element : outer.link,
    hidden: outer.hidden || hidden,
    picture: picture ? [] : outer.picture,
  };
}

/** Many images may share a heading or a paragraph: its text is gathered once. */
function textCache(): (element: Element) => string {
  const known = new Map<Element, string>();
  return (element) => {
    let text = known.get(element);
    if (text === undefined) {
      text = textOf(element, longestNearby);
      known.set(element, text);
    }
    return text;
  };
}

function textsOf(
  candidate: Candidate,
  caption: string,
  ids: ReadonlyMap<string, string>,
  text: (element: Element) => string,
): SourcedText[] {
  const { element, around, heading, before, after } = candidate;
  const { attribs } = element;
  const texts: SourcedText[] = [];
  const add = (source: TextSource, raw: string | undefined): void => {
    if (raw === undefined) return;
    const clean = cleanText(raw);
    if (clean !== '') texts.push({ source, text: clean });
  };
  add('alt', attribs.alt);
  add('caption', caption);
  add('aria', attribs['aria-label']);
  for (const name of ['aria-labelledby', 'aria-describedby'] as const) {
    const wanted = attribs[name] ?? around.figure?.attribs[name];
    if (wanted)
      add(
        'aria',
        wanted
          .split(/\s+/)
          .map((id) => ids.get(id) ?? '')
          .join(' '),
      );
  }
  add('title', attribs.title);
  add('title', around.link?.attribs.title);
  if (heading) add('heading', text(heading));
  for (const paragraph of [paragraphOf(element), before, after]) {
    const nearby = paragraph ? text(paragraph) : '';
    if (nearby === '' || nearby === caption) continue;
    add('nearby', nearby);
    break;
  }
  return texts;
}

/** The caption of the closest figure that has one: wrappers of the image alone lie inside those with a caption. */
function captionAround(around: Surroundings, known: Map<Element, string>): string {
  let figures = 0;
  for (let place: Surroundings | null = around; place?.figure && figures < mostFigures; place = place.outer) {
    if (place.node !== place.figure) continue;
    figures += 1;
    const caption = captionOf(place.figure, known);
    if (caption !== '') return caption;
  }
  return '';
}

/** The paragraph that an image stands in. */
function paragraphOf(element: Element): Element | null {
  let node = element.parent as Element | null;
  while (node && isElement(node) && isInline(node.name)) node = node.parent as Element | null;
  return node && isElement(node) && isParagraph(node) ? node : null;
}

function uniqueTexts(texts: readonly SourcedText[]): SourcedText[] {
  const seen = new Set<string>();
  return texts.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/** og:image and twitter:image: what the page shows of itself elsewhere. */
function sharedImages(meta: ReadonlyMap<string, string>, base: string): Set<string> {
  const urls = ['og:image', 'og:image:url', 'og:image:secure_url', 'twitter:image', 'twitter:image:src'].flatMap(
    (name) => (meta.get(name) ?? '').split(/,\s+/),
  );
  return new Set(urls.map((url) => (url === '' ? null : normaliseUrl(url, base))).filter((url) => url !== null));
}

function sharedTextsOf(meta: ReadonlyMap<string, string>): SourcedText[] {
  const texts: SourcedText[] = [];
  const add = (source: TextSource, name: string): void => {
    const text = cleanText(meta.get(name) ?? '');
    if (text !== '') texts.push({ source, text });
  };
  add('alt', 'og:image:alt');
  add('alt', 'twitter:image:alt');
  add('og', 'og:description');
  add('og', 'twitter:description');
  return texts;
}

/** The texts of the elements that aria attributes point at. */
function idsWanted(candidates: readonly Candidate[], document: Element): ReadonlyMap<string, string> {
  const wanted = new Set(
    candidates.flatMap(({ element, around }) =>
      [element, around.figure].flatMap((node) =>
        `${node?.attribs['aria-labelledby'] ?? ''} ${node?.attribs['aria-describedby'] ?? ''}`.split(/\s+/),
      ),
    ),
  );
  wanted.delete('');
  const texts = new Map<string, string>();
  if (wanted.size === 0) return texts;
  walk(document, {
    enter: (element) => {
      const { id } = element.attribs;
      if (id !== undefined && wanted.has(id) && !texts.has(id)) texts.set(id, textOf(element));
      return true;
    },
    leave: () => {},
    text: () => {},
  });
  return texts;
}

function hasImage(root: Element): boolean {
  let found = false;
  walk(root, {
    enter: (element) => {
      found ||= element.name === 'img' || element.name === 'picture';
      return !found;
    },
    leave: () => {},
    text: () => {},
  });
  return found;
}

function linkKind(target: string | null, pageUrl: string): ImageFeatures['link'] {
  if (target === null) return 'none';
  if (isImageFile(target)) return 'image';
  const [to, from] = [new URL(target), new URL(pageUrl)];
  if (to.hostname !== from.hostname) return 'other-site';
  const isHome = /^\/(?:index\.\w+|home\/?)?$/.test(to.pathname) && to.search === '';
  return isHome && from.pathname !== to.pathname ? 'home' : 'same-site';
}

/** A side in CSS pixels, from the attribute or the style attribute. */
function pixels(attribute: string | undefined, style: string | undefined, side: 'width' | 'height'): number | null {
  const declared = /^\s*(\d+(?:\.\d+)?)\s*(?:px)?\s*$/.exec(attribute ?? '')?.[1];
  const styled = style && new RegExp(`(?:^|[;\\s])${side}\\s*:\\s*(\\d+(?:\\.\\d+)?)px`, 'i').exec(style)?.[1];
  const value = styled ?? declared;
  return value ? Number(value) : null;
}

function classesOf(element: Element): string {
  const parent = element.parent && isElement(element.parent) ? element.parent : null;
  const wrapper =
    parent && parent.children.length <= 3 ? `${parent.attribs.class ?? ''} ${parent.attribs.id ?? ''}` : '';
  return `${element.attribs.class ?? ''} ${element.attribs.id ?? ''} ${wrapper}`.toLowerCase();
}
