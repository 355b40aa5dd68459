/**
 * What a setting of pretraining is worth: rows of settings, each trained with the same number of floating-point operations from several
 * seeds, and retrieval by contrast on a test split beside chance and a linear map. Finished rows are kept in the corpus, so that a bench
 * that was stopped goes on, and more rows join an old table.
 *
 *     node --import tsx bench/learning.ts CORPUS [--first base] [--rows NAME,NAME] [--seeds 3] [--steps 300] [--batch-size 32] [--preset mini]
 *
 * CORPUS has shards train, validation and test, and regions. `--steps` is what the first row takes. A difference from the first row
 * has an interval (95 %, bootstrap over queries and seeds); one that holds 0 is called none.
 *
 * The claims of the paper (ImageBERT, tables 3 and 4) are the rows after `five` and, of corpora that bench/noisy-corpora.ts makes, those after `clean-only`:
 *
 *     node --import tsx bench/learning.ts CORPUS --preset tiny --from scratch --first five --rows no-mlm,no-moc,no-mrfr,no-itm
 *     node --import tsx bench/learning.ts CORPUS --preset tiny --from scratch --first clean-only --rows noisy-only,mixed,noisy-then-clean
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../cli/config-file.ts';
import { regionsDir } from '../cli/data-place.ts';
import { random } from '../dataset/random.ts';
import { type Example, readExamples } from '../model/data/example.ts';
import { tokenizerOfModel } from '../model/data/tokenizer.ts';
import { modelCost } from '../model/net/cost.ts';
import type { ObjectiveWeights } from '../model/net/objective.ts';
import { ranks, recallsOfRanks } from '../model/ranking/recall.ts';
import { similarities } from '../model/ranking/scoring.ts';
import { openRetrievalModel } from '../model/retrieval/retrieval-model.ts';
import { readCheckpoint } from '../model/train/checkpoint.ts';
import { latestStage } from '../model/train/stages.ts';

interface Row {
  readonly name: string;
  readonly objectives: ObjectiveWeights;
  readonly hardNegatives?: boolean;
  readonly cleanMatching?: boolean;
  /** Other flags of `lait pretrain`. */
  readonly flags?: readonly string[];
  /** Stages instead of the corpus itself: below it, the folders that each learns from and its share of the steps. */
  readonly stages?: readonly { readonly corpora: readonly string[]; readonly share: number }[];
}

const contrast: ObjectiveWeights = { mlm: 0, moc: 0, mrfr: 0, itm: 0, itc: 1 };
const five: ObjectiveWeights = { mlm: 1, moc: 1, mrfr: 1, itm: 1, itc: 1 };
/** As the paper has it, whose runs begin at no linear map. */
const paper = { cleanMatching: true, flags: ['--contrast-start', 'random'] };
const staged = (...stages: NonNullable<Row['stages']>) => ({ objectives: five, ...paper, stages });
/** One row changes one thing of the first. */
const rows: readonly Row[] = [
  { name: 'base', objectives: contrast },
  { name: 'no-shortcut', objectives: contrast, flags: ['--contrast-start', 'random'] },
  { name: 'cls', objectives: contrast, flags: ['--contrast-pooling', 'first'] },
  { name: 'encoder-rate-1', objectives: contrast, flags: ['--encoder-rate', '1'] },
  { name: 'encoder-rate-0', objectives: contrast, flags: ['--encoder-rate', '0'] },
  { name: 'rate-1e-4', objectives: contrast, flags: ['--learning-rate', '1e-4'] },
  { name: 'matching', objectives: { ...contrast, itm: 1 } },
  { name: 'hard-matching', objectives: { ...contrast, itm: 1 }, hardNegatives: true },
  { name: 'all', objectives: five },
  { name: 'all-clean', objectives: five, cleanMatching: true },
  { name: 'five', objectives: five, ...paper },
  { name: 'no-mlm', objectives: { ...five, mlm: 0 }, ...paper },
  { name: 'no-moc', objectives: { ...five, moc: 0 }, ...paper },
  { name: 'no-mrfr', objectives: { ...five, mrfr: 0 }, ...paper },
  { name: 'no-itm', objectives: { ...five, itm: 0 }, ...paper },
  { name: 'contrast-only', objectives: contrast, ...paper },
  { name: 'clean-only', ...staged({ corpora: ['clean'], share: 1 }) },
  { name: 'noisy-only', ...staged({ corpora: ['noisy'], share: 1 }) },
  { name: 'mixed', ...staged({ corpora: ['noisy', 'clean'], share: 1 }) },
  {
    name: 'noisy-then-clean',
    ...staged({ corpora: ['noisy'], share: 0.5 }, { corpora: ['clean'], share: 0.5 }),
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    first: { type: 'string', default: 'base' },
    rows: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '300' },
    'batch-size': { type: 'string', default: '32' },
    preset: { type: 'string', default: 'mini' },
    from: { type: 'string', default: 'minilm' },
  },
});
const [corpus] = positionals;
if (corpus === undefined)
  throw new Error('Expected a corpus with the splits train, validation and test but received none.');
const rowOf = (name: string): Row => {
  const row = rows.find((one) => one.name === name);
  if (row === undefined)
    throw new Error(`Expected one of ${rows.map((one) => one.name).join(', ')} but received ${name}.`);
  return row;
};
const first = rowOf(values.first);
const others = (values.rows?.split(',') ?? rows.map(({ name }) => name)).map(rowOf).filter((row) => row !== first);
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
const folder = join(corpus, 'learning');
mkdirSync(folder, { recursive: true });

/** Ranks of the right answers, by query. */
interface Found {
  readonly steps: number;
  readonly image: number[];
  readonly text: number[];
}

const lait = (...args: string[]) =>
  execFileSync(process.execPath, [join(import.meta.dirname, '../cli/lait.mjs'), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });

async function resultOf(row: Row, seed: number, steps: number): Promise<Found> {
  const run = `learning-${row.name}-${seed}-${steps}`;
  const file = join(folder, `${run}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Found;
  const weights = Object.entries(row.objectives).flatMap(([name, weight]) => [`--${name}`, String(weight)]);
  const { preset, from } = values;
  lait(
    ...['pretrain', '--corpus', corpus!, '--run', run, '--preset', preset, '--from', from, '--seed', String(seed)],
    ...['--steps', String(steps), '--batch-size', values['batch-size'], '--precision', 'bf16'],
    ...(row.flags?.includes('--learning-rate') ? [] : ['--learning-rate', '1e-3']),
    ...weights,
    ...(row.hardNegatives ? ['--hard-negatives'] : []),
    ...(row.cleanMatching ? ['--clean-matching'] : []),
    ...(row.flags ?? []),
    ...(row.stages === undefined ? [] : ['--stages', stagesFile(run, row.stages, steps)]),
  );
  const runDir = join(corpus!, 'runs', run);
  const found = { steps, ...(await contrastRanks(row.stages === undefined ? runDir : latestStage(runDir))) };
  writeFileSync(file, JSON.stringify(found));
  return found;
}

function stagesFile(run: string, stages: NonNullable<Row['stages']>, steps: number): string {
  const file = join(folder, `${run}.yaml`);
  const written = stages.map(({ corpora, share }, place) => ({
    name: `stage-${place + 1}`,
    corpora: corpora.map((name) => ({ dir: resolve(corpus!, name) })),
    steps: Math.round(steps * share),
  }));
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(written));
  return file;
}

/** How a run's last checkpoint ranks the test split by contrast. */
async function contrastRanks(run: string) {
  const checkpoint = readCheckpoint(run);
  const { maxPieces, maxRegions } = checkpoint.config;
  const regions = regionsDir(corpus!, readConfig(corpus!).regions);
  const shards = join(corpus!, 'shards/test');
  const examples: Example[] = [];
  for await (const one of readExamples({
    shards,
    regions,
    tokenizer: tokenizerOfModel(checkpoint),
    maxPieces,
    maxRegions,
  }))
    examples.push(one);
  const images = [...new Map(examples.map((one) => [one.imageId, one.regions])).entries()];
  const place = new Map(images.map(([id], at) => [id, at]));
  const set = {
    images: images.map(([, own]) => own),
    texts: examples.map(({ pieces }) => pieces),
    owner: examples.map(({ imageId }) => place.get(imageId)!),
  };
  const model = openRetrievalModel(checkpoint, { precision: 'bf16' });
  try {
    return ranks(similarities(set, model), set.owner);
  } finally {
    model.dispose();
  }
}

/** Of a measure over queries the differences of two rows, resampled over queries and seeds: the middle 95 %. */
function interval(
  own: readonly Found[],
  first: readonly Found[],
  side: 'image' | 'text',
  limit: number,
): [number, number] {
  const draw = random(0);
  const queries = own[0]![side].length;
  const hit = (found: Found, query: number) => (found[side][query]! < limit ? 1 : 0);
  const differences = Array.from({ length: 1000 }, () => {
    const [one, other] = [own[draw.below(own.length)]!, first[draw.below(first.length)]!];
    let sum = 0;
    for (let index = 0; index < queries; index++) {
      const query = draw.below(queries);
      sum += hit(one, query) - hit(other, query);
    }
    return sum / queries;
  }).sort((a, b) => a - b);
  return [differences[25]!, differences[974]!];
}

const trainingFlops = (row: Row) => {
  const runDir = join(corpus!, 'runs', `learning-${first.name}-0-${values.steps}`);
  const { config: model } = readCheckpoint(first.stages === undefined ? runDir : latestStage(runDir));
  return modelCost(model, row.objectives, row).trainingFlops;
};
const mean = (all: readonly number[]) => all.reduce((sum, one) => sum + one, 0) / all.length;
const share = (value: number) => (100 * value).toFixed(1);

const firstResults: Found[] = [];
for (const seed of seeds) firstResults.push(await resultOf(first, seed, Number(values.steps)));
const lines = [
  '| row | steps | image for a text R@1/5/10 | R@10 beside the first row | text for an image R@1/5/10 | R@10 beside the first row |',
  '|---|---|---|---|---|---|',
];
for (const row of [first, ...others]) {
  const steps = Math.max(1, Math.round((Number(values.steps) * trainingFlops(first)) / trainingFlops(row)));
  const results: Found[] = [];
  for (const seed of seeds) results.push(await resultOf(row, seed, steps));
  const cells = (['image', 'text'] as const).flatMap((side) => {
    const found = results.map((one) => recallsOfRanks(one[side]));
    const [low, high] = interval(results, firstResults, side, 10);
    const apart = row === first ? '' : low <= 0 && high >= 0 ? 'none' : `${share(low)} to ${share(high)}`;
    return [
      `${share(mean(found.map(({ r1 }) => r1)))}/${share(mean(found.map(({ r5 }) => r5)))}/${share(mean(found.map(({ r10 }) => r10)))}`,
      apart,
    ];
  });
  lines.push(`| ${row.name} | ${steps} | ${cells.join(' | ')} |`);
  console.log(lines.at(-1));
}
console.log(`\n${lines.join('\n')}`);
