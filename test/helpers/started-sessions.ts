/** Every graph that TensorFlow is given in a session of our own while something runs. */
import type { StoredGraph } from '../../model/runtime/saved-model.ts';
import { Session } from '../../model/runtime/session.ts';

export async function startedSessions(work: () => Promise<unknown>): Promise<StoredGraph[]> {
  const found: StoredGraph[] = [];
  Session.onStart = ({ nodes, functions }) => found.push({ nodes, functions: new Map(functions.map((one) => [one.name, one.nodes])) }); // biome-ignore format: one line
  try {
    await work();
  } finally {
    Session.onStart = undefined;
  }
  return found;
}
