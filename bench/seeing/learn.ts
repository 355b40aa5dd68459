/**
 * Learns by what the crawl tells a page's subject from teasers and furniture (crawler/page/dominant.ts), from all labelled pages
 * but those that are only counted.
 *
 *     node --import tsx bench/seeing/learn.ts [--pages FOLDER] [--from URL-OR-FOLDER] [--write]
 *
 * It prints how well pictures of sites are told that the weights were not learned from (ten folds by site), and with `--write` writes
 * the weights of all these pages to crawler/page/dominance-weights.ts, those of words in classes to vocabulary-weights.ts. The same
 * pages give the same weights.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Weights } from '../../crawler/page/dominance-weights.ts';
import { probability } from '../../crawler/page/dominant.ts';
import { classVocabulary } from '../../crawler/page/image-features.ts';
import { areaUnderCurve } from '../../model/ranking/area-under-curve.ts';
import { readLabels } from './labels.ts';
import { type Example, fit, type Prior } from './logistic.ts';
import { besideMainText, mainTextOf, siteOf, type UnlabelledPlace, unlabelledPlaces } from './main-text.ts';
import { fetchRepositories, readPage, savedPagesFlags } from './pages.ts';
import { aroundPrefix, crawledPlaces, labelledPlaces, ownPrefix } from './places.ts';
import { picturesOf } from './truth.ts';

const { values } = parseArgs({
  options: {
    ...savedPagesFlags,
    write: { type: 'boolean', default: false },
  },
});
await fetchRepositories(values.pages, values.from);

/** Of 0.5, 1, 2 and 4 the best by the area under the curve, in ten folds by site. */
const penalty = 0.5;

/** Of words: most are on few sites. Of 5, 12, 15 and 25 the best. */
const wordPenalty = 15;

/** Labelled sites that a word is learned from. Ours: of 4, 5 and 8 the best. */
const minSitesOfWord = 5;

/** Weights of words that are left out when they are written: they change nothing. */
const minWrittenWeight = 0.03;

const folds = 10;

/**
 * What is expected of features that few labelled places have: weights stay near it unless the labels say otherwise. Ours, the
 * signs of all and the sizes about those of the rules that were here before.
 */
const expected: Readonly<Record<string, number>> = {
  'alt-words': 0.5,
  'region-advert': -3,
  'region-comments': -2,
  'region-author': -2,
  stripe: -1,
  'icon-size': -2,
  formula: -3,
  // No labelled place has it: pictures that stand nowhere are not labelled.
  'only-named-sign': -7,
};

interface Row {
  readonly site: string;
  readonly beside: Example['features'];
  readonly kind: string;
  readonly class: string;
  readonly features: Example['features'];
  readonly words: Example['features'];
}

const labels = readLabels();
const rows: Row[] = labels
  .filter(({ half }) => half !== 'counted')
  .flatMap((page) => {
    const html = readPage(values.pages, page);
    const { places, words, blocks } = crawledPlaces(html, page.url);
    const beside = besideMainText(places, blocks, mainTextOf(values.pages, page));
    return labelledPlaces(places, picturesOf(page, html)).flatMap(({ class: is, features, refusal }, at) =>
      is === null || refusal !== null
        ? []
        : [
            {
              site: new URL(page.url).hostname,
              kind: page.kind,
              class: is,
              features,
              words: words[at]!,
              beside: beside[at]!,
            },
          ],
    );
  });
const unlabelled = unlabelledPlaces(values.pages, new Set(labels.map(({ url }) => siteOf(url))));
const names = [...new Set([...Object.keys(expected), ...rows.flatMap(({ features }) => Object.keys(features))])]
  .filter((name) => name !== classVocabulary)
  .sort();
const words = wordsOfSites(rows);

/** Words that stand around pictures of enough sites. */
function wordsOfSites(of: readonly Row[]): string[] {
  const sites = new Map<string, Set<string>>();
  for (const row of of) for (const word in row.words) sites.set(word, (sites.get(word) ?? new Set()).add(row.site));
  return [...sites]
    .filter(([, { size }]) => size >= minSitesOfWord)
    .map(([word]) => word)
    .sort();
}

const isWord = (name: string): boolean => name.startsWith(ownPrefix) || name.startsWith(aroundPrefix);
const prior: Prior = { penalty: (name) => (isWord(name) ? wordPenalty : penalty), expected };

const isSubject = (row: Row): boolean => row.class === 'subject';
const isFurniture = (row: Row): boolean => row.class === 'furniture';

/** What the score is a sum of: the features and the words. Each picture counts once. Subjects are 38 % of them, so the classes need no other balance. */
const known = ({ features, words: around }: Pick<Row, 'features' | 'words'>): Example['features'] => ({
  ...features,
  ...around,
});

/**
 * Weights of the subject. A teacher that also knows the main text around the labelled pictures says how probably those of pages
 * without labels are subjects, and the model learns from both.
 */
function fitSubject(of: readonly Row[]): Weights {
  const withMain = (place: UnlabelledPlace): Example['features'] => ({ ...known(place), ...place.beside });
  const ownNames = [...names, ...words];
  const teacherNames = [...ownNames, ...new Set(of.flatMap(({ beside }) => Object.keys(beside)))];
  const positive = (row: Row): number => Number(isSubject(row));
  const taught = of.map((row) => ({ features: withMain(row), positive: positive(row), weight: 1 }));
  const teacher = fit(taught, teacherNames, prior);
  const guessed = unlabelled.map((place) => ({
    features: known(place),
    positive: probability(teacher, withMain(place)),
    weight: 1,
  }));
  const labelled = of.map((row) => ({ features: known(row), positive: positive(row), weight: 1 }));
  return fit([...labelled, ...guessed], ownNames, prior);
}

/** Weights of furniture, which words of classes tell no better. */
const fitFurniture = (of: readonly Row[]): Weights =>
  fit(
    of.map((row) => ({ features: row.features, positive: Number(isFurniture(row)), weight: 1 })),
    names,
    { penalty: () => penalty },
  );

const foldOf = ({ site }: Row): number => createHash('sha256').update(site).digest()[0]! % folds;

/** Scores by models that have not seen the site. */
function scores(of: readonly Row[], learn: (of: readonly Row[]) => Weights): number[] {
  const models = Array.from({ length: folds }, (_, fold) => learn(of.filter((row) => foldOf(row) !== fold)));
  return of.map((row) => probability(models[foldOf(row)]!, known(row)));
}

const subjectScores = scores(rows, fitSubject);
const table: Record<string, Record<string, string | number>> = {};
for (const kind of ['all', ...new Set(rows.map((row) => row.kind))].sort()) {
  const chosen = rows.map((_, at) => at).filter((at) => kind === 'all' || rows[at]!.kind === kind);
  const positives = chosen.filter((at) => isSubject(rows[at]!));
  const at = (threshold: number): string => {
    const kept = chosen.filter((one) => subjectScores[one]! >= threshold);
    const right = kept.filter((one) => isSubject(rows[one]!)).length;
    return `${(right / positives.length).toFixed(3)} / ${(right / kept.length).toFixed(3)}`;
  };
  const area = areaUnderCurve(
    chosen.map((one) => subjectScores[one]!),
    chosen.map((one) => isSubject(rows[one]!)),
  );
  table[kind] = {
    places: chosen.length,
    subjects: positives.length,
    'area under curve': area.toFixed(3),
    'recall / precision at 0.3': at(0.3),
    'at 0.35': at(0.35),
    'at 0.4': at(0.4),
    'at 0.5': at(0.5),
  };
}
console.table(table);
const others = rows.filter((row) => !isSubject(row));
const furnitureArea = areaUnderCurve(scores(others, fitFurniture), others.map(isFurniture));
console.log(`Furniture from teasers: ${others.length} places, area under curve ${furnitureArea.toFixed(3)}`);

const subject = fitSubject(rows);
const furniture = fitFurniture(others);
const listed = ({ features }: Weights): [string, number][] => [...features].filter(([name]) => !isWord(name));
const weightsOfWords = (prefix: string): [string, number][] =>
  [...subject.features]
    .filter(([name, weight]) => name.startsWith(prefix) && Math.abs(weight) >= minWrittenWeight)
    .map(([name, weight]) => [name.slice(prefix.length), weight]);
console.table(
  Object.fromEntries(
    listed(subject)
      .sort(([, a], [, b]) => b - a)
      .map(([name, weight]) => [
        name,
        { subject: weight.toFixed(2), 'furniture, not teaser': furniture.features.get(name)!.toFixed(2) },
      ]),
  ),
);

for (const prefix of [ownPrefix, aroundPrefix]) {
  const sorted = weightsOfWords(prefix).sort(([, a], [, b]) => b - a);
  const printed = (of: typeof sorted): string => of.map(([word, weight]) => `${word} ${weight.toFixed(2)}`).join(', ');
  console.log(`Words ${prefix}: ${sorted.length}. ${printed(sorted.slice(0, 40))}, … ${printed(sorted.slice(-40))}`);
}

if (values.write) {
  const constant = (name: string, meaning: string, model: Weights): string =>
    [
      `/** ${meaning} */`,
      `export const ${name}: Weights = {`,
      `  bias: ${Number(model.bias.toFixed(2))},`,
      '  features: new Map([',
      ...[...listed(model), ...(model === subject ? [[classVocabulary, 1] as const] : [])]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([feature, weight]) => `    ['${feature}', ${Number(weight.toFixed(2))}],`),
      '  ]),',
      '};',
    ].join('\n');
  const text = [
    `/**
 * Weights of the features in image-features.ts. Written by \`bench/seeing/learn.ts --write\` from ${rows.length} places of pictures,
 * ${rows.filter(isSubject).length} of them subjects, on pages labelled by hand, and ${unlabelled.length} on pages of which the main text is known; do not edit.
 */

export interface Weights {
  readonly bias: number;
  readonly features: ReadonlyMap<string, number>;
}`,
    constant('subjectWeights', 'Log odds that a picture is of its page’s subject.', subject),
    constant('furnitureWeights', 'Log odds that one which is not is furniture, and no teaser.', furniture),
  ].join('\n\n');
  const write = (file: string, content: string): void =>
    writeFileSync(fileURLToPath(new URL(`../../crawler/page/${file}`, import.meta.url)), `${content}\n`);
  write('dominance-weights.ts', text);
  const vocabulary = (name: string, meaning: string, prefix: string): string =>
    [
      `/** ${meaning} */`,
      `export const ${name}: ReadonlyMap<string, number> = read(\``,
      ...lines(weightsOfWords(prefix).map(([word, weight]) => `${word} ${Number(weight.toFixed(2))}`)),
      '`);',
    ].join('\n');
  write(
    'vocabulary-weights.ts',
    [
      `/**
 * Weights of words in classes and ids: log odds that a picture is of its page’s subject. Written by \`bench/seeing/learn.ts --write\`
 * from the pages of dominance-weights.ts; each word is on ${minSitesOfWord} labelled sites or more. Do not edit.
 */`,
      `const read = (words: string): ReadonlyMap<string, number> =>
  new Map(
    words
      .trim()
      .split(/,\\s+/)
      .map((entry) => entry.split(' '))
      .map(([word, weight]) => [word!, Number(weight)]),
  );`,
      vocabulary('ownWeights', 'Of the picture itself, besides what they weigh around one.', ownPrefix),
      vocabulary('aroundWeights', 'Of the picture and what is around it.', aroundPrefix),
    ].join('\n\n'),
  );
}

/** Entries with commas between them, in lines of a readable length. */
function lines(entries: readonly string[]): string[] {
  const all: string[] = [];
  for (const entry of entries) {
    const last = all.at(-1);
    if (last === undefined || last.length + entry.length > 120) all.push(entry);
    else all[all.length - 1] = `${last}, ${entry}`;
  }
  return all.map((line, at) => (at === all.length - 1 ? line : `${line},`));
}
