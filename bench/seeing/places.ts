/** The places of pictures on a labelled page, as the crawl sees them, with the class that the labels give each. */
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

export function labelledPlaces(html: string, pageUrl: string, pictures: readonly Picture[]): LabelledPlace[] {
  const scan = scanPage(parseHtml(html), pageUrl);
  const { head } = scan;
  const described = [...jsonLdImages(head.jsonLd, head.base), ...openGraphImages(head.metaTags, head.base)];
  const texts = new ImageTexts(scan.elementsById, siteNameReader(head, pageUrl), () => false);
  const classes = new Map<string, Set<PictureClass>>();
  for (const picture of pictures)
    for (const url of picture.urls) classes.set(url, (classes.get(url) ?? new Set()).add(picture.class));
  return placesOf(scan, pageUrl, {
    representative: new Set(described.map(({ url }) => keyOf(url))),
    hasCaption: (candidate) => texts.caption(candidate) !== '',
  }).map((place) => {
    const known = new Set([
      ...(classes.get(keyOf(place.candidate.url)) ?? []),
      ...(classes.get(keyOf(place.url)) ?? []),
    ]);
    return { ...place, class: known.size === 1 ? [...known][0]! : null };
  });
}
