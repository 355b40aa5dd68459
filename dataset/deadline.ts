/**
 * Work on this thread that ends at a deadline, whatever it is doing: V8 stops it, in the midst of a regular expression too. For work
 * that should never take long, on what other people wrote. Nothing that runs so may load a module: one that is stopped half
 * loaded stays half loaded.
 */
import { type Context, createContext, Script } from 'node:vm';

/** The work was stopped. Nothing of it ran any further, no `finally` either. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

let here: { readonly context: Context; readonly call: Script } | undefined;

export interface DeadlineOptions {
  /** Default 1. A machine that sleeps or swaps may pass a deadline once: work that may be done twice has two. */
  readonly tries?: number;
}

/** What `work`, which waits for nothing, returns; throws what it throws, and DeadlinePassed after `timeoutMs`. A call costs 0.1 ms. */
export function withDeadline<T>(work: () => T, timeoutMs: number, { tries = 1 }: DeadlineOptions = {}): T {
  here ??= { context: createContext(Object.create(null)), call: new Script('work()') };
  const { context, call } = here;
  context.work = work;
  try {
    return call.runInContext(context, { timeout: timeoutMs }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
  } finally {
    context.work = undefined;
  }
  if (tries > 1) return withDeadline(work, timeoutMs, { tries: tries - 1 });
  throw new DeadlinePassed(`Work took longer than ${timeoutMs} ms.`);
}
