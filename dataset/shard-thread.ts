/** The thread of shard-threads.ts: reads its part and sends batches, as long as the reader takes them. */
import { parentPort, workerData } from 'node:worker_threads';
import { type BadInput, readShards, type ShardSample } from './shard-reader.ts';
import type { ThreadBatch, ThreadTask } from './shard-threads.ts';

/** Samples a message: the order in which threads take turns depends on it. */
const batchSamples = 32;

const { task, ahead } = workerData as { readonly task: ThreadTask; readonly ahead: number };
if (parentPort === null) throw new Error('shard-thread.ts runs as a worker thread only.');
const port = parentPort;

let room = ahead;
let wake = (): void => {};
port.on('message', () => {
  room++;
  wake();
});

let samples: ShardSample[] = [];
let bad: BadInput[] = [];

async function send(last: boolean): Promise<void> {
  while (room === 0) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  room--;
  port.postMessage(...packed(samples, bad, last));
  samples = [];
  bad = [];
}

/** The fields of all samples copied into one buffer: views of a chunk of the file cannot be handed over. */
function packed(
  some: readonly ShardSample[],
  faults: readonly BadInput[],
  last: boolean,
): [ThreadBatch, [ArrayBuffer]] {
  const size = some.reduce((sum, { fields }) => Object.values(fields).reduce((n, { length }) => n + length, sum), 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  const placed = some.map(({ key, shard, fields }) => ({
    key,
    shard,
    fields: Object.entries(fields).map(([name, field]) => {
      bytes.set(field, at);
      at += field.length;
      return [name, at - field.length, field.length] as const;
    }),
  }));
  return [{ bytes: bytes.buffer, samples: placed, bad: faults, last }, [bytes.buffer]];
}

for await (const sample of readShards({ ...task, onBad: (one) => bad.push(one) })) {
  samples.push(sample);
  if (samples.length === batchSamples) await send(false);
}
await send(true);
