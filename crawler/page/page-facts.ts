/**
 * What is to be known of a page before its pictures are judged: what it is about, whether it has one subject or lists many, and
 * which pictures stand in it alike.
 */
import type { Element } from 'domhandler';
import { withoutFragment } from '../policy/url.ts';
import type { ImageCandidate } from './candidates.ts';
import { classSignReader } from './class-signs.ts';
import { vocabularyReader } from './class-vocabulary.ts';
import { fileStem } from './file-stem.ts';
import { declaredSize, knownSize, type ShownSize } from './image-size.ts';
import { isImageFile } from './links.ts';
import { oncePerElement } from './once-per-element.ts';
import type { PageScan } from './scan.ts';
import type { MainText } from './text-mass.ts';
import { textOf } from './visible-text.ts';
import { isElement } from './walk.ts';
import { lettersIn } from './words.ts';

/** Pictures that stand in the tree alike. */
export interface Likes {
  readonly count: number;
}

/** UTF-16 units of a description and of a target that are compared. */
const maxMeaningLength = 200;

/** Where a page shows one file. */
export interface Places {
  count: number;
  readonly meanings: Set<string>;
}

export interface PageFacts {
  readonly url: URL;
  readonly key: string;
  /** How much running text there is: 0 for none, 1 for a long article. */
  readonly textRichness: number;
  /** Letters of running text. */
  readonly textLength: number;
  readonly mainText: MainText | null;
  /** Whether most of the running text is in an element. */
  readonly holdsText: (element: Element) => boolean;
  /** Whether the page is about one thing (an article, a product) and not a list of many: 0 to 1. */
  readonly singleness: number;
  /** Words that the longest part of the address is made of: 0 for one, 1 for five or more. An article's address is its title. */
  readonly addressWords: number;
  /** Of the first heading of level 1, among images, headings and paragraphs; null where there is none. */
  readonly titleRank: number | null;
  readonly likesOf: (candidate: ImageCandidate) => Likes;
  readonly mostLikes: number;
  /** How many places of pictures the page has. */
  readonly pictures: number;
  /** How often the page shows the picture, and with how many different descriptions and targets. */
  readonly placesOf: (candidate: ImageCandidate) => Places;
  readonly fileOf: (candidate: ImageCandidate) => ShownFile;
  /**
   * CSS pixels of the longer side of its largest copy by the name of the file, of which one without a size counts as `plainSidePx`; null
   * where the name is too short to tell, or that of too many files.
   */
  readonly largestOf: (candidate: ImageCandidate) => number | null;
  /** Pages that the card of a picture leads to, with a link that is not around the picture. */
  readonly cardLinksOf: (candidate: ImageCandidate) => number;
  /** What the classes around an element say. */
  readonly classSigns: (element: Element) => ReadonlySet<string>;
  /** What the words of those classes weigh. */
  readonly classVocabulary: (element: Element) => number;
  /** Whether the card of a picture has a date, as teasers of articles do. */
  readonly isDated: (candidate: ImageCandidate) => boolean;
  /** The part of the page's images and texts that come before: 0 to 1. */
  readonly positionOf: (candidate: ImageCandidate) => number;
  /** The part of the words of the page's title that a text has: 0 to 1. */
  readonly titleShareOf: (text: string) => number;
  /** Whether a heading above says that what follows is other pages'. */
  readonly isUnderRelated: (candidate: ImageCandidate) => boolean;
}

/** The file of a picture: how large it is shown, and its name without ending and size. */
export interface ShownFile {
  readonly size: ShownSize;
  readonly stem: string;
}

/** Files of one name. */
interface Copies {
  largest: number;
  readonly files: Set<string>;
}

/** Files of one name that are copies of one picture; more have the name that a system gives to all. Ours. */
const maxCopies = 4;

function addCopy(copies: Map<string, Copies>, stem: string, { width, height }: ShownSize, url: string): void {
  const longer = width === null && height === null ? plainSidePx : Math.max(width ?? 0, height ?? 0);
  const known = copies.get(stem);
  if (!known) copies.set(stem, { largest: longer, files: new Set([url]) });
  else {
    known.largest = Math.max(known.largest, longer);
    known.files.add(url);
  }
}

const largestOf = (copies: Copies | undefined): number | null =>
  copies === undefined || copies.files.size > maxCopies ? null : copies.largest;

/** CSS pixels of a picture whose page does not say how large it is: larger than a thumbnail. Ours. */
const plainSidePx = 400;

/** Letters of running text: 100 are a sentence, 10,000 a long article. Between them by the logarithm. Ours. */
const richness = (letters: number): number => Math.min(1, Math.max(0, (Math.log10(letters + 1) - 2) / 2));

export function factsOf(scan: PageScan, pageUrl: string): PageFacts {
  const url = new URL(pageUrl);
  const likes = new Map<string, { count: number }>();
  const groups = new Map<ImageCandidate, Likes>();
  const places = new Map<string, Places>();
  const files = new Map<ImageCandidate, ShownFile>();
  const copies = new Map<string, Copies>();
  let mostLikes = 1;
  for (const candidate of scan.candidates) {
    const key = likeness(candidate.element);
    const group = likes.get(key) ?? { count: 0 };
    group.count += 1;
    mostLikes = Math.max(mostLikes, group.count);
    likes.set(key, group);
    groups.set(candidate, group);
    const same = places.get(candidate.url) ?? { count: 0, meanings: new Set<string>() };
    same.count += 1;
    const { alt = '' } = candidate.element.attribs;
    const href = candidate.surroundings.link?.attribs.href ?? '';
    same.meanings.add(`${alt.slice(0, maxMeaningLength)}\n${href.slice(0, maxMeaningLength)}`);
    places.set(candidate.url, same);
    const size = knownSize(declaredSize(candidate.element.attribs), candidate.url);
    const stem = fileStem(candidate.url);
    files.set(candidate, { size, stem });
    if (stem !== '') addCopy(copies, stem, size, candidate.url);
  }
  const isRelated = oncePerElement((heading) => relatedHeading.test(textOf(heading, maxHeadingLength)));
  const owners = cardOwners(scan.candidates);
  const cards = cardLinks(scan, url, owners);
  const dated = new Set(scan.times.map((time) => cardOwnerOf(time, owners, scan)).filter((owner) => owner !== null));
  const lastRank = Math.max(1, scan.lastRank);
  return {
    url,
    key: withoutFragment(url.href),
    textRichness: richness(scan.mass.total),
    textLength: scan.mass.total,
    mainText: scan.mainText,
    holdsText: (element) => scan.mass.isHolder(element),
    singleness: singleness(scan, url),
    addressWords: addressWords(url),
    titleRank: scan.titleRank,
    likesOf: (candidate) => groups.get(candidate)!,
    mostLikes,
    pictures: scan.candidates.length,
    placesOf: (candidate) => places.get(candidate.url)!,
    classSigns: classSignReader((element) => scan.mass.isHolder(element)),
    classVocabulary: vocabularyReader((element) => scan.mass.isHolder(element)),
    isDated: (candidate) => dated.has(candidate),
    positionOf: ({ rank }) => rank / lastRank,
    fileOf: (candidate) => files.get(candidate)!,
    largestOf: (candidate) => largestOf(copies.get(files.get(candidate)!.stem)),
    cardLinksOf: (candidate) => cards.get(candidate)?.size ?? 0,
    titleShareOf: titleShareReader(scan),
    isUnderRelated: ({ section }) => section.some(isRelated),
  };
}

/** UTF-16 units of a title, and of a text that is compared with it. Ours. */
const maxComparedTitle = 200;

/** Letters. Shorter words are in every title. */
const minTitleWord = 3;

/** The title is the first heading of level 1, or that of the head. */
function titleShareReader({ blocks, head }: PageScan): PageFacts['titleShareOf'] {
  const first = blocks.find(({ kind, element }) => kind === 'heading' && element.name === 'h1');
  const title = first === undefined ? head.title : textOf(first.element, maxComparedTitle);
  const wordsOf = (text: string): readonly string[] =>
    lettersIn(text.slice(0, maxComparedTitle).toLowerCase(), minTitleWord);
  /** The words of the title, each with the text that it was last found in. */
  const words = new Map(wordsOf(title).map((word) => [word, 0]));
  let texts = 0;
  return (text) => {
    if (words.size === 0 || text === '') return 0;
    texts += 1;
    let shared = 0;
    for (const word of wordsOf(text)) {
      const last = words.get(word);
      if (last === undefined || last === texts) continue;
      words.set(word, texts);
      shared += 1;
    }
    return shared / words.size;
  };
}

/** UTF-16 units. A heading over other pages is short. */
const maxHeadingLength = 80;

/** What stands over pictures of other pages, in the languages of large sites. */
const relatedHeading =
  /relate|similar|you (?:may|might)|also|more (?:from|on|in|stories|articles|posts|news|products|like)|recommend|recent|latest|popular|trending|most (?:read|viewed|popular)|read (?:next|more)|don.t miss|up next|keep reading|best sell|new arrivals|explore|discover|sponsor|partner|follow|subscribe|newsletter|about (?:the )?author|compare|bought|ähnlich|weitere|auch|mehr (?:zum|von|aus|lesen)|meistgelesen|neueste|aktuell|empf[oe]hl|verwandt|beliebt|à lire|aussi|articles (?:liés|récents)|plus lus|recomm|relacionad|también|más (?:leíd|vist)|reciente|últim|correlat|leggi anche|potrebbe|più lett|gerelateerd|lees ook|meer|podobne|zobacz|powiązan|polecan|também|veja|leia|mais lid|相关|推荐|猜你|热门|最新|関連|おすすめ|人気|похож|также|ещё|другие|рекоменд/i;

/** Ancestors by whose names and classes pictures are alike. Ours: a card of a grid is seldom deeper. */
const likenessDepth = 5;

/** UTF-16 units of an element's classes that are compared. */
const maxComparedClass = 40;

function likeness(element: Element): string {
  let key = '';
  let node: Element['parent'] = element;
  for (let step = 0; node && isElement(node) && step < likenessDepth; step += 1, node = node.parent) {
    const classes = node.attribs.class ?? '';
    key += `${node.name}.${classes.slice(0, maxComparedClass).replace(/\d+/g, '')}>`;
  }
  return key;
}

/** Letters of running text in a card; more are an article of its own. Ours. */
const maxCardText = 400;

/** Ancestors of a link among which its card is searched. Ours. */
const maxCardDepth = 6;

type Owners = ReadonlyMap<Element, ImageCandidate | null>;

/** The only picture below each element, null where there are several. */
function cardOwners(candidates: readonly ImageCandidate[]): Owners {
  const owners = new Map<Element, ImageCandidate | null>();
  let last: ImageCandidate | null = null;
  for (const candidate of candidates) {
    if (last?.url === candidate.url) continue;
    last = candidate;
    for (let node: Element['parent'] = candidate.element; node && isElement(node); node = node.parent) {
      const known = owners.get(node);
      if (known === null) break;
      owners.set(node, known === undefined ? candidate : null);
    }
  }
  return owners;
}

/** The picture that is alone in a card with an element; null where there is none. */
function cardOwnerOf(element: Element, owners: Owners, { mass }: PageScan): ImageCandidate | null {
  let node: Element['parent'] = element;
  for (let step = 0; node && isElement(node) && step < maxCardDepth; step += 1, node = node.parent) {
    const owner = owners.get(node);
    if (owner !== undefined) return owner !== null && mass.lengthOf(node) < maxCardText ? owner : null;
  }
  return null;
}

/** The pages that links beside a picture lead to, where both are alone in a card. */
function cardLinks(scan: PageScan, pageUrl: URL, owners: Owners): ReadonlyMap<ImageCandidate, ReadonlySet<string>> {
  const own = withoutFragment(pageUrl.href);
  const targets = new Map<ImageCandidate, Set<string>>();
  for (const { element, url } of scan.pageLinks) {
    const owner = cardOwnerOf(element, owners, scan);
    if (owner === null) continue;
    const target = withoutFragment(url);
    if (target === own || isImageFile(target)) continue;
    const known = targets.get(owner);
    if (known) known.add(target);
    else targets.set(owner, new Set([target]));
  }
  return targets;
}

/** UTF-16 units of JSON-LD that are searched for the type of the page. */
const maxJsonLdLength = 50_000;
const itemType =
  /"@type"\s{0,9}:\s{0,9}\[?\s{0,9}"(?:(?:News|Blog|Tech|Scholarly|Reportage)?(?:Article|Posting)|Recipe|Product(?:Group)?)"/;
const listType = /"@type"\s{0,9}:\s{0,9}\[?\s{0,9}"(?:ItemList|CollectionPage|OfferCatalog|SearchResultsPage)"/;
const datedPath = /\/(?:19|20)\d\d[/-]?[01]\d(?:\D|[0-3]\d)/;

const productType = /"@type"\s{0,9}:\s{0,9}\[?\s{0,9}"Product(?:Group)?"/;

/** Whether the page says that it is about a product. */
export const isOfProduct = ({ head }: Pick<PageScan, 'head'>): boolean =>
  /product/i.test(head.meta.get('og:type') ?? '') ||
  head.jsonLd.some((text) => productType.test(text.slice(0, maxJsonLdLength)));

/** What the page says that it is; its address where it says nothing. */
function singleness({ head }: PageScan, { pathname }: URL): number {
  const data = head.jsonLd.map((text) => text.slice(0, maxJsonLdLength));
  if (data.some((text) => listType.test(text))) return 0;
  const isOne =
    /article|product/i.test(head.meta.get('og:type') ?? '') ||
    head.meta.has('article:published_time') ||
    datedPath.test(pathname) ||
    data.some((text) => itemType.test(text));
  return isOne ? 1 : addressWords({ pathname }) / 2;
}

function addressWords({ pathname }: Pick<URL, 'pathname'>): number {
  const most = Math.max(...pathname.split('/').map((part) => part.split(/[-_]/).length));
  return Math.min(1, (most - 1) / 4);
}
