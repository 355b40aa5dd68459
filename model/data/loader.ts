/**
 * The batches of a run as arrays, in the order of `sampler.ts`. Where the source can be opened again, threads make them ahead of the step:
 * each plans the whole run, which takes no features, and makes every so-manieth batch, so that the order is the same with any number of
 * threads. Otherwise the training thread makes them. All give the same arrays.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { receivedError, type SentError } from '../../dataset/sent-error.ts';
import { expandShardPaths, isUrl } from '../../dataset/shards/paths.ts';
import { PictureColumns } from '../../dataset/shards/picture-columns.ts';
import { type TemporaryFolder, temporaryFolder } from '../../dataset/temporary-folder.ts';
import { UserError } from '../../dataset/user-error.ts';
import { feedOf } from '../runtime/array.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import { type Collation, collate } from './collate.ts';
import type { BadExample, Example } from './example.ts';
import type { FeatureStatistics } from './feature-statistics.ts';
import { type Position, type SampledBatch, type SamplerOptions, sampleBatches } from './sampler.ts';
import { claimsOn } from './shard-texts.ts';
import type { ExampleSource, SourceSpec } from './source.ts';

export interface LoadedBatch {
  readonly arrays: Arrays;
  /** The keys of its examples, to name them where something is wrong. */
  readonly keys: readonly string[];
  readonly pieces: number;
  readonly regions: number;
  readonly epoch: number;
  readonly next: Position;
}

export interface Loader {
  /** Throws what reading throws: a UserError where an epoch has nothing to learn from. */
  next(): Promise<LoadedBatch>;
  close(): Promise<void>;
}

export interface LoaderOptions {
  readonly sampler: SamplerOptions;
  readonly from: Position;
  readonly collation: Collation;
  readonly featureStatistics: FeatureStatistics;
  /** Which of several processes makes batches; each makes equal parts of them. */
  readonly rank?: { readonly index: number; readonly count: number };
}

/** Ours: half the cores, since the other half computes or hands over; eight read more than the fastest cards learn. */
export const loaderThreads = (): number => Math.max(1, Math.min(8, availableParallelism() >> 1));

/** With 0 threads everything stays in this one. Close it, or its threads keep the process alive. */
export function openLoader(
  source: ExampleSource,
  loading: LoaderOptions,
  { threads = loaderThreads() }: { readonly threads?: number | undefined } = {},
): Loader {
  return threads > 0 && source.spec
    ? threadLoader(source.spec, loading, threadsFor(source.spec, threads), source.onBad)
    : ownLoader(source, loading);
}

/** Each thread would read for itself what cannot be kept: a URL so many times, and of standard input a part. So one reads it. */
export function threadsFor(spec: SourceSpec, threads: number): number {
  const isStream = (one: SourceSpec): boolean =>
    one.kind === 'mixture'
      ? one.parts.some((part) => isStream(part.spec))
      : [one.options.shards].flat().some((path) => path === '-' || isUrl(path));
  return isStream(spec) ? 1 : threads;
}

/** Makes each batch in this thread when it is asked for. */
export function ownLoader(source: ExampleSource, options: LoaderOptions): Loader {
  const upcoming = sampleBatches(source, options.sampler, options.from);
  return {
    async next() {
      const { value } = await upcoming.next();
      return collateBatch(value, options);
    },
    async close() {
      await upcoming.return(undefined);
    },
  };
}

/** Reads what a sampled batch has on disk, halves of features to where they are fed from, and makes its arrays. */
export async function collateBatch(
  { examples: all, pieces, regions, epoch, next, draw }: SampledBatch,
  {
    collation,
    featureStatistics,
    rank = { index: 0, count: 1 },
  }: Pick<LoaderOptions, 'collation' | 'featureStatistics' | 'rank'>,
): Promise<LoadedBatch> {
  const pairs = all.length / rank.count;
  const first = rank.index * pairs;
  const planned = all.slice(first, first + pairs);
  const row = regions * featureStatistics.mean.length;
  const features = planned.every(({ hasHalves }) => hasHalves) ? feedOf(Uint16Array, planned.length * row) : undefined;
  const read = async (one: (typeof planned)[number], n: number): Promise<Example> => {
    const { key, imageId, pieces: own } = one;
    const length = Math.min(one.regionCount, regions) * featureStatistics.mean.length;
    return { key, imageId, pieces: own, regions: await one.regions(features?.subarray(n * row, n * row + length)) };
  };
  const examples = await Promise.all(planned.map(read));
  const shape = { pairs: examples.length, pieces, regions, features };
  const arrays = collate(collation, examples, shape, featureStatistics, draw, { all, first });
  return { arrays, keys: examples.map(({ key }) => key), pieces, regions, epoch, next };
}

/** What a thread is started with. */
export interface WorkerTask extends LoaderOptions {
  readonly spec: SourceSpec;
  /** It makes every batch whose number, from 0 on, leaves `index` when divided by `count`. */
  readonly part: { readonly index: number; readonly count: number };
  /** Batches made ahead of the one in use. */
  readonly ahead: number;
}

/** What a thread tells the training thread. */
export type WorkerMessage =
  | { readonly batch: LoadedBatch; readonly plans: readonly Plan[] }
  | { readonly bad: BadExample }
  | { readonly failed: SentError };

/** A batch by its number, and what its examples are and those of all before it. */
export interface Plan {
  readonly number: number;
  readonly digest: string;
}

/** What threads have planned: shards that are rewritten while they are read could give each of them another order. */
export class Plans {
  readonly #kept: number;
  readonly #digests = new Map<number, string>();

  /** `kept` batches are compared; threads are never further apart. */
  constructor(kept: number) {
    this.#kept = kept;
  }

  /** Throws a UserError where another thread has planned something else. */
  add(plans: readonly Plan[]): void {
    for (const { number, digest } of plans) {
      const known = this.#digests.get(number);
      if (known !== undefined && known !== digest)
        throw new UserError('Expected shards as they were when the run began but they have changed while it read them; start the run again.'); // biome-ignore format: one line
      this.#digests.set(number, digest);
      this.#digests.delete(number - this.#kept);
    }
  }
}

/** Ours: 3 of all threads together, enough to hide the pause between two windows of shards, and one more of each. */
const batchesAhead = 3;

function threadLoader(
  spec: SourceSpec,
  loading: LoaderOptions,
  threads: number,
  onBad?: (bad: BadExample) => void,
): Loader {
  let texts: TemporaryFolder | undefined;
  const folder = (): string => {
    texts ??= temporaryFolder('texts');
    return texts.path;
  };
  const lanes = Array.from({ length: threads }, () => new Lane());
  const workers: Worker[] = [];
  const ahead = threads > 1 ? Math.ceil(batchesAhead / threads) + 1 : batchesAhead;
  const plans = new Plans(2 * threads * (ahead + 2));
  const fail = (error: Error): void => {
    for (const lane of lanes) lane.fail(error);
  };
  const start = async (): Promise<void> => {
    const shared = threads > 1 ? await sharedSpec(spec, threads, folder) : spec;
    for (const [index, lane] of lanes.entries()) {
      const workerData: WorkerTask = { ...loading, spec: shared, part: { index, count: threads }, ahead };
      const worker = new Worker(new URL('./loader-thread.mjs', import.meta.url), { workerData, execArgv: [] });
      workers.push(worker);
      worker.on('message', (message: WorkerMessage) => {
        if ('bad' in message) onBad?.(message.bad);
        else if ('failed' in message) fail(receivedError(message.failed));
        else
          try {
            plans.add(message.plans);
            lane.give(message.batch);
          } catch (error) {
            fail(error as Error);
          }
      });
      worker.on('error', fail);
      worker.on('exit', (code) => fail(new Error(`A thread that reads data ended with ${code}.`)));
    }
  };
  const started = start();
  started.catch(fail);
  let taken = 0;
  return {
    async next() {
      await started;
      const turn = taken % threads;
      const batch = await lanes[turn]!.take();
      taken += 1;
      workers[turn]!.postMessage('more');
      return batch;
    },
    async close() {
      await started.catch(() => {});
      await Promise.all(workers.map((worker) => worker.terminate()));
      texts?.remove();
    },
  };
}

/** The batches that one thread has made, in their order. */
class Lane {
  readonly #ready: LoadedBatch[] = [];
  #failure: Error | undefined;
  #wake = (): void => {};

  give(batch: LoadedBatch): void {
    this.#ready.push(batch);
    this.#wake();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** What was made before a failure is still good. */
  async take(): Promise<LoadedBatch> {
    while (this.#ready.length === 0) {
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#ready.shift()!;
  }
}

/** The source as threads share it: its shards and where features lie, found once; a folder for texts; room to say who reads which shard. */
async function sharedSpec(spec: SourceSpec, threads: number, folder: () => string): Promise<SourceSpec> {
  if (spec.kind === 'shards') {
    const shards = await expandShardPaths(spec.options.shards);
    const columns = await PictureColumns.open(spec.options.regions);
    const found = { shards, columns: columns.shared(threads) };
    await columns.close();
    const claims = claimsOn(shards.length);
    return { ...spec, options: { ...spec.options, texts: spec.options.texts ?? folder(), claims, found } };
  }
  const parts = [];
  for (const part of spec.parts) parts.push({ ...part, spec: await sharedSpec(part.spec, threads, folder) });
  return { ...spec, parts };
}
