/**
 * Reads a page as a person sees it: its links, its images, every text that may describe an image, and which images are what the
 * page is about.
 */
import type { Element } from 'domhandler';
import type { FoundImage } from '../../dataset/ledger/records.ts';
import type { SourcedText } from '../../dataset/pair.ts';
import type { Reason } from '../policy/reasons.ts';
import { linkReferrerPolicy, type ReferrerPolicy, referrerPolicyOf } from '../policy/referrer.ts';
import { type Address, addressOf, isTooLong, keyOf } from '../policy/url.ts';
import { cleanText } from './clean-text.ts';
import { type ImageFeatures, isCertainFurniture, judgeDominance } from './dominant.ts';
import { featuresOf } from './image-features.ts';
import { type FoundText, ImageTexts } from './image-texts.ts';
import { jsonLdImages } from './json-ld.ts';
import { fullSizeUrl, linkTarget, type PageLink } from './links.ts';
import type { ScriptSigns } from './needs-browser.ts';
import { openGraphImages } from './open-graph.ts';
import { openingOf } from './opening.ts';
import { parseHtml } from './parse.ts';
import { scanPage } from './scan.ts';
import { divide } from './territory.ts';
import { textOf } from './visible-text.ts';

export interface Page {
  readonly title: string;
  /** BCP 47 as declared on the html element; empty when it is not. */
  readonly lang: string;
  /** The beginning of the visible text, without header, navigation and footer when there is other text. */
  readonly text: string;
  readonly links: readonly PageLink[];
  /** Where the page sends its visitor by itself, and feeds and sitemaps that it names; absolute URLs. */
  readonly refresh: string | null;
  readonly feeds: readonly string[];
  readonly licenseUrl: string | null;
  /** RSL licences: addresses of files, and those that stand in the page. */
  readonly rslUrls: readonly string[];
  readonly rslInline: readonly string[];
  /** `content` of meta tags by lower-case name or property; repeated ones joined with commas. */
  readonly meta: ReadonlyMap<string, string>;
  /** The dominant images that some text describes, each once with all its texts. */
  readonly images: readonly PageImage[];
  /** Images that are decoration. */
  readonly refused: readonly RefusedImage[];
  /** Dominant images that nothing on the page describes. */
  readonly textless: number;
  readonly signs: ScriptSigns;
}

/** An image that is taken, with what to request for it. */
export type PageImage = FoundImage & Address & { readonly referrerPolicy?: ReferrerPolicy };

/** An image that is not taken, and why. */
export interface RefusedImage {
  readonly url: string;
  readonly reason: Reason;
}

/**
 * Everything that the crawl wants to know of an HTML page. `pageUrl` is where it was found, after redirects; `referrerPolicy` that
 * of its headers.
 */
export function extractPage(html: string, pageUrl: string, referrerPolicy: ReferrerPolicy | null = null): Page {
  // Parse the page and walk it once.
  const scan = scanPage(parseHtml(html), pageUrl);
  const { head } = scan;
  const images = new PageImages(head.referrerPolicy ?? referrerPolicy);

  // Images on the page: which are dominant, and what describes those.
  const described = [...jsonLdImages(head.jsonLd, head.base), ...openGraphImages(head.metaTags, head.base)];
  const representative = new Set(described.map(({ url }) => keyOf(url)));
  const main = described.find(({ texts }) => texts.some(({ source }) => source === 'og'));
  const pictureName = main === undefined ? '' : pictureNameOf(main.url);
  const texts = new ImageTexts(scan.elementsById);
  const judged = scan.candidates.map((candidate) => {
    const link = candidate.surroundings.link?.attribs;
    const target = linkTarget(link?.href, head.base);
    const { attribs } = candidate.element;
    const fullSize = fullSizeUrl(target, candidate.url, attribs, link);
    const url = fullSize ?? candidate.url;
    const ownPolicy = fullSize === null ? referrerPolicyOf(attribs.referrerpolicy) : linkReferrerPolicy(link ?? {});
    const features = featuresOf(candidate, {
      target,
      pageUrl,
      hasCaption: texts.caption(candidate) !== '',
      isRepresentative: representative.has(keyOf(candidate.url)) || representative.has(keyOf(url)),
    });
    return { candidate, url, ownPolicy, link: features.link, dominance: judgeDominance(features) };
  });
  const pictures = judged.filter(({ dominance }) => !isCertainFurniture(dominance)).map(({ candidate }) => candidate);
  const division = divide(pictures, scan.blocks);
  const opening = openingOf(scan.blocks);
  const elsewhere = new Set<string>();
  for (const { candidate, url, ownPolicy, link, dominance } of judged) {
    const { isDominant, reason } = dominance;
    const isOpening = (link === 'none' || link === 'image' || link === 'home') && opening.has(candidate.order);
    const isAboveTitle = isOpening && opening.isAboveTitle(candidate.order) && candidate.surroundings.region === null;
    const title = isAboveTitle ? opening.title : null;
    images.add(url, reason, () => (isDominant ? texts.all(candidate, division, title) : []), ownPolicy);
    if (!isOpening) elsewhere.add(keyOf(url));
    else if (isDominant && pictureName !== '' && pictureNameOf(url) === pictureName)
      images.add(url, null, () => main!.texts.filter(({ source }) => source === 'og'));
  }

  // Image files that the page links to with words; a link around an image was followed with that image.
  for (const { url, element, region } of scan.linkedImages) {
    if (region !== null || images.has(url) || scan.imageLinks.has(element)) continue;
    const text = textOf(element);
    const read = (): SourcedText[] => (text === '' ? [] : [{ source: 'nearby', text }]);
    images.add(url, null, read, linkReferrerPolicy(element.attribs));
  }

  // Images that the page describes in JSON-LD or Open Graph. That does not make a logo, or decoration on the page, dominant.
  for (const { url, texts: description } of described) {
    if (images.isDecoration(url)) continue;
    const { isDominant, reason } = images.has(url)
      ? { isDominant: true, reason: null }
      : judgeDominance({ ...notOnPage, url });
    const isMain = !elsewhere.has(keyOf(url));
    const own = description.filter(({ source }) => isMain || source !== 'og');
    images.add(url, reason, () => (isDominant ? own : []));
  }

  return {
    title: head.title || cleanText(head.meta.get('og:title') ?? ''),
    lang: head.lang,
    text: scan.text,
    links: scan.links,
    refresh: head.refresh,
    feeds: head.feeds,
    licenseUrl: head.licenseUrl,
    rslUrls: head.rslUrls,
    rslInline: head.rslInline,
    meta: head.meta,
    ...images.read(),
    signs: scan.signs,
  };
}

/** Letters and digits of a name by which a picture is known again in another size: "image" and "cover" are everywhere. */
const minPictureNameLength = 8;

/** The name of a picture's file without what content systems add for a size; empty where that is too short to tell. */
function pictureNameOf(url: string): string {
  const { pathname } = new URL(url);
  const name = pathname
    .slice(pathname.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace(/\.[a-z]{3,4}$/, '')
    .replace(/[-_]?(?:\d{2,4}x\d{2,4}|scaled|e\d{9,}|large|medium|small|thumb)$/g, '');
  return name.length >= minPictureNameLength ? name : '';
}

/** The features of an image that is only described. */
const notOnPage: Omit<ImageFeatures, 'url'> = {
  region: null,
  inMain: false,
  inFigure: false,
  hasCaption: false,
  width: null,
  height: null,
  classes: '',
  alt: null,
  link: 'none',
  presentational: false,
  isRepresentative: true,
};

/** Ours: a page may show one image in many places; the texts of more than these say nothing new. */
const maxPlaces = 20;

/**
 * The images of one page, each once, whatever its spellings: the first is requested. One that is dominant in one place is
 * dominant, with the texts of such places only.
 */
class PageImages {
  readonly #found = new Map<
    string,
    { address: Address; texts: FoundText[]; places: number; reason: Reason | null; policy: ReferrerPolicy | null }
  >();
  readonly #pagePolicy: ReferrerPolicy | null;

  constructor(pagePolicy: ReferrerPolicy | null) {
    this.#pagePolicy = pagePolicy;
  }

  /**
   * Adds one place of an image; `reason` says why it is decoration there, null that it is dominant. Its texts are read only
   * where they are taken: a page may repeat one image without end.
   */
  add(
    url: string,
    reason: Reason | null,
    readTexts: () => readonly FoundText[],
    ownPolicy: ReferrerPolicy | null = null,
  ): void {
    const address = addressOf(url);
    const known = this.#found.get(address.url);
    if (!known)
      this.#found.set(address.url, {
        address,
        texts: [...readTexts()],
        places: 1,
        reason,
        policy: ownPolicy ?? this.#pagePolicy,
      });
    else if (reason === null) {
      if (known.places < maxPlaces) known.texts.push(...readTexts());
      known.places += 1;
      known.reason = null;
    }
  }

  has(url: string): boolean {
    return this.#found.has(keyOf(url));
  }

  isDecoration(url: string): boolean {
    const known = this.#found.get(keyOf(url));
    return known !== undefined && known.reason !== null;
  }

  read(): Pick<Page, 'images' | 'refused' | 'textless'> {
    const images: PageImage[] = [];
    const refused: RefusedImage[] = [];
    let textless = 0;
    const repeated = repeatedTexts([...this.#found.values()].map(({ texts }) => texts));
    for (const [url, { address, texts, reason, policy }] of this.#found) {
      const own = uniqueTexts(texts, repeated);
      if (reason !== null) refused.push({ url, reason });
      else if (own.length === 0) textless += 1;
      else if (isTooLong(url)) refused.push({ url, reason: 'url-too-long' });
      else images.push({ ...address, texts: own, ...(policy ? { referrerPolicy: policy } : {}) });
    }
    return { images, refused, textless };
  }
}

/** Images of one page, each with a place of its own that says the same: "Shop now" says nothing of any of them. Ours. */
const minRepeats = 3;

/** The texts that stand beside many images, each time anew. */
function repeatedTexts(images: readonly (readonly FoundText[])[]): ReadonlySet<string> {
  const places = new Map<string, Set<Element | string>>();
  for (const texts of images) {
    const own = new Map(texts.map(({ text, place }) => [text, place]));
    for (const [text, place] of own) if (place) places.set(text, (places.get(text) ?? new Set()).add(place));
  }
  return new Set([...places].filter(([, { size }]) => size >= minRepeats).map(([text]) => text));
}

function uniqueTexts(texts: readonly FoundText[], repeated: ReadonlySet<string>): SourcedText[] {
  const seen = new Set<string>();
  return texts
    .filter(({ text, place }) => !(place && repeated.has(text)) && !seen.has(text) && seen.add(text))
    .map(({ source, text }) => ({ source, text }));
}
