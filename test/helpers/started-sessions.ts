/** Every graph that TensorFlow is given in a session of our own while something runs. */
import type { StoredGraph } from '../../model/runtime/saved-model.ts';
import { Session } from '../../model/runtime/session.ts';

class EndedAtStart extends Error {}

/** Runs `work` and gives the graphs. With `endAtStart` the first of them ends it: TensorFlow neither optimises nor runs it, which is nearly all that a small run costs. */
export async function startedSessions(
  work: () => Promise<unknown>,
  { endAtStart = false } = {},
): Promise<StoredGraph[]> {
  const found: StoredGraph[] = [];
  Session.onStart = ({ nodes, functions }) => {
    found.push({ nodes, functions: new Map(functions.map((one) => [one.name, one.nodes])) });
    if (endAtStart) throw new EndedAtStart();
  };
  try {
    await work();
  } catch (error) {
    if (!(error instanceof EndedAtStart)) throw error;
  } finally {
    Session.onStart = undefined;
  }
  return found;
}
