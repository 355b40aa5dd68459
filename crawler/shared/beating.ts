/** Signs of life that are given again and again while something else is done. */
import type { Defer } from '../../dataset/cleanup.ts';
import type { Attempts } from './attempts.ts';

/** Gives one every so many ms until the end; returns what throws what went wrong with them, but for a server that is away. */
export function beating(
  { beat, everyMs }: { readonly beat: () => Promise<void>; readonly everyMs: number },
  { tried }: Attempts,
  defer: Defer,
): () => void {
  let fault: { readonly error: unknown } | undefined;
  let underWay: Promise<void> | null = null;
  const once = async (): Promise<void> => {
    try {
      await tried(beat);
    } catch (error) {
      fault ??= { error };
    }
  };
  const timer = setInterval(() => {
    underWay ??= once().finally(() => {
      underWay = null;
    });
  }, everyMs);
  defer(async () => {
    clearInterval(timer);
    await underWay;
  });
  return () => {
    if (fault !== undefined) throw fault.error;
  };
}
