/** Every graph that TensorFlow is given while something runs, as it is given it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeBackend } from '../../model/runtime/backend.ts';
import type { Attribute } from '../../model/runtime/graph-node.ts';
import { decodeSavedModel, type StoredGraph } from '../../model/runtime/saved-model.ts';
import { startedSessions } from './started-sessions.ts';

export type { Attribute, StoredGraph };

/** Runs `work` and gives the graphs that were started meanwhile, those in sessions of our own after the others. With `gpu` the backend says of itself that it runs on one; `endAtStart` as in `startedSessions`. */
export async function startedGraphs(
  work: () => Promise<unknown>,
  { gpu = false, endAtStart = false } = {},
): Promise<StoredGraph[]> {
  const backend = nativeBackend()!;
  const [real, onGpu] = [backend.binding, backend.isUsingGpuDevice];
  const found: StoredGraph[] = [];
  const names = Object.getOwnPropertyNames(real) as (keyof typeof real)[];
  const recording = Object.fromEntries(names.map((name) => [name, real[name]])) as unknown as typeof real;
  recording.loadSavedModel = (dir, tags) => {
    found.push(decodeSavedModel(readFileSync(join(dir, 'saved_model.pb'))));
    return real.loadSavedModel(dir, tags);
  };
  backend.binding = recording;
  backend.isUsingGpuDevice = gpu;
  try {
    const sessions = await startedSessions(work, { endAtStart });
    return [...found, ...sessions];
  } finally {
    backend.binding = real;
    backend.isUsingGpuDevice = onGpu;
  }
}
