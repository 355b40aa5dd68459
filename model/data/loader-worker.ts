/** The thread of `loader.ts`: makes batches as long as they are taken, and never computes with TensorFlow. */
import { parentPort, workerData } from 'node:worker_threads';
import { collateBatch, type WorkerMessage, type WorkerTask } from './loader.ts';
import { sampleBatches } from './sampler.ts';
import { openSource } from './source.ts';

const { spec, ahead, ...loading } = workerData as WorkerTask;
const port = parentPort;
if (!port) throw new Error('loader-worker.ts runs as a worker thread only.');
const say = (message: WorkerMessage, transferred: ArrayBuffer[] = []): void => port.postMessage(message, transferred);

let room = ahead;
let wake = (): void => {};
port.on('message', () => {
  room++;
  wake();
});

async function work(): Promise<void> {
  const source = openSource(spec, (bad) => say({ bad }));
  for await (const planned of sampleBatches(source, loading.sampler, loading.from)) {
    while (room === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    room--;
    const batch = collateBatch(planned, loading);
    say({ batch }, [...new Set(Object.values(batch.arrays).map(({ values }) => values.buffer as ArrayBuffer))]);
  }
}

work().catch((error: Error) => {
  const { name, message, stack } = error;
  say({ failed: { name, message, ...(stack !== undefined && { stack }) } });
});
