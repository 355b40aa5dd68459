/**
 * What was opened is closed, whatever happens. In a `finally` of several lines the first `close()` that throws hides the
 * error which ended the work and skips the lines below it: a lock stays held, a file open.
 */

/** Registers something to be done at the end, as Go's `defer` does. */
export type Defer = (close: () => unknown) => void;

/**
 * Runs `work`, then everything it deferred, last first. Every one of them runs, even when the work or another one has
 * thrown. What leaves is the work's error, or else the first one of a close.
 */
export async function withCleanup<T>(work: (defer: Defer) => T | Promise<T>): Promise<T> {
  const deferred: (() => unknown)[] = [];
  const errors: unknown[] = [];
  let result: T | undefined;
  try {
    result = await work((close) => deferred.push(close));
  } catch (error) {
    errors.push(error);
  }
  for (const close of deferred.reverse()) {
    try {
      await close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
  return result as T;
}
