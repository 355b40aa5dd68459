/** Asking a server that may be away for a while: what fails then is tried again by whoever asked, until it has been away for too long. */
import { setTimeout as sleep } from 'node:timers/promises';
import { steadyNow } from '../policy/clock.ts';
import { isTransient, storeFault } from './store.ts';

/** The server may be away for so long before the run ends, in ms: longer than a restart, or a failover. */
const maxAwayMs = 300_000;

/** What takes no longer is not worth a word, in ms. */
const saidAfterMs = 2000;

export interface Attempts {
  /**
   * What the server answers; null while it is away. Throws a UserError when all that was tried of this kind of work has failed for too long:
   * a server with a full disk still hears signs of life.
   */
  tried<T>(work: () => Promise<T>, kind?: 'commit' | 'take' | 'other'): Promise<T | null>;
}

interface Failing {
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** `say` gets a line when some kind of work has failed for some seconds, and one when all that was tried again is answered. */
export function openAttempts(place: string, say: (line: string) => void = () => {}): Attempts {
  const failing = new Map<string, Failing>();
  let isSaid = false;
  return {
    async tried(work, kind = 'other') {
      try {
        const result = await work();
        failing.delete(kind);
        if (isSaid && failing.size === 0) {
          say(`${place} answers again`);
          isSaid = false;
        }
        return result;
      } catch (error) {
        if (!isTransient(error)) throw storeFault(error, place, { isRunning: true });
        const nowMs = steadyNow();
        const before = failing.get(kind);
        // What was not tried for that long tells nothing of the time between.
        const sinceMs = before === undefined || nowMs - before.lastMs > maxAwayMs ? nowMs : before.sinceMs;
        failing.set(kind, { sinceMs, lastMs: nowMs });
        const awayMs = nowMs - sinceMs;
        if (awayMs > maxAwayMs) throw storeFault(error, place, { isRunning: true });
        if (!isSaid && awayMs > saidAfterMs) {
          isSaid = true;
          const why = error instanceof Error ? error.message : String(error);
          say(
            `no answer of ${place} (${why}): waiting up to ${maxAwayMs / 60_000} minutes; what is fetched waits, too`,
          );
        }
        return null;
      }
    },
  };
}

const againAfterMs = 500;

/** What the server answers, asked until it does. Throws what `tried` throws, and the signal's reason. */
export async function answered<T>({ tried }: Attempts, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    const answer = await tried(async () => ({ value: await work() }));
    if (answer !== null) return answer.value;
    await sleep(againAfterMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

const lastTries = 3;

/** What is done when all is over and need not be: a server that is away is not waited for. */
export async function atLast(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; tries <= lastTries; tries++) {
    try {
      await work();
      return;
    } catch (error) {
      if (!isTransient(error)) throw error;
    }
  }
}
