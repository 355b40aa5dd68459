/**
 * The order in which a run meets its examples. Examples come in windows; a window is shuffled, sorted by length, cut into batches
 * of similar length (padding costs as much as words do), and the batches are shuffled. All of it follows from the seed and the
 * position, so a resumed run reads the batches that an undisturbed one would.
 */

import { type Random, random } from '../../dataset/random.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { ExampleSource, PlannedExample } from './source.ts';

/** Where a run is in its data: the next batch of a window of an epoch. */
export interface Position {
  readonly epoch: number;
  readonly window: number;
  readonly batch: number;
}

/** The numbers of word pieces and regions that a batch is padded to. */
export interface Lengths {
  readonly pieces: number;
  readonly regions: number;
}

export interface SampledBatch extends Lengths {
  readonly examples: readonly PlannedExample[];
  readonly epoch: number;
  /** Masks and partners of this batch are drawn from it. */
  readonly draw: Random;
  readonly next: Position;
}

export interface SamplerOptions {
  readonly batchSize: number;
  readonly seed: number;
  /** Lengths that texts and images are padded to, ascending; the last one holds all. */
  readonly buckets: Buckets;
  /** The combinations of them that may be used, one of which holds all; any may where this is absent. */
  readonly allowed?: readonly Lengths[];
  /** Batches of one window; more of them sort better, fewer mix better. */
  readonly windowBatches?: number;
}

/** Ours. */
const defaultWindowBatches = 16;

/** Where a new run starts. */
export const firstPosition: Position = { epoch: 0, window: 0, batch: 0 };

export interface Buckets {
  readonly pieces: readonly number[];
  readonly regions: readonly number[];
}

/**
 * Lengths to pad to: equal steps up to the longest, at most six and none shorter than is worth a graph of its own. Ours: six, since of
 * Flickr8k's captions and regions 0.82 of what is computed is no padding (two: 0.60, three: 0.76, twelve: 0.87), in seven shapes.
 */
export function lengthBuckets({
  maxPieces,
  maxRegions,
}: {
  readonly maxPieces: number;
  readonly maxRegions: number;
}): Buckets {
  const upTo = (max: number, minStep: number) => {
    const count = Math.max(1, Math.min(6, Math.floor(max / minStep)));
    return Array.from({ length: count }, (_, index) => Math.ceil((max * (index + 1)) / count));
  };
  return { pieces: upTo(maxPieces, 8), regions: upTo(maxRegions, 5) };
}

/** The first bucket that holds a length; the last one for what is cut to it. */
export const bucketFor = (buckets: readonly number[], length: number): number =>
  buckets.find((bucket) => bucket >= length) ?? buckets.at(-1)!;

/** Pairs of lengths that one run compiles a graph for; each takes some five seconds. Ours. */
const maxLengths = 8;

/**
 * The commonest lengths among batches, each with its first batch, and the largest lengths, which hold all. A run that keeps to
 * these meets no new shape half-way, for which all its graphs would have to be compiled again.
 */
export async function commonLengths(
  sampled: AsyncIterable<SampledBatch>,
  { count, buckets }: { readonly count: number; readonly buckets: Buckets },
): Promise<{ lengths: Lengths[]; firsts: SampledBatch[] }> {
  const met = new Map<string, { first: SampledBatch; times: number }>();
  let read = 0;
  for await (const batch of sampled) {
    const key = `${batch.pieces} ${batch.regions}`;
    const same = met.get(key);
    if (same) same.times += 1;
    else met.set(key, { first: batch, times: 1 });
    read += 1;
    if (read === count) break;
  }
  const common = [...met.values()].sort((one, other) => other.times - one.times).slice(0, maxLengths);
  const firsts = common.map(({ first }) => first);
  const max = { pieces: buckets.pieces.at(-1)!, regions: buckets.regions.at(-1)! };
  return { lengths: [...firsts.map(({ pieces, regions }) => ({ pieces, regions })), max], firsts };
}

/** Batches looked at before a run to see which lengths it will meet. Ours: reading so many from shards takes seconds. */
const lookAhead = { inMemory: 1024, inShards: 64 };

/** The lengths that a run of `totalBatches` will keep to, and the first batch of each that is common. */
export const lengthsOfRun = (
  source: ExampleSource,
  options: SamplerOptions,
  totalBatches: number,
): Promise<{ lengths: Lengths[]; firsts: SampledBatch[] }> =>
  commonLengths(sampleBatches(source, options), {
    count: Math.min(totalBatches, source.spec ? lookAhead.inShards : lookAhead.inMemory),
    buckets: options.buckets,
  });

/** The shortest lengths allowed that hold these. */
function fit(needed: Lengths, allowed: readonly Lengths[]): Lengths {
  const holds = allowed.filter(({ pieces, regions }) => pieces >= needed.pieces && regions >= needed.regions);
  return holds.reduce((best, one) => (one.pieces + one.regions < best.pieces + best.regions ? one : best));
}

/** Batches without end, from a position on. Throws a UserError where an epoch has no two examples of different images. */
export async function* sampleBatches(
  source: ExampleSource,
  { batchSize, seed, buckets, allowed, windowBatches = defaultWindowBatches }: SamplerOptions,
  from: Position = firstPosition,
): AsyncGenerator<SampledBatch> {
  for (let epoch = from.epoch; ; epoch++) {
    let window = 0;
    let held: PlannedExample[] = [];
    const first = epoch === from.epoch ? from : { ...firstPosition, epoch };
    for await (const example of source.plan(epoch)) {
      held.push(example);
      if (held.length < batchSize * windowBatches) continue;
      if (window >= first.window) yield* cut(held, window);
      window += 1;
      held = [];
    }
    if (window === 0 && held.length === 0)
      throw new UserError('Expected examples for training but received none; check shards and regions.');
    // What is left over and too small for a batch waits for another epoch's shuffle, unless it is all there is.
    if (window === 0 && held.length < batchSize) {
      if (held.every(({ imageId }) => imageId === held[0]?.imageId))
        throw new UserError(
          'Expected examples of two images or more for training but received one image; export more pairs.',
        );
      held = fill(held, batchSize);
    }
    if (held.length >= batchSize && window >= first.window) yield* cut(held, window);

    function* cut(examples: PlannedExample[], at: number): Generator<SampledBatch> {
      const order = random(seed, epoch, at, 0x0bde7);
      order.shuffle(examples).length = Math.floor(examples.length / batchSize) * batchSize;
      const regionsOf = ({ regionCount }: PlannedExample) => bucketFor(buckets.regions, regionCount);
      const sorted = examples.sort(
        (one, other) => regionsOf(one) - regionsOf(other) || one.pieces.length - other.pieces.length,
      );
      const planned = Array.from({ length: sorted.length / batchSize }, (_, index) =>
        sorted.slice(index * batchSize, (index + 1) * batchSize),
      );
      order.shuffle(planned);
      for (let batch = at === first.window ? first.batch : 0; batch < planned.length; batch++) {
        const chosen = planned[batch]!;
        const maxPieces = Math.max(...chosen.map((example) => example.pieces.length));
        const needed = {
          pieces: bucketFor(buckets.pieces, maxPieces),
          regions: Math.max(...chosen.map(regionsOf)),
        };
        const last = batch + 1 === planned.length;
        yield {
          examples: chosen,
          ...(allowed ? fit(needed, allowed) : needed),
          epoch,
          draw: random(seed, epoch, at, batch),
          next: last ? { epoch, window: at + 1, batch: 0 } : { epoch, window: at, batch: batch + 1 },
        };
      }
    }
  }
}

/** Repeats examples until there are enough for one batch. */
function fill(examples: readonly PlannedExample[], count: number): PlannedExample[] {
  return Array.from({ length: count }, (_, index) => examples[index % examples.length]!);
}
