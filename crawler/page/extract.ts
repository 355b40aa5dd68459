/**
 * Reads a page as a person sees it: its links, its images, every text that may describe an image, and which images are what the
 * page is about.
 */
import type { FoundImage } from '../../dataset/ledger/records.ts';
import type { SourcedText } from '../../dataset/pair.ts';
import type { Reason } from '../policy/reasons.ts';
import { linkReferrerPolicy, type ReferrerPolicy, referrerPolicyOf } from '../policy/referrer.ts';
import { type Address, addressOf, isTooLong, keyOf } from '../policy/url.ts';
import { cleanText } from './clean-text.ts';
import { type ImageFeatures, isCertainFurniture, judgeDominance } from './dominant.ts';
import { featuresOf } from './image-features.ts';
import { ImageTexts } from './image-texts.ts';
import { jsonLdImages } from './json-ld.ts';
import { fullSizeUrl, linkTarget, type PageLink } from './links.ts';
import type { ScriptSigns } from './needs-browser.ts';
import { openGraphImages } from './open-graph.ts';
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
    return { candidate, url, ownPolicy, dominance: judgeDominance(features) };
  });
  const pictures = judged.filter(({ dominance }) => !isCertainFurniture(dominance)).map(({ candidate }) => candidate);
  const territories = divide(pictures, scan.blocks);
  for (const { candidate, url, ownPolicy, dominance } of judged) {
    const { isDominant, reason } = dominance;
    images.add(url, reason, () => (isDominant ? texts.all(candidate, territories.get(candidate)) : []), ownPolicy);
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
    images.add(url, reason, () => (isDominant ? description : []));
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

/** Ours: a page may show one image in many places; more texts than this say nothing new. */
const maxTexts = 50;

/**
 * The images of one page, each once, whatever its spellings: the first is requested. One that is dominant in one place is
 * dominant, with the texts of such places only.
 */
class PageImages {
  readonly #found = new Map<
    string,
    { address: Address; texts: SourcedText[]; reason: Reason | null; policy: ReferrerPolicy | null }
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
    readTexts: () => readonly SourcedText[],
    ownPolicy: ReferrerPolicy | null = null,
  ): void {
    const address = addressOf(url);
    const known = this.#found.get(address.url);
    if (!known)
      this.#found.set(address.url, { address, texts: [...readTexts()], reason, policy: ownPolicy ?? this.#pagePolicy });
    else if (reason === null) {
      if (known.texts.length < maxTexts) known.texts.push(...readTexts());
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
    for (const [url, { address, texts, reason, policy }] of this.#found) {
      if (reason !== null) refused.push({ url, reason });
      else if (texts.length === 0) textless += 1;
      else if (isTooLong(url)) refused.push({ url, reason: 'url-too-long' });
      else images.push({ ...address, texts: uniqueTexts(texts), ...(policy ? { referrerPolicy: policy } : {}) });
    }
    return { images, refused, textless };
  }
}

function uniqueTexts(texts: readonly SourcedText[]): SourcedText[] {
  const seen = new Set<string>();
  return texts.filter(({ text }) => !seen.has(text) && seen.add(text));
}
