/**
 * One HTTP request with undici, as a value: either a response whose body is complete and decompressed, or the reason why
 * there is none. It has limits on time (connect, first byte, whole), on bytes before and after decompression and on redirects,
 * and lets the caller refuse a response after its headers, before a byte of the body is taken.
 */
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { Agent, type Dispatcher } from 'undici';
import { meaningOf, type Reason } from '../policy/reasons.ts';
import type { Headers } from '../policy/rights.ts';
import { absoluteUrl, isTooLong, keyOf } from '../policy/url.ts';
import { type AddressGuard, AddressRefused } from './address-guard.ts';

export interface Fetched {
  readonly ok: true;
  readonly status: number;
  readonly headers: Headers;
  /** Complete and decompressed. */
  readonly body: Buffer;
  /** Where the redirects ended, as it was requested. */
  readonly url: string;
  /** From sending the request to its first header, in ms, of the last hop. */
  readonly latencyMs: number;
}

export interface NotFetched {
  readonly ok: false;
  readonly reason: Reason;
  /** Null when no response came. */
  readonly status: number | null;
  readonly headers: Headers;
  readonly url: string;
  readonly latencyMs: number;
}

export interface FetchRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of the body as sent, and again after decompression. */
  readonly maxBytes: number;
  /** A longer body is cut there and the rest never taken, instead of a failure. */
  readonly truncate?: boolean;
  /** A reason not to take the body, from status and headers; null to go on. Not called for redirects. */
  readonly refuse?: (status: number, headers: Headers) => Reason | null;
  /** A reason not to follow a redirect to this URL; null to follow. */
  readonly refuseRedirect?: (url: string) => Reason | null | Promise<Reason | null>;
  readonly signal?: AbortSignal | undefined;
}

export interface Fetcher {
  get(url: string, request: FetchRequest): Promise<Fetched | NotFetched>;
  close(): Promise<void>;
}

/** Ours: browsers follow 20; chains on the web that end anywhere are shorter than 10. */
export const maxRedirects = 10;

export interface FetchLimits {
  readonly connectMs?: number;
  readonly firstByteMs?: number;
  /** The whole request with its redirects and body. */
  readonly wholeMs?: number;
  readonly redirects?: number;
  readonly connectionsPerOrigin?: number;
}

/** A fetcher with its own connections, closed by `close`. */
export function openFetcher(
  guard: AddressGuard,
  userAgent: string,
  {
    connectMs = 10_000,
    firstByteMs = 15_000,
    wholeMs = 30_000,
    redirects = maxRedirects,
    connectionsPerOrigin = 6,
  }: FetchLimits = {},
): Fetcher {
  const agent = new Agent({
    connect: { timeout: connectMs, lookup: guard.lookup, autoSelectFamily: true },
    headersTimeout: firstByteMs,
    bodyTimeout: firstByteMs,
    connections: connectionsPerOrigin,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    maxHeaderSize: 65_536,
  });
  const baseHeaders = { 'user-agent': userAgent, 'accept-encoding': 'gzip, deflate, br', 'accept-language': '*' };

  return {
    async get(url, request) {
      const deadlineMs = performance.now() + wholeMs;
      let at = url;
      for (let hop = 0; ; hop++) {
        const response = await oneHop(agent, guard, at, request, baseHeaders, deadlineMs);
        if (!isRedirect(response)) return response;
        const target = absoluteUrl(String(response.headers.location), at);
        const stop = (reason: Reason): NotFetched => ({ ...response, ok: false, reason, url: at });
        if (target === null) return stop('redirect-to-nowhere');
        if (isTooLong(keyOf(target))) return stop('url-too-long');
        if (hop >= redirects) return stop('too-many-redirects');
        const refusal = await request.refuseRedirect?.(target);
        if (refusal) return { ...stop(refusal), url: target };
        at = target;
      }
    },
    close: () => agent.destroy(),
  };
}

type Hop = Fetched | NotFetched;

const isRedirect = (response: Hop): boolean =>
  response.status !== null &&
  [301, 302, 303, 307, 308].includes(response.status) &&
  typeof response.headers.location === 'string';

class Refused extends Error {}

function oneHop(
  agent: Agent,
  guard: AddressGuard,
  url: string,
  request: FetchRequest,
  baseHeaders: Record<string, string>,
  deadlineMs: number,
): Promise<Hop> {
  return new Promise((resolve) => {
    const { origin, hostname } = new URL(url);
    const startMs = performance.now();
    let status: number | null = null;
    let headers: Headers = {};
    let latencyMs = 0;
    let byteLength = 0;
    let cut = false;
    let controller: Dispatcher.DispatchController | undefined;
    const chunks: Buffer[] = [];

    const fail = (reason: Reason): void => {
      end({
        ok: false,
        reason,
        status,
        headers,
        url,
        latencyMs: latencyMs || performance.now() - startMs,
      });
    };
    const refusedHost = guard.refuseHost(hostname);
    const abort = (reason: Reason): void => {
      if (controller) controller.abort(new Refused(reason));
      fail(reason);
    };
    const timer = setTimeout(() => abort('timeout-whole'), Math.max(1, deadlineMs - startMs));
    const onAbort = (): void => abort('stopped');
    const end = (hop: Hop): void => {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', onAbort);
      resolve(hop);
    };
    if (refusedHost) return fail(refusedHost);
    if (request.signal?.aborted) return fail('stopped');
    request.signal?.addEventListener('abort', onAbort);

    const finish = (): void => {
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      decompress(body, headers['content-encoding'], request.maxBytes).then(
        (whole) => end({ ok: true, status: status!, headers, body: whole, url, latencyMs }),
        (error: NodeJS.ErrnoException) =>
          fail(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too-many-bytes' : 'broken-compression'),
      );
    };

    agent.dispatch(
      { origin, path: url.slice(origin.length), method: 'GET', headers: { ...baseHeaders, ...request.headers } },
      {
        onRequestStart(given) {
          controller = given;
        },
        onResponseStart(given, statusCode, responseHeaders) {
          if (statusCode < 200) return;
          status = statusCode;
          headers = responseHeaders;
          latencyMs = performance.now() - startMs;
          const redirect = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
          const reason = redirect
            ? null
            : (request.refuse?.(statusCode, headers) ??
              (!request.truncate && Number(headers['content-length']) > request.maxBytes ? 'too-many-bytes' : null));
          if (reason !== null) {
            given.abort(new Refused(reason));
            fail(reason);
          }
        },
        onResponseData(given, chunk) {
          if (cut) return;
          byteLength += chunk.length;
          chunks.push(chunk);
          if (byteLength <= request.maxBytes) return;
          cut = true;
          given.abort(new Refused('too-many-bytes'));
          if (!request.truncate) return fail('too-many-bytes');
          const excess = byteLength - request.maxBytes;
          chunks[chunks.length - 1] = chunk.subarray(0, chunk.length - excess);
          finish();
        },
        onResponseEnd() {
          if (!cut) finish();
        },
        onResponseError(_given, error) {
          if (error instanceof Refused) return;
          fail(reasonOf(error as NodeJS.ErrnoException, status !== null));
        },
      },
    );
  });
}

const unzip = {
  gzip: promisify(gunzip),
  br: promisify(brotliDecompress),
  inflate: promisify(inflate),
  inflateRaw: promisify(inflateRaw),
};

/** Undoes the encodings in the reverse of the order in which they were applied. `maxOutputLength` stops a bomb. */
async function decompress(body: Buffer, encoding: string | string[] | undefined, maxBytes: number): Promise<Buffer> {
  if (encoding === undefined || body.length === 0) return body;
  const names = String(encoding)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
    .reverse();
  if (names.length > 3) throw new Error('more than three encodings');
  let bytes = body;
  for (const name of names) {
    const options = { maxOutputLength: maxBytes };
    if (name === 'gzip' || name === 'x-gzip') bytes = await unzip.gzip(bytes, options);
    else if (name === 'br') bytes = await unzip.br(bytes, options);
    // "deflate" is zlib by RFC 9110, and raw by some old servers.
    else if (name === 'deflate')
      bytes =
        ((bytes[0] ?? 0) & 0x0f) === 8 ? await unzip.inflate(bytes, options) : await unzip.inflateRaw(bytes, options);
    else throw new Error(`unknown encoding ${name}`);
  }
  return bytes;
}

/** Reasons by error code: what undici, the resolver, TLS and the operating system say. */
export function reasonOf(error: NodeJS.ErrnoException, responded: boolean): Reason {
  const code = error.code ?? '';
  if (error instanceof AddressRefused) return error.reason;
  if (error.name === 'AggregateError') {
    const inner = (error as unknown as AggregateError).errors[0] as NodeJS.ErrnoException | undefined;
    if (inner) return reasonOf(inner, responded);
  }
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return 'timeout-connect';
    case 'UND_ERR_HEADERS_TIMEOUT':
      return 'timeout-first-byte';
    case 'UND_ERR_BODY_TIMEOUT':
      return 'timeout-body';
    case 'ENOTFOUND':
    case 'ENODATA':
      return 'dns-not-found';
    case 'EAI_AGAIN':
      return 'dns-failed';
    case 'ECONNREFUSED':
      return 'connection-refused';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable';
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'HPE_HEADER_OVERFLOW':
      return 'headers-too-large';
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return 'body-cut-off';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return responded ? 'body-cut-off' : 'connection-lost';
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_ABORTED':
      return 'stopped';
  }
  if (code.startsWith('HPE_') || error.name === 'HTTPParserError') return 'broken-http';
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code)) return 'tls';
  return 'connection-failed';
}

/** Whether a request that ended for this reason is made again in the same crawl. */
export const isTemporary = (reason: Reason): boolean => meaningOf(reason).again === 'soon';

/** Whether a reason says that we may not, as opposed to that it did not work. */
export const isRefusal = (reason: Reason): boolean => meaningOf(reason).class === 'refused';
