import { parseArgs } from 'node:util';
import { minSubjectScore } from '../../crawler/page/dominant.ts';
import { random } from '../../dataset/random.ts';
import { crawledPictures } from './crawled.ts';
import { type LabelledPage, type PictureClass, readLabels } from './labels.ts';
import { outlineOf } from './outline.ts';
import { fetchRepositories, readPage, savedPagesFlags } from './pages.ts';
import { addPage, emptyScore, type Fault, isAmong, type KeptPicture, type Score } from './score.ts';
import { jsonLdRef, type Picture, picturesOf } from './truth.ts';

const { values } = parseArgs({
  options: {
    ...savedPagesFlags,
    faults: { type: 'boolean', default: false },
    threshold: { type: 'string', default: String(minSubjectScore) },
  },
});
await fetchRepositories(values.pages, values.from);

const classes = ['subject', 'teaser', 'furniture'] as const satisfies readonly PictureClass[];
const resamples = 2000;

const firstLabels = new Map(readLabels().map((page) => [page.sha256, page]));
const pages = readLabels('second-reader.jsonl').map((second) => {
  const first = firstLabels.get(second.sha256);
  if (first === undefined) throw new Error(`Expected labels of ${second.path} by the first reader`);
  const html = readPage(values.pages, second);
  return {
    html,
    url: second.url,
    path: second.path,
    first: picturesOf(first, html),
    second: picturesOf(second, html),
    classes: pairsOfClasses(first, second),
  };
});

type Page = (typeof pages)[number];

const threshold = Number(values.threshold);
const crawled = new Map(
  pages.map((page) => [page, crawledPictures(page.html, page.url).filter(({ score }) => score >= threshold)]),
);

const rows: Record<string, Record<string, string>> = {};
const compare = (
  name: string,
  truth: 'first' | 'second',
  kept: (page: Page) => readonly KeptPicture[],
  isListed = false,
): void => {
  const scores = pages.map((page) => {
    const score = emptyScore();
    addPage(score, page[truth], kept(page), (fault) => isListed && printFault(page, fault));
    return score;
  });
  rows[name] = row(scores);
};
compare('second reader, held against the first', 'first', ({ html, second }) => keptBy(second, html), values.faults);
compare('first reader, held against the second', 'second', ({ html, first }) => keptBy(first, html), values.faults);
compare('lait, held against the first', 'first', (page) => crawled.get(page)!);
compare('lait, held against the second', 'second', (page) => crawled.get(page)!);
console.table(rows);

const all = pages.flatMap((page) => page.classes);
console.log(
  `kappa of the classes of ${all.length} places: ${withInterval(pages, (some) => kappa(some.flatMap((page) => page.classes)))}`,
);
const confusion: Record<string, Record<string, number>> = {};
for (const first of classes) {
  const line: Record<string, number> = {};
  for (const second of classes)
    line[`second: ${second}`] = all.filter((pair) => pair.first === first && pair.second === second).length;
  confusion[`first: ${first}`] = line;
}
console.table(confusion);

const judged = pages.map((page) => [...textsOf(page)]);
const bothSay = (isFirst: boolean, isSecond: boolean): string =>
  withInterval(judged, (some) => {
    const texts = some.flat();
    return texts.filter(({ first, second }) => first === isFirst && second === isSecond).length / texts.length;
  });
console.log(`${judged.flat().length} texts of lait, of pictures that neither reader calls furniture:`);
console.table({
  'first: about it': { 'second: about it': bothSay(true, true), 'second: not': bothSay(true, false) },
  'first: not': { 'second: about it': bothSay(false, true), 'second: not': bothSay(false, false) },
});
if (values.faults)
  for (const page of pages) {
    for (const { source, text, first, second } of textsOf(page))
      if (first !== second) console.log(`${page.path}  judged  ${first} / ${second}  ${source}: ${text.slice(0, 100)}`);
    for (const { selector, first, second } of page.classes)
      if (first !== second) console.log(`${page.path}  class  ${first} / ${second}  ${selector}`);
  }

/** The texts that lait keeps for pictures of the page, and whether each reader says that they are about theirs. */
function* textsOf(page: Page): Generator<{ source: string; text: string; first: boolean; second: boolean }> {
  for (const { keys, texts } of crawled.get(page)!) {
    const [first, second] = [page.first, page.second].map((pictures) =>
      pictures.filter(({ class: kind, urls }) => kind !== 'furniture' && keys.some((key) => urls.has(key))),
    );
    if (first!.length === 0 || second!.length === 0) continue;
    const isSaid = (text: string, places: readonly Picture[]): boolean =>
      isAmong(
        text,
        places.flatMap((place) => place.texts),
      );
    for (const { source, text } of texts)
      yield { source, text, first: isSaid(text, first!), second: isSaid(text, second!) };
  }
}

/** What a reader says, as an extractor would give it: subjects with an address and a text, a picture in several places once. */
function keptBy(pictures: readonly Picture[], html: string): KeptPicture[] {
  const jsonLd = new Map([...outlineOf(html).metas.values()].map(({ text }) => [jsonLdRef(text), text]));
  const kept: { keys: Set<string>; texts: Set<string> }[] = [];
  for (const { class: kind, urls, texts } of pictures) {
    if (kind !== 'subject' || urls.size === 0 || texts.length === 0) continue;
    let picture = kept.find(({ keys }) => [...urls].some((url) => keys.has(url)));
    if (picture === undefined) {
      picture = { keys: new Set(), texts: new Set() };
      kept.push(picture);
    }
    for (const url of urls) picture.keys.add(url);
    for (const text of texts) picture.texts.add(jsonLd.get(text) ?? text);
  }
  return kept.map(({ keys, texts }) => ({
    keys: [...keys],
    texts: [...texts].map((text) => ({ source: 'reader', text })),
  }));
}

function pairsOfClasses(
  first: LabelledPage,
  second: LabelledPage,
): { selector: string; first: PictureClass; second: PictureClass }[] {
  const classOf = (page: LabelledPage): Map<string, PictureClass> =>
    new Map([
      ...page.furniture.map((selector) => [selector, 'furniture'] as const),
      ...page.teaser.map(([selector]) => [selector, 'teaser'] as const),
      ...page.subject.map(([selector]) => [selector, 'subject'] as const),
    ]);
  const known = classOf(first);
  return [...classOf(second)]
    .filter(([selector]) => known.has(selector))
    .map(([selector, kind]) => ({ selector, first: known.get(selector)!, second: kind }));
}

/** Cohen's kappa: agreement beyond that of two readers who draw classes with their own frequencies. */
function kappa(pairs: readonly { first: PictureClass; second: PictureClass }[]): number {
  const share = (isCounted: (pair: (typeof pairs)[number]) => boolean): number =>
    pairs.filter(isCounted).length / pairs.length;
  const observed = share(({ first, second }) => first === second);
  const expected = classes.reduce(
    (sum, kind) => sum + share(({ first }) => first === kind) * share(({ second }) => second === kind),
    0,
  );
  return (observed - expected) / (1 - expected);
}

function row(scores: readonly Score[]): Record<string, string> {
  const ratio = (part: keyof Score, whole: keyof Score): string =>
    withInterval(scores, (some) => sum(some, part) / sum(some, whole));
  return {
    subjects: String(sum(scores, 'subject')),
    recall: ratio('found', 'subject'),
    kept: String(sum(scores, 'kept')),
    precision: ratio('keptSubject', 'kept'),
    texts: String(sum(scores, 'texts')),
    'about their picture': ratio('textsRight', 'texts'),
    'about another': ratio('textsOfOther', 'texts'),
  };
}

function sum(scores: readonly Score[], field: keyof Score): number {
  return scores.reduce((total, score) => total + Number(score[field]), 0);
}

/** A measure of all items, and between which values 95 % of its resamples lie. */
function withInterval<Item>(items: readonly Item[], measure: (some: readonly Item[]) => number): string {
  const draw = random(resamples);
  const drawn = Array.from({ length: resamples }, () =>
    measure(items.map(() => items[draw.below(items.length)]!)),
  ).sort((a, b) => a - b);
  const at = (share: number): string => drawn[Math.floor(share * (resamples - 1))]!.toFixed(2);
  return `${measure(items).toFixed(3)} (${at(0.025)}–${at(0.975)})`;
}

function printFault(page: Page, { kind, what }: Fault): void {
  console.log(`${page.path}  ${kind}  ${what}`);
}
