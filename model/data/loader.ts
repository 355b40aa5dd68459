/**
 * The batches of a run as arrays, in the order of `sampler.ts`. Where the source can be opened again, a worker thread reads,
 * tokenises, masks and pads a few batches ahead of the step; otherwise the training thread does. Both give the same arrays.
 */
import { Worker } from 'node:worker_threads';
import { UserError } from '../../dataset/user-error.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import { type Collation, collate } from './collate.ts';
import type { BadExample } from './example.ts';
import type { FeatureStatistics } from './feature-statistics.ts';
import { type Position, type SampledBatch, type SamplerOptions, sampleBatches } from './sampler.ts';
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
}

/** `thread` false keeps everything in this thread. Close it, or the worker keeps the process alive. */
export function openLoader(source: ExampleSource, loading: LoaderOptions, { thread = true } = {}): Loader {
  return thread && source.spec ? threadLoader(source.spec, loading, source.onBad) : ownLoader(source, loading);
}

/** Makes each batch in this thread when it is asked for. */
export function ownLoader(
  source: ExampleSource,
  { sampler, from, collation, featureStatistics }: LoaderOptions,
): Loader {
  const upcoming = sampleBatches(source, sampler, from);
  return {
    async next() {
      const { value } = await upcoming.next();
      return collateBatch(value, { sampler, collation, featureStatistics });
    },
    async close() {
      await upcoming.return(undefined);
    },
  };
}

/** Makes the arrays of a sampled batch. */
export function collateBatch(
  batch: SampledBatch,
  { sampler, collation, featureStatistics }: Omit<LoaderOptions, 'from'>,
): LoadedBatch {
  const { examples, pieces, regions, epoch, next, draw } = batch;
  const arrays = collate(collation, examples, { pairs: sampler.batchSize, pieces, regions }, featureStatistics, draw);
  return { arrays, keys: examples.map(({ key }) => key), pieces, regions, epoch, next };
}

/** What the worker is started with. */
export interface WorkerTask extends LoaderOptions {
  readonly spec: SourceSpec;
  /** Batches made ahead of the one in use. Ours: 3, enough to hide the pause between two windows of shards. */
  readonly ahead: number;
}

/** What the worker tells the training thread. */
export type WorkerMessage =
  | { readonly batch: LoadedBatch }
  | { readonly bad: BadExample }
  | {
      readonly failed: {
        readonly name: string;
        readonly message: string;
        readonly stack?: string;
        readonly exitCode?: 1 | 2;
      };
    };

const batchesAhead = 3;

function threadLoader(spec: SourceSpec, loading: LoaderOptions, onBad?: (bad: BadExample) => void): Loader {
  const workerData: WorkerTask = { ...loading, spec, ahead: batchesAhead };
  const worker = new Worker(new URL('./loader-thread.mjs', import.meta.url), { workerData, execArgv: [] });
  const ready: LoadedBatch[] = [];
  let failure: Error | undefined;
  let wake = (): void => {};
  const fail = (error: Error): void => {
    failure ??= error;
    wake();
  };
  worker.on('message', (message: WorkerMessage) => {
    if ('bad' in message) return onBad?.(message.bad);
    if ('failed' in message) return fail(errorOf(message.failed));
    ready.push(message.batch);
    wake();
  });
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`The thread that reads data ended with ${code}.`)));
  return {
    async next() {
      // What was made before a failure is still good.
      while (ready.length === 0) {
        if (failure) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      worker.postMessage('more');
      return ready.shift()!;
    },
    async close() {
      await worker.terminate();
    },
  };
}

function errorOf({ name, message, stack, exitCode = 2 }: Extract<WorkerMessage, { failed: unknown }>['failed']): Error {
  if (name === 'UserError') return new UserError(message, { exitCode });
  return Object.assign(new Error(message), stack === undefined ? {} : { stack });
}
