/** A worker thread of `loader.ts`: makes batches ahead of the step that takes them, and never computes with TensorFlow. */
import { parentPort, workerData } from 'node:worker_threads';
import { digestOf } from '../../dataset/atomic-file.ts';
import { sentError } from '../../dataset/sent-error.ts';
import { collateBatch, type Plan, type WorkerMessage, type WorkerTask } from './loader.ts';
import { sampleBatches } from './sampler.ts';
import { openSource } from './source.ts';

const { spec, part, ahead, ...options } = workerData as WorkerTask;
const port = parentPort;
if (!port) throw new Error('loader-worker.ts runs as a worker thread only.');
const say = (message: WorkerMessage, transferred: ArrayBuffer[] = []): void => port.postMessage(message, transferred);

/** Batches that may be made before the training thread takes another. */
let room = ahead;
let wake = (): void => {};
port.on('message', () => {
  room += 1;
  wake();
});

async function work(): Promise<void> {
  // All threads meet all samples; one of them tells of those that cannot be used.
  const source = openSource(spec, part.index === 0 ? (bad) => say({ bad }) : undefined);
  let number = 0;
  let digest = '';
  let plans: Plan[] = [];
  for await (const sampled of sampleBatches(source, options.sampler, options.from)) {
    number += 1;
    digest = digestOf(`${digest} ${sampled.examples.map(({ key, pieces }) => `${key} ${pieces.length}`)}`).sha256;
    plans.push({ number, digest });
    if ((number - 1) % part.count !== part.index) continue;
    while (room === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    room -= 1;
    const batch = await collateBatch(sampled, options);
    say({ batch, plans }, [...new Set(Object.values(batch.arrays).map(({ values }) => values.buffer as ArrayBuffer))]);
    plans = [];
  }
}

work().catch((error: unknown) => say({ failed: sentError(error) }));
