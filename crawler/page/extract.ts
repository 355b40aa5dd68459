/**
 * Reads a page as a person sees it: its links, its images, every text that may describe an image, and which images are what the
 * page is about.
 */
import type { FoundImage } from '../../dataset/ledger/records.ts';
import type { Dominance, SourcedText } from '../../dataset/pair.ts';
import type { Reason } from '../policy/reasons.ts';
import { linkReferrerPolicy, type ReferrerPolicy } from '../policy/referrer.ts';
import { type Address, addressOf, isTooLong, keyOf, pathOf } from '../policy/url.ts';
import { cleanText } from './clean-text.ts';
import { dominanceOf, namedFeatures } from './dominant.ts';
import { type FoundText, ImageTexts } from './image-texts.ts';
import { jsonLdImages } from './json-ld.ts';
import type { PageLink } from './links.ts';
import type { ScriptSigns } from './needs-browser.ts';
import { openGraphImages } from './open-graph.ts';
import { openingOf } from './opening.ts';
import { isOfProduct } from './page-facts.ts';
import { parseHtml } from './parse.ts';
import { dividesPage, type Place, placesOf } from './places.ts';
import { isDescription, repeatedTexts } from './repeated-texts.ts';
import { type PageScan, scanPage } from './scan.ts';
import { looksLikeLogo, siteNameReader } from './site-name.ts';
import { sitePictureReader } from './site-pictures.ts';
import { boardReaderTexts } from './software-words.ts';
import { type PlaceTexts, textsOfPlaces } from './stand-ins.ts';
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
  /** The images that some text describes, each once with all its texts, and what it is on the page. */
  readonly images: readonly PageImage[];
  /** Certain furniture: what is not even downloaded. */
  readonly refused: readonly RefusedImage[];
  /** Images that nothing on the page describes. */
  readonly textless: number;
  readonly signs: ScriptSigns;
}

/** An image that is taken, with what to request for it. */
export type PageImage = Omit<FoundImage, 'dominance'> &
  Address & { readonly dominance?: Dominance; readonly referrerPolicy?: ReferrerPolicy };

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
  const isProduct = isOfProduct(scan);
  const images = new PageImages(head.referrerPolicy ?? referrerPolicy, isProduct);

  // Images on the page: which are dominant, and what describes those.
  const described = [...jsonLdImages(head.jsonLd, head.base), ...openGraphImages(head.metaTags, head.base)];
  const representative = new Set(described.map(({ url }) => keyOf(url)));
  const main = described.find(({ texts }) => texts.some(({ source }) => source === 'og'));
  const pictureName = main === undefined ? '' : pictureNameOf(main.url);
  const isSiteName = siteNameReader(head, pageUrl);
  const texts = new ImageTexts(scan.elementsById, isSiteName, boardReaderTexts(ownTexts(scan)));
  const places = placesOf(scan, pageUrl, {
    representative,
    hasCaption: (candidate) => texts.caption(candidate) !== '',
  });
  const pictures = places.filter(dividesPage).map(({ candidate }) => candidate);
  const division = divide(pictures, scan.blocks);
  const isAboutOne = places.some(({ features }) => features['single-page'] === 1);
  const opening = openingOf(scan.blocks, isAboutOne ? scan.candidates : [], head.meta.get('og:title') || head.title);
  // A product's gallery may stand far from its name: what opens the page shows it, and what stands like the picture that the page names. In a row
  // of links that picture may stand among other products.
  const isNamedView = (place: Place): boolean => isRepresentative(place) && place.refusal === null && !leadsAway(place);
  const namedViews = new Set(isProduct ? places.filter(isNamedView).map(({ likes }) => likes) : []);
  const elsewhere = new Set<string>();
  for (const place of places) {
    const { candidate, url, ownPolicy, features, likes, refusal } = place;
    const isOpening = !leadsAway(place) && opening.has(candidate.order);
    if (!isOpening) elsewhere.add(keyOf(url));
    if (refusal !== null) {
      images.refuse(url, refusal);
      continue;
    }
    const dominance = dominanceOf(features);
    const isSubject = dominance.class === 'subject' && !leadsAway(place);
    const isByTitle = isOpening && (isProduct || opening.isNearTitle(candidate.order));
    const naming = {
      title: opening.title,
      isAboveTitle: isOpening && opening.isAboveTitle(candidate.order) && candidate.surroundings.region === null,
      isNamedByTitle: isSubject && (isByTitle || namedViews.has(likes)),
    };
    const isLogo = dominance.class !== 'subject' || looksLikeLogo(features);
    images.add(url, dominance, () => texts.all(candidate, division, naming, isLogo), ownPolicy);
    const isMain = isOpening && pictureName !== '' && pictureNameOf(url) === pictureName;
    if (isMain && dominance.class === 'subject')
      images.add(url, undefined, () => main!.texts.filter(({ source }) => source === 'og'));
  }

  // Image files that the page links to with words; a link around an image was followed with that image.
  for (const { url, element, region } of scan.linkedImages) {
    if (region !== null || images.has(url) || scan.imageLinks.has(element)) continue;
    const text = textOf(element);
    const read = (): SourcedText[] => (text === '' ? [] : [{ source: 'nearby', text }]);
    images.add(url, undefined, read, linkReferrerPolicy(element.attribs));
  }

  // Images that the page describes in JSON-LD or Open Graph. That does not make certain furniture a picture.
  const isOfSite = sitePictureReader(head, pageUrl);
  for (const { url, texts: description } of described) {
    if (images.isRefused(url)) continue;
    const features = namedFeatures(url, isOfSite(url), description.some(isDescription));
    const isMain = !elsewhere.has(keyOf(url));
    const own = description.filter(({ source, text }) => (isMain || source !== 'og') && !isSiteName(text));
    if (features['telling-host']) images.refuse(url, 'decoration-telling-host');
    else images.add(url, images.has(url) ? undefined : dominanceOf(features), () => own);
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

const isRepresentative = ({ features }: Place): boolean => features.representative === 1;

/** Whether it links to another page. */
const leadsAway = ({ link }: Place): boolean => link === 'same-site' || link === 'other-site';

/** What images themselves say, alternative text and title. */
const ownTexts = ({ candidates }: PageScan): string[] =>
  candidates.flatMap(({ element: { attribs } }) => [attribs.alt ?? '', attribs.title ?? '']);

/** Letters and digits of a name by which a picture is known again in another size: "image" and "cover" are everywhere. */
const minPictureNameLength = 8;

const pictureExtension = /\.(?:jpe?g|jfif|png|gif|webp|avif|heic|bmp|tiff?|svg)$/;

/**
 * The name of a picture's file without what content systems add for a size; empty where that is too short to tell, and where it is the
 * name of a program, whose query alone tells pictures apart.
 */
function pictureNameOf(url: string): string {
  const pathname = pathOf(url);
  const file = pathname.slice(pathname.lastIndexOf('/') + 1).toLowerCase();
  if (url.includes('?') && !pictureExtension.test(file)) return '';
  const name = file
    .replace(/\.[a-z]{3,4}$/, '')
    .replace(/[-_]?(?:\d{2,4}x\d{2,4}|scaled|e\d{9,}|large|medium|small|thumb)$/g, '');
  return name.length >= minPictureNameLength ? name : '';
}

/** Ours: a page may show one image in many places; the texts of more than these say nothing new. */
const maxPlaces = 20;

/** Ours, in UTF-16 units: 5,000 images with 800 each. One description may stand at every image of a page. */
const maxTextsLength = 4_000_000;

/** What is known of one image of a page. */
interface Known {
  readonly address: Address;
  readonly policy: ReferrerPolicy | null;
  /** Of the place with the highest score; undefined where the image stands nowhere. */
  dominance: Dominance | undefined;
  /** Of places where it is the subject, and of all others. */
  readonly texts: PlaceTexts[];
  readonly otherTexts: PlaceTexts[];
  places: number;
}

/**
 * The images of one page, each once, whatever its spellings: the first is requested. One that is the subject in one place is
 * the subject, with the texts of such places only.
 */
class PageImages {
  readonly #found = new Map<string, Known>();
  readonly #refused = new Map<string, Reason>();
  readonly #pagePolicy: ReferrerPolicy | null;
  readonly #isOfProduct: boolean;

  /** `isOfProduct` where the page says that it is about a product, whose name is that of many pictures. */
  constructor(pagePolicy: ReferrerPolicy | null, isOfProduct: boolean) {
    this.#pagePolicy = pagePolicy;
    this.#isOfProduct = isOfProduct;
  }

  /** Adds one place of an image. Its texts are read only where they are taken: a page may repeat one image without end. */
  add(
    url: string,
    dominance: Dominance | undefined,
    readTexts: () => readonly FoundText[],
    ownPolicy: ReferrerPolicy | null = null,
  ): void {
    const address = addressOf(url);
    let known = this.#found.get(address.url);
    if (!known) {
      known = { address, dominance, texts: [], otherTexts: [], places: 0, policy: ownPolicy ?? this.#pagePolicy };
      this.#found.set(address.url, known);
    } else if (dominance && (!known.dominance || dominance.score > known.dominance.score)) known.dominance = dominance;
    const texts = (dominance?.class ?? 'subject') === 'subject' ? known.texts : known.otherTexts;
    if (known.places < maxPlaces) texts.push({ texts: readTexts(), isShown: dominance !== undefined });
    known.places += 1;
  }

  /** Adds a place in which an image is certain furniture. */
  refuse(url: string, reason: Reason): void {
    this.#refused.set(keyOf(url), reason);
  }

  has(url: string): boolean {
    return this.#found.has(keyOf(url));
  }

  /** Whether the image stands in such places only. */
  isRefused(url: string): boolean {
    const key = keyOf(url);
    return this.#refused.has(key) && !this.#found.has(key);
  }

  read(): Pick<Page, 'images' | 'refused' | 'textless'> {
    const images: PageImage[] = [];
    const refused: RefusedImage[] = [];
    let textless = 0;
    const taken = [...this.#found].map(([url, { texts, otherTexts }]) => ({
      url,
      texts: textsOfPlaces(texts.some((place) => place.texts.length > 0) ? texts : otherTexts),
    }));
    const repeated = repeatedTexts(taken, this.#isOfProduct);
    let left = maxTextsLength;
    for (const [at, [url, { address, dominance, policy }]] of [...this.#found].entries()) {
      const own = uniqueTexts(taken[at]!.texts, repeated[at]!).filter(({ text }) => {
        left -= text.length;
        return left >= 0;
      });
      if (own.length === 0) textless += 1;
      else if (isTooLong(url)) refused.push({ url, reason: 'url-too-long' });
      else
        images.push({
          ...address,
          texts: own,
          ...(dominance ? { dominance } : {}),
          ...(policy ? { referrerPolicy: policy } : {}),
        });
    }
    for (const [url, reason] of this.#refused) if (!this.#found.has(url)) refused.push({ url, reason });
    return { images, refused, textless };
  }
}

function uniqueTexts(texts: readonly FoundText[], isRepeated: (text: FoundText) => boolean): SourcedText[] {
  const seen = new Set<string>();
  return texts
    .filter((text) => !isRepeated(text) && !seen.has(text.text) && seen.add(text.text))
    .map(({ source, text }) => ({ source, text }));
}
