/**
 * One walk over a page's tree that gathers all that the crawl wants to know; a selector for each question would be a walk each.
 * Nothing is decided here: that needs the whole page.
 */
import type { Element } from 'domhandler';
import { isRslType } from '../policy/rsl.ts';
import { absoluteUrl, addressOf } from '../policy/url.ts';
import { type ImageCandidate, ImageCandidates, isHeading, isParagraph, type TextBlock } from './candidates.ts';
import { assignCaption, captionKind } from './captions.ts';
import { classWordsOf, type Region } from './class-words.ts';
import { isLicense, maxLicences, PageHead } from './head.ts';
import { backgroundUrl, bestImageUrl, bestOfSets, isSupportedSource, svgImageUrl } from './image-urls.ts';
import { isImageFile, type PageLink } from './links.ts';
import { ScriptSignCollector, type ScriptSigns } from './needs-browser.ts';
import { enterSurroundings, pageSurroundings, type Surroundings } from './surroundings.ts';
import { type MainText, TextMass } from './text-mass.ts';
import { isInline, isSilent, PageText } from './visible-text.ts';
import { type Attributes, walk } from './walk.ts';

/** A link to an image file. */
export interface LinkedImage {
  readonly url: string;
  readonly element: Element;
  readonly region: Region | null;
}

export interface PageScan {
  readonly head: Readonly<PageHead>;
  readonly text: string;
  readonly links: readonly PageLink[];
  readonly linkedImages: readonly LinkedImage[];
  readonly candidates: readonly ImageCandidate[];
  readonly blocks: readonly TextBlock[];
  /** The links with a candidate in them. */
  readonly imageLinks: ReadonlySet<Element>;
  readonly elementsById: ReadonlyMap<string, Element>;
  /** `time` elements. */
  readonly times: readonly Element[];
  /** Images, headings and paragraphs of the page. */
  readonly lastRank: number;
  /** Of the first heading of level 1, among images, headings and paragraphs; null where there is none. */
  readonly titleRank: number | null;
  /** Where the running text stands. */
  readonly mass: Pick<TextMass, 'total' | 'isHolder' | 'lengthOf'>;
  /** Links to other files and pages, in document order. */
  readonly pageLinks: readonly { readonly element: Element; readonly url: string }[];
  readonly mainText: MainText | null;
  readonly signs: ScriptSigns;
}

const maxLinkedImages = 5000;
const maxIds = 50_000;
/** Ours: a page of more is a sitemap. */
const maxPageLinks = 20_000;

/** Scans a parsed page. `pageUrl` is where it was found, after redirects. */
export function scanPage(root: Element, pageUrl: string): PageScan {
  const head = new PageHead(pageUrl);
  const text = new PageText();
  const links = new Map<string, PageLink>();
  const linkedImages: LinkedImage[] = [];
  const candidates = new ImageCandidates();
  const elementsById = new Map<string, Element>();
  const signs = new ScriptSignCollector();
  const mass = new TextMass();
  const pageLinks: { element: Element; url: string }[] = [];
  const times: Element[] = [];
  let surroundings = pageSurroundings;
  let noscriptDepth = 0;

  /** Notes an element and says whether to visit what is below. */
  const enter = (element: Element): boolean => {
    const { attribs } = element;
    mass.enter(candidates.rank);
    const words = classWordsOf(element);
    const caption = captionKind(element, words, surroundings);
    if (caption) assignCaption(element, caption, surroundings.figure, candidates.list, candidates.captionsAbove);
    surroundings = enterSurroundings(element, words, caption === 'tag' || caption === 'class', surroundings);
    if (attribs.id !== undefined && elementsById.size < maxIds && !elementsById.has(attribs.id))
      elementsById.set(attribs.id, element);

    switch (element.name) {
      // What the page says of itself.
      case 'html':
        head.addHtml(attribs);
        return true;
      case 'base':
        head.addBase(attribs);
        return false;
      case 'title':
        if (surroundings.figure === null) head.addTitle(element);
        return false;
      case 'meta':
        head.addMeta(attribs);
        return false;
      case 'link':
        head.addLink(attribs);
        return false;

      // Scripts.
      case 'script':
        enterScript(element);
        return false;
      case 'noscript':
        signs.addNoscript(element);
        noscriptDepth += 1;
        return true;

      // What is not shown; of templates, a shadow tree is.
      case 'style':
      case 'math':
        return false;
      case 'template':
        return attribs.shadowrootmode !== undefined || attribs.shadowroot !== undefined;

      // Other pages inside of this one.
      case 'frame':
      case 'iframe':
        enterFrame(element);
        return false;

      // Images.
      case 'img':
      case 'amp-img':
      case 'amp-anim':
        enterImage(element);
        return false;
      case 'source':
        enterSource(attribs, surroundings.picture);
        return false;
      case 'svg':
        addCandidate(svgImageUrl(element, head.base), element);
        return false;
      case 'object':
        if (/^image\/(?!svg)/i.test(attribs.type ?? ''))
          addCandidate(absoluteUrl(attribs.data ?? '', head.base), element);
        return true;

      // Content. A link may be any of the rest, too.
      case 'a':
      case 'area':
        enterLink(element);
        enterContent(element);
        return true;
      default:
        enterContent(element);
        return true;
    }
  };

  const enterScript = ({ attribs, firstChild }: Element): void => {
    const type = attribs.type ?? '';
    const code = firstChild && 'data' in firstChild ? firstChild.data : '';
    if (isRslType(type)) {
      if (head.rslInline.length < maxLicences) head.rslInline.push(code);
    } else if (/ld\+json/i.test(type)) head.jsonLd.push(code);
    else signs.addScript(type, code);
  };

  const enterSource = (attribs: Attributes, picture: Surroundings['picture']): void => {
    if (picture !== null && isSupportedSource(attribs)) picture.source = bestOfSets(attribs, picture.source, head.base);
  };

  const addCandidate = (url: string | null, element: Element): void =>
    candidates.add(url, element, surroundings, mass.total);

  const enterImage = (element: Element): void => {
    const { url, isPlaceholder } = bestImageUrl(element.attribs, surroundings.picture?.source ?? null, head.base);
    if (isPlaceholder) signs.addPlaceholder();
    addCandidate(url ?? backgroundUrl(element.attribs, head.base), element);
  };

  const enterLink = (element: Element): void => {
    const { href, rel = '' } = element.attribs;
    const url = href === undefined ? null : absoluteUrl(href, head.base);
    if (url === null) return;
    if (pageLinks.length < maxPageLinks && !href!.startsWith('#')) pageLinks.push({ element, url });
    if (isLicense(rel)) head.licenseUrl ??= url;
    if (isImageFile(url)) {
      if (linkedImages.length < maxLinkedImages) linkedImages.push({ url, element, region: surroundings.region });
    } else addPageLink(url, /\bnofollow\b/i.test(rel));
  };

  const addPageLink = (url: string, nofollow = false): void => {
    const address = addressOf(url);
    if (!links.has(address.url)) links.set(address.url, { ...address, nofollow });
  };

  /** A frame of a frameset is a part of the site. What an `iframe` shows of another origin is a player, a map or an advert. */
  const enterFrame = ({ name, attribs }: Element): void => {
    const { src = '', 'data-src': lazy = '' } = attribs;
    const url = /^\s*(?:about:.*)?$/i.test(src) ? absoluteUrl(lazy, head.base) : absoluteUrl(src, head.base);
    if (url === null || isImageFile(url)) return;
    if (name === 'frame' || new URL(url).origin === new URL(pageUrl).origin) addPageLink(url);
  };

  const enterContent = (element: Element): void => {
    if (isHeading(element)) candidates.addText(element, 'heading');
    else if (isParagraph(element) && !surroundings.inCaption) candidates.addText(element, 'paragraph');
    else if (element.name === 'a') candidates.addText(element, 'link');
    else if (element.name === 'time' && times.length < maxPageLinks) times.push(element);
    if (mayHaveBackground(element, surroundings)) addCandidate(backgroundUrl(element.attribs, head.base), element);
    signs.addElement(element, surroundings.region !== null);
  };

  walk(root, {
    enter,
    leave: (element) => {
      mass.leave(element, candidates.rank);
      if (surroundings.element === element) surroundings = surroundings.outer!;
      if (element.name === 'noscript') noscriptDepth -= 1;
      if (!isInline(element.name)) text.addSpace();
    },
    text: (data, parent) => {
      if (noscriptDepth > 0 || isSilent(parent?.name ?? '') || parent?.name === 'title') return;
      const isBoilerplate = surroundings.region !== null;
      const trimmed = data.trim();
      if (trimmed === '') text.add(' ', 0, isBoilerplate);
      else {
        signs.addText(trimmed);
        mass.add(trimmed.length, surroundings.link !== null);
        text.add(data, trimmed.length, isBoilerplate);
      }
    },
  });
  if (head.next !== null) addPageLink(head.next);
  return {
    head,
    text: text.read(),
    links: [...links.values()],
    linkedImages,
    candidates: candidates.list,
    blocks: candidates.blocks,
    imageLinks: candidates.imageLinks,
    elementsById,
    times,
    lastRank: candidates.rank,
    titleRank: candidates.titleRank,
    mass,
    pageLinks,
    mainText: mass.main(root),
    signs: signs.finish(text.mainLength),
  };
}

/** The background of a page is its wallpaper, and one in a figure with a picture a blurred copy of that. */
function mayHaveBackground({ name }: Element, { figure }: Surroundings): boolean {
  return name !== 'body' && !figure?.hasImage;
}
