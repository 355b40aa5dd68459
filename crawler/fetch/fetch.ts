/**
 * One HTTP request with undici, as a value: either a response whose body is complete and decompressed, or the reason why
 * there is none. It has limits on time (connect, first byte, whole), on bytes before and after decompression and on redirects,
 * and lets the caller refuse a response after its headers, before a byte of the body is taken.
 */
import { CookieJar } from 'tough-cookie';
import { Agent, type Dispatcher } from 'undici';
import { meaningOf, type Reason } from '../policy/reasons.ts';
import { headerReferrerPolicy, type ReferrerPolicy, refererOf } from '../policy/referrer.ts';
import type { Headers } from '../policy/rights.ts';
import { absoluteUrl, isTooLong, keyOf } from '../policy/url.ts';
import { type AddressGuard, AddressRefused } from './address-guard.ts';
import { acceptEncoding, decodeBody, decodeStart } from './content-encoding.ts';
import { firstValue } from './headers.ts';
import { type Dispatch, lenientDispatch } from './lenient-http.ts';
import { hintsAtNoNetwork, machineLacks, type Network, NoNetwork, Withheld } from './local-faults.ts';
import type { SignRequest } from './request-signature.ts';

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

/** An answer that leads elsewhere. */
export interface Redirect {
  readonly url: string;
  readonly headers: Headers;
}

export interface FetchRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers about the URL itself, such as `If-Modified-Since`: where redirects lead, they would be about another document. */
  readonly conditions?: Readonly<Record<string, string>>;
  /** The page that asks for it. */
  readonly referrer?: { readonly page: string; readonly policy?: ReferrerPolicy | undefined } | undefined;
  /** Bytes of the body as sent, and again after decompression. */
  readonly maxBytes: number;
  /** A longer body is cut there and the rest never taken, instead of a failure. */
  readonly truncate?: boolean;
  /** A reason not to take the body, from status and headers; null to go on. Not called for redirects. */
  readonly refuse?: (status: number, headers: Headers) => Reason | null;
  /** A reason not to follow a redirect to this URL; null to follow. */
  readonly refuseRedirect?: (url: string, from: Redirect) => Reason | null | Promise<Reason | null>;
  readonly signal?: AbortSignal | undefined;
}

export interface Fetcher {
  /** Throws when the machine fails and not the web: a UserError, NoNetwork when the fetcher watches the network, or Withheld. */
  get(url: string, request: FetchRequest): Promise<Fetched | NotFetched>;
  close(): Promise<void>;
}

/** Statuses whose body is what was asked for: 203 comes from a proxy, 206 from servers that answer so unasked; browsers show both. */
export const hasContent = (status: number | null): boolean => status === 200 || status === 203 || status === 206;

/** Ours: browsers follow 20; chains on the web that end anywhere are shorter than 10. */
export const maxRedirects = 10;

export interface FetchLimits {
  readonly connectMs?: number;
  readonly firstByteMs?: number;
  /** The whole request with its redirects and body. */
  readonly wholeMs?: number;
  readonly redirects?: number;
  readonly connectionsPerOrigin?: number;
  /** Tells a machine without network from hosts that cannot be reached. */
  readonly network?: Network;
  /** Asked right before a request is sent; false withholds it, which throws a Withheld. */
  readonly mayAsk?: () => boolean;
  /** Signs every request that is sent. */
  readonly sign?: SignRequest | undefined;
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
    network,
    mayAsk = () => true,
    sign,
  }: FetchLimits = {},
): Fetcher {
  const agentOptions = {
    connect: { timeout: connectMs, lookup: guard.lookup, autoSelectFamily: true },
    headersTimeout: firstByteMs,
    bodyTimeout: firstByteMs,
    connections: connectionsPerOrigin,
    pipelining: 1,
    keepAliveTimeout: 10_000,
    maxHeaderSize,
  } as const;
  const agent = new Agent(agentOptions);
  const baseHeaders = { 'user-agent': userAgent, 'accept-encoding': acceptEncoding, 'accept-language': '*' };
  const strict: Dispatch = (options, handler) => agent.dispatch(options, handler);
  const lenient = lenientDispatch(guard, maxHeaderSize, connectMs);
  const lenientOrigins = new Set<string>();
  // HTTP/1.1 is asked for: with a request a second HTTP/2 gains nothing. A few servers speak nothing else.
  const agent2 = new Agent({ ...agentOptions, allowH2: true });
  const http2: Dispatch = (options, handler) => agent2.dispatch(options, handler);
  const http2Origins = new Set<string>();
  const remember = (origins: Set<string>, origin: string): void => {
    if (origins.size >= maxOddOrigins) origins.clear();
    origins.add(origin);
  };

  const hopTo = async (
    url: string,
    request: FetchRequest,
    headers: Record<string, string>,
    deadlineMs: number,
  ): Promise<Hop> => {
    const { origin } = new URL(url);
    // A signature is for one request, and the second of two is another.
    const send = (dispatch: Dispatch): Promise<Hop> =>
      oneHop(dispatch, guard, url, request, { ...headers, ...sign?.('GET', new URL(url)) }, { deadlineMs, mayAsk });
    if (lenientOrigins.has(origin)) return send(lenient);
    if (http2Origins.has(origin)) return send(http2);
    const response = await send(strict);
    if (!response.ok && wantsHttp2(response.cause)) {
      const again = await send(http2);
      if (again.status !== null) remember(http2Origins, origin);
      return again;
    }
    if (response.ok ? !hasRawChunks(response) : !breaksRules(response)) return response;
    const again = await send(lenient);
    if (again.status === null) return response;
    remember(lenientOrigins, origin);
    return again;
  };

  return {
    async get(url, request) {
      const deadlineMs = performance.now() + wholeMs;
      let at = url;
      // Walls set a cookie and redirect to themselves. What they set ends with the chain.
      let jar: CookieJar | undefined;
      let policy = request.referrer?.policy;
      for (let hop = 0; ; hop++) {
        const cookie = await jar?.getCookieString(at);
        const referer = request.referrer && refererOf(request.referrer.page, at, policy);
        const headers = {
          ...baseHeaders,
          ...request.headers,
          ...(hop === 0 ? request.conditions : {}),
          ...(cookie && { cookie }),
          ...(referer && { referer }),
        };
        const response = await hopTo(at, request, headers, deadlineMs);
        if (response.status !== null) network?.answered(new URL(at).origin);
        else if (network && !response.ok && hintsAtNoNetwork(response.cause) && !(await network.isUp()))
          throw new NoNetwork(at);
        if (!isRedirect(response)) return response;
        for (const set of [response.headers['set-cookie'] ?? []].flat().slice(0, maxCookies)) {
          jar ??= new CookieJar(undefined, { looseMode: true });
          await jar.setCookie(set, at, { ignoreError: true });
        }
        const target = absoluteUrl(locationOf(response.headers)!, at);
        const stop = (reason: Reason): NotFetched => ({ ...response, ok: false, reason, url: at });
        if (target === null) return stop('redirect-to-nowhere');
        if (isTooLong(keyOf(target))) return stop('url-too-long');
        if (hop >= redirects) return stop('too-many-redirects');
        const refusal = await request.refuseRedirect?.(target, { url: at, headers: response.headers });
        if (refusal) return { ...stop(refusal), url: target };
        policy = headerReferrerPolicy(response.headers['referrer-policy']) ?? policy;
        at = target;
      }
    },
    close: async () => {
      await Promise.all([agent.destroy(), agent2.destroy()]);
    },
  };
}

/** What failed keeps its error until it is known whose fault it is. */
type Hop = Fetched | (NotFetched & { readonly cause?: unknown });

/** Chromium's limit. */
const maxHeaderSize = 262_144;

/** Ours, as origins in memory elsewhere. */
const maxOddOrigins = 1000;

/** Cookies of one answer: browsers keep 180 of a site, and no wall needs more than a few. */
const maxCookies = 50;

const isRedirect = (response: Hop): boolean =>
  response.status !== null &&
  [301, 302, 303, 307, 308].includes(response.status) &&
  locationOf(response.headers) !== undefined;

/** Where a redirect leads, its bytes beyond ASCII escaped as browsers do it, whatever their charset; an empty one leads nowhere. */
export function locationOf(headers: Headers): string | undefined {
  const location = firstValue(headers.location)?.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return location === '' ? undefined : location;
}

/** Whether an answer broke rules that a lenient reader may forgive: its syntax, its length said twice, a body where none may be. */
function breaksRules({ reason, status, headers }: NotFetched): boolean {
  if (reason === 'broken-http') return true;
  if (reason !== 'body-cut-off') return false;
  if (status === 204 || status === 304) return true;
  const length = headers['content-length'];
  return length !== undefined && (/,/.test(String(length)) || headers['transfer-encoding'] !== undefined);
}

/** Whether undici took for the body what are its chunks: it looks for the word at the end of the list, browsers anywhere in it. */
const hasRawChunks = ({ headers }: Fetched): boolean => {
  const codings = String(headers['transfer-encoding'] ?? '').toLowerCase();
  return /(?:^|,)[ \t]*chunked[ \t]*(?:,|$)/.test(codings) && !/chunked[ \t]*$/.test(codings);
};

/** TLS's alert of a server that speaks none of the protocols that were offered (RFC 7301 §3.2). */
export const wantsHttp2 = (cause: unknown): boolean =>
  /NO_APPLICATION_PROTOCOL/.test((cause as NodeJS.ErrnoException | undefined)?.code ?? '');

class Refused extends Error {}

function oneHop(
  dispatch: Dispatch,
  guard: AddressGuard,
  url: string,
  request: FetchRequest,
  requestHeaders: Record<string, string>,
  { deadlineMs, mayAsk }: { readonly deadlineMs: number; readonly mayAsk: () => boolean },
): Promise<Hop> {
  return new Promise((resolve, reject) => {
    const { origin, hostname, href } = new URL(url);
    const startMs = performance.now();
    let status: number | null = null;
    let headers: Headers = {};
    let latencyMs = 0;
    let byteLength = 0;
    let cut = false;
    let controller: Dispatcher.DispatchController | undefined;
    const chunks: Buffer[] = [];

    const fail = (reason: Reason, cause?: unknown): void => {
      end({
        ok: false,
        cause,
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
      const decode = request.truncate ? decodeStart : decodeBody;
      decode(body, headers['content-encoding'], request.maxBytes).then(
        (whole) => end({ ok: true, status: status!, headers, body: whole, url, latencyMs }),
        (error: NodeJS.ErrnoException) =>
          fail(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too-many-bytes' : 'broken-compression'),
      );
    };

    dispatch(
      { origin, path: href.slice(origin.length), method: 'GET', headers: requestHeaders },
      {
        onRequestStart(given) {
          controller = given;
          if (!mayAsk()) given.abort(new Withheld(url));
        },
        onResponseStart(given, statusCode, responseHeaders) {
          if (statusCode < 200) return;
          status = statusCode;
          headers = responseHeaders;
          latencyMs = performance.now() - startMs;
          const redirect = statusCode >= 300 && statusCode < 400 && locationOf(headers) !== undefined;
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
          const ours = error instanceof Withheld ? error : machineLacks(error);
          if (ours === null) return fail(reasonOf(error as NodeJS.ErrnoException, status !== null), error);
          clearTimeout(timer);
          request.signal?.removeEventListener('abort', onAbort);
          reject(ours);
        },
      },
    );
  });
}

/** Reasons by error code: what undici, the resolver, TLS and the operating system say. */
export function reasonOf(error: NodeJS.ErrnoException, responded: boolean): Reason {
  const code = error.code ?? '';
  if (error instanceof AddressRefused) return error.reason;
  if (error.name === 'AggregateError') {
    // Of several addresses those that this machine has no way to (IPv6) say the least.
    const reasons = (error as unknown as AggregateError).errors.map((one) => reasonOf(one, responded));
    if (reasons.length > 0) return reasons.find((reason) => reason !== 'unreachable') ?? 'unreachable';
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
    case 'ENETDOWN':
    case 'EADDRNOTAVAIL':
      return 'unreachable';
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'HPE_HEADER_OVERFLOW':
      return 'headers-too-large';
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      // Before the head is read it is the length itself that undici cannot read.
      return responded ? 'body-cut-off' : 'broken-http';
    case 'ERR_ASSERTION':
      // undici's answer to a status 101 that nobody asked for.
      return 'broken-http';
    case 'UND_ERR_SOCKET':
      // The same of a status 100, and of 101 with an upgrade.
      if (/^bad (?:response|upgrade)$/.test(error.message)) return 'broken-http';
      return responded ? 'body-cut-off' : 'connection-lost';
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
