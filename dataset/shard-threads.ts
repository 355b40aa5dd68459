/**
 * Reading shards in worker threads: each thread is a part of the part that was asked for, and their samples are taken in
 * turn, a batch from each, so that the order follows from the options and the number of threads and never from timing. Bytes
 * change hands without a copy. It costs a copy in the thread: raw reading is faster without, and it pays where the calling
 * thread has other work or where bytes come over a network.
 */
import { Worker } from 'node:worker_threads';
import { expandShardPaths } from './shard-paths.ts';
import type { BadInput, ReadShardsOptions, ShardSample } from './shard-sample.ts';
import { expected } from './user-error.ts';

/** What a thread is told to read. */
export type ThreadTask = Omit<ReadShardsOptions, 'threads' | 'skip' | 'onBad' | 'signal'>;

/** What a thread sends: some samples, whose bytes lie in one buffer, and what was left out on the way; `last` ends it. */
export interface ThreadBatch {
  readonly bytes: ArrayBuffer;
  readonly samples: readonly {
    readonly key: string;
    readonly shard: string;
    readonly fields: readonly (readonly [name: string, offset: number, byteLength: number])[];
  }[];
  readonly bad: readonly BadInput[];
  readonly last: boolean;
}

/** Batches that a thread may have sent before the first of them is taken: what bounds the memory. */
const batchesAhead = 2;

export async function* readInThreads(
  options: ReadShardsOptions,
  threads: number,
): AsyncGenerator<readonly ShardSample[]> {
  const { skip: _, threads: __, onBad, signal, part = { index: 0, count: 1 }, ...rest } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw expected('a whole number of 1 or more', 'threads', String(threads), 'leave it out to read without threads');
  }
  if (expandShardPaths(options.paths).includes('-')) {
    throw expected('files or URLs', 'reading in threads', 'standard input', 'read it without threads');
  }
  const turns = Array.from({ length: threads }, (_, i) =>
    startThread({ ...rest, part: { index: part.index * threads + i, count: part.count * threads } }),
  );
  try {
    for (let at = 0; turns.length > 0; ) {
      signal?.throwIfAborted();
      const { bytes, samples, bad, last } = await turns[at]!.next();
      for (const one of bad) onBad?.(one);
      yield samples.map(({ key, shard, fields }) => ({
        key,
        shard,
        fields: Object.fromEntries(
          fields.map(([name, offset, byteLength]) => [name, Buffer.from(bytes, offset, byteLength)]),
        ),
      }));
      if (last) await turns.splice(at, 1)[0]!.close();
      else at++;
      if (at >= turns.length) at = 0;
    }
  } finally {
    await Promise.all(turns.map(({ close }) => close()));
  }
}

function startThread(task: ThreadTask): { next(): Promise<ThreadBatch>; close(): Promise<unknown> } {
  const worker = new Worker(new URL('./shard-thread.mjs', import.meta.url), {
    execArgv: [],
    workerData: { task, ahead: batchesAhead },
  });
  const arrived: ThreadBatch[] = [];
  let failure: Error | null = null;
  let wake = (): void => {};
  worker.on('message', (batch: ThreadBatch) => {
    arrived.push(batch);
    wake();
  });
  worker.on('error', (error) => {
    failure = error;
    wake();
  });
  return {
    async next() {
      while (arrived.length === 0) {
        if (failure !== null) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      worker.postMessage('taken');
      return arrived.shift()!;
    },
    close: () => worker.terminate(),
  };
}
