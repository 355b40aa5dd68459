/**
 * Work on this thread that ends at a deadline, whatever it is doing: V8 stops it, in the midst of a regular expression too. For work
 * that should never take long, on what other people wrote. Nothing that runs so may load a module: one that is stopped half
 * loaded stays half loaded.
 */
import { type Context, createContext, Script } from 'node:vm';
import { threadCpuMs, threadNumber } from './thread-cpu.ts';

/** The work was stopped. Nothing of it ran any further, no `finally` either. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
  /** What is left of the patience with this work, which it began with `patience`; at 0 it is not to be begun again. */
  readonly patience: number;

  constructor(timeoutMs: number, left: number) {
    super(`Work took longer than ${timeoutMs} ms.`);
    this.patience = left;
  }
}

/**
 * How often work may be begun that the machine has not let run: a loaded one, or one that sleeps or swaps. Work that used the time itself
 * is not begun again, work of which the system does not tell (elsewhere than on Linux) once. Ours.
 */
export const patience = 8;
const costs = { ranItself: patience, waited: 1, unknown: patience / 2 };

/** The share of its time that a thread has to run in to have used it. Ours. */
const ownShare = 0.75;

/** Once the machine was too slow, the clock is more patient. */
const laterTimes = 4;

let here: { readonly context: Context; readonly call: Script } | undefined;

let thread: number | null | undefined;

/** CPU time of this thread in ms; null where the system does not tell. */
function cpuMs(): number | null {
  thread ??= threadNumber();
  return thread === null ? null : threadCpuMs(thread);
}

/**
 * What `work`, which waits for nothing, returns; throws what it throws, and DeadlinePassed after `timeoutMs`, or after some times that
 * where work that is begun again has less patience left. A call costs 0.1 ms.
 */
export function withDeadline<T>(work: () => T, timeoutMs: number, left: number = patience): T {
  const wallMs = left === patience ? timeoutMs : timeoutMs * laterTimes;
  const beforeMs = cpuMs();
  here ??= { context: createContext(Object.create(null)), call: new Script('work()') };
  const { context, call } = here;
  context.work = work;
  try {
    return call.runInContext(context, { timeout: wallMs }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
  } finally {
    context.work = undefined;
  }
  const afterMs = cpuMs();
  const isKnown = beforeMs !== null && afterMs !== null;
  const why = !isKnown ? 'unknown' : afterMs - beforeMs >= timeoutMs * ownShare ? 'ranItself' : 'waited';
  throw new DeadlinePassed(wallMs, Math.max(0, left - costs[why]));
}

/** The same for work that may be done again: it ends at a deadline of the CPU time that it used itself. */
export function withCpuDeadline<T>(work: () => T, timeoutMs: number): T {
  for (let left = patience; ; ) {
    try {
      return withDeadline(work, timeoutMs, left);
    } catch (error) {
      if (!(error instanceof DeadlinePassed) || error.patience === 0) throw error;
      left = error.patience;
    }
  }
}
