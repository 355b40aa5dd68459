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

/** What `work`, which waits for nothing, returns; throws what it throws, and DeadlinePassed after `timeoutMs`. A call costs 0.1 ms. */
export function withDeadline<T>(work: () => T, timeoutMs: number): T {
  here ??= { context: createContext(Object.create(null)), call: new Script('work()') };
  const { context, call } = here;
  context.work = work;
  try {
    return call.runInContext(context, { timeout: timeoutMs }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new DeadlinePassed(`Work took longer than ${timeoutMs} ms.`);
  } finally {
    context.work = undefined;
  }
}
