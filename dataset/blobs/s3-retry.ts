/**
 * What fails for a passing reason is asked again, each time after a longer wait that chance moves: many machines that
 * lost one server do not come back at the same moment. A body that breaks off counts as a failure, which the client of S3 does not see.
 */
import pRetry from 'p-retry';

/** An answer that ended early, or did not come in time. */
export class CutShort extends Error {
  override readonly name = 'CutShort';
}

/** The status of an answer that was an error; null where there was no answer. */
export function statusOf(error: unknown): number | null {
  const { httpStatusCode } = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata ?? {};
  return httpStatusCode ?? null;
}

/** Ours: a server that restarts, or a network that is gone for a coffee, is waited for; a machine that trains costs more than that. */
const patienceMs = 5 * 60_000;
/** Until a server has answered once, its address may be wrong, and whoever gave it is waiting. */
const firstPatienceMs = 8_000;
/** Ours: a range or part of 16 MiB comes in this time at 140 kB/s. */
const attemptMs = 120_000;

let hasAnswered = false;

/** Does `work` until it succeeds, fails for a reason that stays, or patience ends: then its last error is thrown. */
export async function retried<T>(
  work: (signal: AbortSignal, attempt: number) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return pRetry((attempt) => attempted((own) => work(own, attempt), signal), {
    retries: Number.POSITIVE_INFINITY,
    maxRetryTime: hasAnswered ? patienceMs : firstPatienceMs,
    minTimeout: 100,
    maxTimeout: 10_000,
    randomize: true,
    shouldRetry: ({ error }) => isPassing(error),
    ...(signal && { signal }),
  });
}

/** One attempt, which ends in time. Not by AbortSignal.timeout: its timers, and what they hold, would outlive thousands of answers. */
async function attempted<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  const own = new AbortController();
  const stop = (): void => own.abort(signal?.reason);
  const timer = setTimeout(() => own.abort(), attemptMs);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const result = await work(own.signal);
    hasAnswered = true;
    return result;
  } catch (error) {
    hasAnswered ||= statusOf(error) !== null;
    if (own.signal.aborted && !signal?.aborted) throw new CutShort(`no whole answer in ${attemptMs / 1000} s`);
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/** Errors of connections. A certificate that does not fit stays as it is. */
const passingCodes =
  /^(ECONN(RESET|REFUSED|ABORTED)|EPIPE|ETIMEDOUT|EHOST(UNREACH|DOWN)|ENET(UNREACH|DOWN|RESET)|ENOTFOUND|EAI_AGAIN|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/;

/** Errors that S3 tells with a status of the client's, and that another try mends. */
const passingNames = new Set(['RequestTimeout', 'ConditionalRequestConflict', 'OperationAborted', 'SlowDown']);

/** Whether the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  const { name = '', code, cause } = (error ?? {}) as { name?: string; code?: unknown; cause?: unknown };
  if (error instanceof CutShort || name === 'TimeoutError' || passingNames.has(name)) return true;
  const status = statusOf(error);
  // A good answer that could not be read was cut short.
  if (status !== null) return status >= 500 || status === 429 || status === 408 || status < 300;
  return (typeof code === 'string' && passingCodes.test(code)) || (cause !== undefined && isPassing(cause));
}
