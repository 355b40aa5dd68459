/** The places of pictures on a labelled page, as the crawl sees them, with the class that the labels give each. */
import type { Element } from 'domhandler';
import type { TextBlock } from '../../crawler/page/candidates.ts';
import { elementsAround, wordsOfLabel } from '../../crawler/page/class-vocabulary.ts';
import { ImageTexts } from '../../crawler/page/image-texts.ts';
import { jsonLdImages } from '../../crawler/page/json-ld.ts';
import { openGraphImages } from '../../crawler/page/open-graph.ts';
import { parseHtml } from '../../crawler/page/parse.ts';
import { type Place, placesOf } from '../../crawler/page/places.ts';
import { scanPage } from '../../crawler/page/scan.ts';
import { siteNameReader } from '../../crawler/page/site-name.ts';
import { keyOf } from '../../crawler/policy/url.ts';
import type { PictureClass } from './labels.ts';
import type { Picture } from './truth.ts';

export interface LabelledPlace extends Place {
  /** Null where the labels do not have the picture, or have it in places of several classes. */
  readonly class: PictureClass | null;
}

export const ownPrefix = 'own ';
export const aroundPrefix = 'around ';

/** What the crawl sees of a page. */
export interface CrawledPlaces {
  readonly places: readonly Place[];
  /** For each place, the words of the classes at it ("own photo") and around it ("around gallery"). */
  readonly words: readonly Readonly<Record<string, number>>[];
  /** Headings, paragraphs and links. */
  readonly blocks: readonly TextBlock[];
}

/** The places of a page's pictures, the words around them, and the page's texts. */
export function crawledPlaces(html: string, pageUrl: string): CrawledPlaces {
  const scan = scanPage(parseHtml(html), pageUrl);
  const { head, blocks } = scan;
  const described = [...jsonLdImages(head.jsonLd, head.base), ...openGraphImages(head.metaTags, head.base)];
  const texts = new ImageTexts(scan.elementsById, siteNameReader(head, pageUrl), () => false);
  const places = placesOf(scan, pageUrl, {
    representative: new Set(described.map(({ url }) => keyOf(url))),
    hasCaption: (candidate) => texts.caption(candidate) !== '',
  });
  const words = places.map(({ candidate: { element } }) => {
    const elements = elementsAround(element, (one) => scan.mass.isHolder(one));
    const wordsAt = (of: readonly Element[]): string[] =>
      of.flatMap(({ attribs }) => [attribs.class ?? '', attribs.id ?? ''].flatMap(wordsOfLabel));
    return Object.fromEntries([
      ...wordsAt([element]).map((word) => [`${ownPrefix}${word}`, 1]),
      ...wordsAt(elements).map((word) => [`${aroundPrefix}${word}`, 1]),
    ]) as Record<string, number>;
  });
  return { places, words, blocks };
}

/** `places` are those of the page, as the crawl sees them. */
export function labelledPlaces(places: readonly Place[], pictures: readonly Picture[]): LabelledPlace[] {
  const classes = new Map<string, Set<PictureClass>>();
  for (const picture of pictures)
    for (const url of picture.urls) classes.set(url, (classes.get(url) ?? new Set()).add(picture.class));
  return places.map((place) => {
    const known = new Set([
      ...(classes.get(keyOf(place.candidate.url)) ?? []),
      ...(classes.get(keyOf(place.url)) ?? []),
    ]);
    return { ...place, class: known.size === 1 ? [...known][0]! : null };
  });
}
