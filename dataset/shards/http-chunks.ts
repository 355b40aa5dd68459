/**
 * The bytes of a shard over HTTP. A connection that breaks, and an answer that says "later" (429, 5xx), are tried again a
 * few times, each time after a longer wait; what has arrived is not asked for again (Range, RFC 9110 §14), and never
 * joined to bytes of another version of the file (If-Range). Requests carry no cookies and follow redirects.
 */

export interface HttpOptions {
  /** Tries in a row that bring no new byte, after the first. */
  readonly retries?: number;
  /** Before the first retry; doubled before each further one, at most `maxDelayMs`. */
  readonly delayMs?: number;
  readonly maxDelayMs?: number;
  readonly signal?: AbortSignal;
}

/** What the server answered when it cannot be read: its status, or null when there was no answer. */
export class HttpFault extends Error {
  readonly status: number | null;
  constructor(url: string, status: number | null) {
    super(`${url}: ${status === null ? 'connection lost' : `HTTP ${status}`}`);
    this.status = status;
  }
}

const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Streams the body of `url`. Throws an HttpFault when the server refuses, or when all tries are used up. */
export async function* httpChunks(url: string, options: HttpOptions = {}): AsyncGenerator<Buffer> {
  const { retries = 4, delayMs = 500, maxDelayMs = 10_000, signal } = options;
  let received = 0;
  let validator: string | null = null;
  for (let failures = 0; ; ) {
    const before = received;
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (received > 0) {
      headers.range = `bytes=${received}-`;
      if (validator !== null) headers['if-range'] = validator;
    }
    const response: Response | null = await fetch(url, { headers, ...(signal && { signal }) }).catch(() => null);
    let fault = new HttpFault(url, response?.status ?? null);
    // All of it had arrived when the connection broke.
    if (response?.status === 416 && received > 0) return response.body?.cancel();
    if (response?.ok) {
      const start = received > 0 ? startOf(response) : 0;
      // A server without ranges sends all again, which is fine while it is the same file.
      if (start === null || start > received || (start < received && isAnother(response, validator))) {
        await response.body?.cancel();
        throw new HttpFault(url, null);
      }
      validator ??= strongValidator(response);
      let skip = received - start;
      try {
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
          const fresh = chunk.subarray(Math.min(skip, chunk.length));
          skip -= chunk.length - fresh.length;
          received += fresh.length;
          if (fresh.length > 0) yield Buffer.from(fresh.buffer, fresh.byteOffset, fresh.byteLength);
        }
        return;
      } catch (error) {
        // What the reader throws at `yield` does not come here: it ends the generator without an exception.
        if (signal?.aborted) throw error;
        fault = new HttpFault(url, null);
      }
    } else {
      await response?.body?.cancel();
      signal?.throwIfAborted();
      if (response !== null && !isPassing(response.status)) throw fault;
    }
    failures = received > before ? 1 : failures + 1;
    if (failures > retries) throw fault;
    await wait(Math.min(maxDelayMs, delayMs * 2 ** (failures - 1)), signal);
  }
}

/** The first byte that the answer has; null when it does not say. */
function startOf(response: Response): number | null {
  if (response.status !== 206) return 0;
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return range === null ? null : Number(range[1]);
}

/** An ETag that stands for the same bytes; a date may stand for two versions of one second (RFC 9110 §8.8.2). */
function strongValidator({ headers }: Response): string | null {
  const etag = headers.get('etag');
  return etag?.startsWith('"') ? etag : headers.get('last-modified');
}

const isAnother = (response: Response, validator: string | null): boolean =>
  validator !== null && strongValidator(response) !== validator;

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
