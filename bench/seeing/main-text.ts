/**
 * What the authors of a corpus say is the main text of its pages (WCXB, CC BY 4.0, of which most labelled pages are, too). Where a
 * picture stands between texts of it, it is of the subject more often than not; so pages without labels teach, too.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TextBlock } from '../../crawler/page/candidates.ts';
import type { Place } from '../../crawler/page/places.ts';
import { textOf } from '../../crawler/page/visible-text.ts';
import type { LabelledPage } from './labels.ts';
import { readHtml } from './pages.ts';
import { crawledPlaces } from './places.ts';
import { normalText } from './truth.ts';

interface MainText {
  readonly url: string;
  readonly kind: string;
  /** Normalised, with the title. */
  readonly text: string;
}

type Features = Readonly<Record<string, number>>;

/** A place of a picture on a page without labels. */
export interface UnlabelledPlace {
  readonly features: Features;
  readonly words: Features;
  readonly beside: Features;
}

const splits = ['dev', 'test'] as const;

/** The main text of a page of WCXB; null for another one's. */
export function mainTextOf(
  folder: string,
  { repository, path: file }: Pick<LabelledPage, 'repository' | 'path'>,
): MainText | null {
  if (repository !== 'wcxb') return null;
  const name = file.replace('/html/', '/ground-truth/').replace('.html.gz', '.json');
  const { url, ground_truth, _internal } = JSON.parse(readFileSync(path.join(folder, 'wcxb', name), 'utf8')) as {
    url: string;
    ground_truth: { title: string | null; main_content: string | null };
    _internal?: { page_type?: { primary?: string } };
  };
  const { title, main_content: content } = ground_truth;
  return { url, kind: _internal?.page_type?.primary ?? '', text: normalText(`${title ?? ''}\n${content ?? ''}`) };
}

/** Letters of a text and of a link that are searched: shorter ones are everywhere. Ours. */
const minTextLength = 8;
const minLinkLength = 20;

/** Letters of a text by which it is known. Ours. */
const maxComparedLength = 100;

/** Texts before and after a picture that are looked at. */
const textsBeside = 2;

/** For each place, whether the texts before and after it are of the main text; for teaching only, the crawl does not know it. */
export function besideMainText(
  places: readonly Place[],
  blocks: readonly TextBlock[],
  main: MainText | null,
): Features[] {
  if (main === null) return places.map(() => ({ 'main-unknown': 1 }));
  const isMain = (text: string): boolean => main.text.includes(text.slice(0, maxComparedLength));
  const texts = blocks.flatMap(({ element, kind, order }) => {
    const text = normalText(textOf(element, 3 * maxComparedLength));
    return text.length < (kind === 'link' ? minLinkLength : minTextLength) ? [] : [{ order, isMain: isMain(text) }];
  });
  let next = 0;
  return places.map(({ candidate: { order, element } }) => {
    while (next < texts.length && texts[next]!.order < order) next += 1;
    const before = texts.slice(Math.max(0, next - textsBeside), next).reverse();
    const after = texts.slice(next, next + textsBeside);
    const features: Record<string, number> = {};
    for (const [side, around] of [
      ['before', before],
      ['after', after],
    ] as const)
      around.forEach((text, at) => {
        features[`main-${side}-${at}-${text.isMain}`] = 1;
      });
    const alt = normalText(element.attribs.alt ?? '');
    if (alt.length >= minTextLength) features[`main-alt-${isMain(alt)}`] = 1;
    const isBeside = before[0]?.isMain === true || after[0]?.isMain === true;
    if (before[0]?.isMain === true && after[0]?.isMain === true) features['main-both'] = 1;
    if (isBeside) features['main-beside'] = 1;
    features[`main-on-${main.kind}`] = 1;
    if (isBeside) features[`main-beside-on-${main.kind}`] = 1;
    return features;
  });
}

/** Places of a page that are learned from, so that a long list counts no more than ten articles. Ours. */
const maxPlacesOfPage = 8;

/** Places on pages of sites that no label is of. */
export function unlabelledPlaces(folder: string, labelled: ReadonlySet<string>): UnlabelledPlace[] {
  return splits.flatMap((split) =>
    readdirSync(path.join(folder, 'wcxb', split, 'html'))
      .sort()
      .flatMap((name) => {
        const file = `${split}/html/${name}`;
        const main = mainTextOf(folder, { repository: 'wcxb', path: file })!;
        if (!URL.canParse(main.url) || labelled.has(siteOf(main.url))) return [];
        const { places, words, blocks } = crawledPlaces(readHtml(folder, 'wcxb', file).toString('utf8'), main.url);
        const beside = besideMainText(places, blocks, main);
        const all = places.flatMap(({ features, refusal }, at) =>
          refusal === null ? [{ features, words: words[at]!, beside: beside[at]! }] : [],
        );
        const step = Math.max(1, all.length / maxPlacesOfPage);
        return all.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step));
      }),
  );
}

export const siteOf = (url: string): string => new URL(url).hostname.replace(/^www\./, '');
