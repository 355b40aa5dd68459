/**
 * What a run measures on pairs that it never learns from: each objective's loss, retrieval, and the margins of matching. The pairs,
 * their masks and partners are the same each time, so that two measures differ by the parameters alone.
 */
import { createHash } from 'node:crypto';
import { random } from '../../dataset/random.ts';
import { type Collation, collate } from '../data/collate.ts';
import type { Example } from '../data/example.ts';
import type { FeatureStatistics } from '../data/feature-statistics.ts';
import { bucketFor, lengthBuckets } from '../data/sampler.ts';
import type { ModelConfig } from '../net/config.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import type { ObjectiveWeights } from '../net/objective.ts';
import { meanRecalls, recalls } from '../ranking/recall.ts';
import { type PairIndex, type Scoring, scoringOf, similarities } from '../ranking/scoring.ts';
import type { Arrays, Executable } from '../runtime/traced-function.ts';
import { itmEntropy } from './label-entropy.ts';
import { Metrics, measuredOf } from './metrics.ts';
import type { BestMeasure, HeldOutMeasures, HeldOutRetrieval } from './progress.ts';

/** Pairs, each of an image and words of its own, that losses and retrieval by contrast are measured on at most. Ours. */
const maxPairs = 256;
/** Pairs whose margins are measured. Ours. */
const maxMargins = 64;
/** Where only matching is learned, retrieval is measured among so many pairs at a time: it scores each image with each text. Ours. */
const poolPairs = 16;
const maxPools = 6;

/** Mean of the recalls at 1, 5 and 10 in both directions, 0 to 1. As ALBEF chooses its checkpoint. */
export const meanRecall = ({ image, text }: Pick<HeldOutRetrieval, 'image' | 'text'>): number =>
  (image.r1 + image.r5 + image.r10 + text.r1 + text.r5 + text.r10) / 6;

export interface HeldOutOptions {
  readonly examples: readonly Example[];
  readonly batchSize: number;
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly collation: Collation;
  readonly featureStatistics: FeatureStatistics;
  /** What the run learns. */
  readonly weights: Partial<ObjectiveWeights>;
}

export interface HeldOut {
  /** Pairs that are measured. */
  readonly pairs: readonly Example[];
  readonly scoring: Scoring;
  measure(): HeldOutMeasures;
}

/** The pairs that are measured of these examples; none where they are too few. */
function measuredPairs(examples: readonly Example[]): Example[] {
  const pairs = differentPairs(examples).slice(0, maxPairs);
  return pairs.length < 2 ? [] : pairs;
}

/**
 * What the values of a measure rest on beside the parameters, as a digest: the held-out pairs and how they are put into batches, and of a sum of
 * losses its weights. Values of two yardsticks are not to be compared. undefined where nothing is measured.
 */
export function yardstick(
  by: BestMeasure,
  { examples, batchSize, collation, weights }: Omit<HeldOutOptions, 'config' | 'special' | 'featureStatistics'>,
): string | undefined {
  const pairs = measuredPairs(examples);
  if (pairs.length === 0) return undefined;
  const hash = createHash('sha256');
  for (const { key, imageId, pieces, regions } of pairs) {
    hash.update(JSON.stringify([key, imageId, pieces]));
    for (const { buffer, byteOffset, byteLength } of [regions.boxes, regions.labels, regions.features]) {
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  const learned = Object.entries(weights).filter(([, weight]) => weight > 0);
  const { task } = collation;
  const batches = task === 'pretrain' ? [collation.maxOverlap, collation.cleanMatching] : [collation.ranking];
  const measured = by === 'loss' ? learned : learned.map(([name]) => name);
  // Retrieval reads each image and text as it is.
  const how = by === 'retrieval' ? [(weights.itc ?? 0) > 0] : [batchSize, task, batches, measured];
  return hash.update(JSON.stringify(how)).digest('hex').slice(0, 16);
}

/**
 * Prepares an executable, which has the function `validate` and the `scoringFunctions`, to measure. undefined where there are fewer
 * than two pairs of different images and words.
 */
export function openHeldOut(executable: Executable, options: HeldOutOptions): HeldOut | undefined {
  const { config, weights, batchSize } = options;
  const pairs = measuredPairs(options.examples);
  if (pairs.length === 0) return undefined;
  const buckets = lengthBuckets(config);
  const padTo = {
    pieces: bucketFor(buckets.pieces, Math.max(...pairs.map(({ pieces }) => pieces.length))),
    regions: bucketFor(buckets.regions, Math.max(...pairs.map(({ regions }) => regions.labels.length))),
  };
  const learned = { itm: (weights.itm ?? 0) > 0, itc: (weights.itc ?? 0) > 0 };
  // Negatives that the model chooses would be others each time.
  const collation =
    options.collation.task === 'pretrain' ? { ...options.collation, hardNegatives: false } : options.collation;
  const batches = function* (): Generator<Arrays> {
    for (let batch = 0; batch * batchSize < pairs.length; batch++) {
      // The last one is filled up from the start.
      const rows = Array.from({ length: batchSize }, (_, row) => pairs[(batch * batchSize + row) % pairs.length]!);
      const shape = { pairs: batchSize, ...padTo };
      yield collate(collation, rows, shape, options.featureStatistics, random(0x7a11da, batch));
    }
  };
  const scoring = scoringOf(executable, options, { batchPairs: Math.min(64, Math.max(2, pairs.length)), padTo });
  const [first] = pairs;
  executable.prepare('validate', batches().next().value as Arrays);
  scoring.prepare(learned, [first!.regions], [first!.pieces]);
  return {
    pairs,
    scoring,
    measure() {
      const metrics = new Metrics();
      for (const arrays of batches()) {
        metrics.add({ ...measuredOf(executable.run('validate', arrays)), ...itmEntropy([arrays]) });
      }
      return {
        ...metrics.measures(),
        ...(metrics.has('itmEntropy') && { itmEntropy: metrics.mean('itmEntropy') }),
        ...(learned.itc ? byContrast(pairs, scoring, learned.itm) : learned.itm ? byMatching(pairs, scoring) : {}),
      };
    },
  };
}

/** The first example of each image, as far as no earlier one has its words. */
export function differentPairs(examples: readonly Example[]): Example[] {
  const seen = new Set<string>();
  return examples.filter(({ imageId, pieces }) => {
    const own = [`image ${imageId}`, `words ${pieces.join(' ')}`];
    if (own.some((one) => seen.has(one))) return false;
    for (const one of own) seen.add(one);
    return true;
  });
}

const setOf = (pairs: readonly Example[]) => ({
  images: pairs.map(({ regions }) => regions),
  texts: pairs.map(({ pieces }) => pieces),
});

const diagonal = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const mean = (values: Float32Array): number => values.reduce((sum, one) => sum + one, 0) / values.length;

function byContrast(pairs: readonly Example[], scoring: Scoring, itm: boolean): Partial<HeldOutMeasures> {
  const N = pairs.length;
  const set = setOf(pairs);
  const table = similarities(set, scoring);
  const found = recalls(table, diagonal(N));
  const retrieval: HeldOutRetrieval = { by: 'itc', among: N, queries: 2 * N, ...found };
  const temperature = 1 / scoring.similarityScale();
  if (!itm) return { retrieval, temperature };
  const rows = diagonal(Math.min(N, maxMargins));
  const likeliest = (row: number): number => {
    let best = row === 0 ? 1 : 0;
    for (let text = 0; text < N; text++) {
      if (text !== row && table[row * N + text]! > table[row * N + best]!) best = text;
    }
    return best;
  };
  const chosen: PairIndex[] = [
    ...rows.map((row) => [row, row] as const),
    ...rows.map((row) => [row, (row + Math.ceil(N / 2)) % N] as const),
    ...rows.map((row) => [row, likeliest(row)] as const),
  ];
  const logits = scoring.match(set.images, set.texts, chosen);
  const part = (index: number) => mean(logits.subarray(index * rows.length, (index + 1) * rows.length));
  return { retrieval, temperature, margins: { true: part(0), random: part(1), hard: part(2) } };
}

function byMatching(pairs: readonly Example[], scoring: Scoring): Partial<HeldOutMeasures> {
  const P = Math.min(poolPairs, pairs.length);
  const pools = Math.min(maxPools, Math.floor(pairs.length / P));
  const sums = { true: 0, random: 0, hard: 0 };
  const found = Array.from({ length: pools }, (_, pool) => {
    const { images, texts } = setOf(pairs.slice(pool * P, (pool + 1) * P));
    const table = scoring.match(
      images,
      texts,
      images.flatMap((_image, image) => texts.map((_text, text) => [image, text] as const)),
    );
    for (let image = 0; image < P; image++) {
      const row = table.subarray(image * P, (image + 1) * P);
      const wrong = row.filter((_, text) => text !== image);
      sums.true += row[image]!;
      sums.random += mean(wrong);
      sums.hard += Math.max(...wrong);
    }
    return recalls(table, diagonal(P));
  });
  const queries = pools * P;
  return {
    retrieval: {
      by: 'itm',
      among: P,
      queries: 2 * queries,
      image: meanRecalls(found.map(({ image }) => image)),
      text: meanRecalls(found.map(({ text }) => text)),
    },
    margins: { true: sums.true / queries, random: sums.random / queries, hard: sums.hard / queries },
  };
}
