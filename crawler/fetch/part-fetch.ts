/**
 * Fetches what a rendered page asks for: scripts, frames and data. The browser itself has no network; so nothing that a page
 * does goes round robots.txt and the address guard, and every redirect is checked like a first request.
 */
import type { Socket } from 'node:net';
import { Agent, buildConnector, fetch, type Response, WebSocket } from 'undici';
import type { AddressGuard } from './address-guard.ts';
import { maxRedirects, wantsHttp2 } from './fetch.ts';
import type { SignRequest } from './request-signature.ts';

/** Ours: a guess at more than any script or answer has. */
const maxPartBytes = 16_000_000;
const partTimeoutMs = 15_000;

export interface PartRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** Whether robots.txt allows a URL. */
  readonly allows: (url: string) => Promise<boolean>;
  /** Called before each request that is sent. */
  readonly onRequest: (url: URL) => void;
  /** Called when no request may be sent: what the page then lacks says nothing of it. */
  readonly onWithheld: () => void;
  readonly cookies: (url: string) => Promise<string>;
  readonly signal: AbortSignal;
}

export interface Part {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  /** Where redirects ended. */
  readonly url: string;
}

export interface PartFetcher {
  /** Null when it may not or cannot be had. */
  fetch(request: PartRequest): Promise<Part | null>;
  /** A WebSocket to an address that may be connected to, else null; it is cut off when the signal says so. */
  openSocket(url: URL, request: Pick<PartRequest, 'signal' | 'onWithheld'>): WebSocket | null;
  close(): Promise<void>;
}

/** Headers of one connection (RFC 9110 §7.6.1), and those that `fetch` sets or has used up by decoding the body. */
const notPassedOn = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A fetcher with its own connections, closed by `close`; `sign` signs every request that it sends, and `mayAsk` is asked right before. */
export function openPartFetcher(
  guard: AddressGuard,
  { sign, mayAsk = () => true }: { readonly sign?: SignRequest | undefined; readonly mayAsk?: () => boolean } = {},
): PartFetcher {
  const connect = { timeout: 10_000, lookup: guard.lookup, autoSelectFamily: true };
  const options = { connect, headersTimeout: partTimeoutMs, bodyTimeout: partTimeoutMs, connections: 6 } as const;
  const agent = new Agent(options);
  const http2 = new Agent({ ...options, allowH2: true });
  const mayConnect = (hostname: string): boolean => guard.refuseHost(hostname) === null;

  const follow = async (request: PartRequest): Promise<Part | null> => {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(partTimeoutMs)]);
    let { method, body } = request;
    let url = new URL(request.url);
    for (let hop = 0; hop <= maxRedirects; hop += 1) {
      if (!/^https?:$/.test(url.protocol) || !mayConnect(url.hostname) || !(await request.allows(url.href)))
        return null;
      const cookie = await request.cookies(url.href);
      if (!mayAsk()) {
        request.onWithheld();
        return null;
      }
      request.onRequest(url);
      const send = (dispatcher: Agent): Promise<Response> =>
        fetch(url, {
          method,
          headers: {
            ...passedOn(Object.entries(request.headers)),
            ...(cookie === '' ? {} : { cookie }),
            ...sign?.(method, url),
          },
          ...(body === null ? {} : { body }),
          redirect: 'manual',
          dispatcher,
          signal,
        });
      const response = await send(agent).catch((error: Error) => {
        if (wantsHttp2(error.cause)) return send(http2);
        throw error;
      });
      const { status, headers } = response;
      const location = headers.get('location');
      if (![301, 302, 303, 307, 308].includes(status) || location === null || !URL.canParse(location, url.href)) {
        const bytes = await bodyOf(response.body);
        if (bytes === null) return null;
        const setCookies = headers.getSetCookie().join('\n');
        return {
          status,
          headers: { ...passedOn(headers), ...(setCookies === '' ? {} : { 'set-cookie': setCookies }) },
          body: bytes,
          url: url.href,
        };
      }
      await response.body?.cancel();
      const { hash } = url;
      url = new URL(location, url);
      if (url.hash === '') url.hash = hash;
      // RFC 9110 §15.4: 303 asks with GET, and browsers do so after 301 and 302 of a POST.
      if (status === 303 || (status <= 302 && method === 'POST')) {
        method = method === 'HEAD' ? 'HEAD' : 'GET';
        body = null;
      }
    }
    return null;
  };

  return {
    openSocket: (url, { signal, onWithheld }) => {
      if (!mayConnect(url.hostname) || signal.aborted) return null;
      if (!mayAsk()) {
        onWithheld();
        return null;
      }
      const connector = buildConnector(connect);
      let connection: Socket | undefined;
      const agent = new Agent({
        connect: (options, callback) =>
          connector(options, (error, socket) => {
            connection = socket ?? undefined;
            if (signal.aborted) connection?.destroy();
            if (error) callback(error, null);
            else callback(null, socket!);
          }),
      });
      // A server that does not answer the closing handshake would keep the connection.
      signal.addEventListener('abort', () => connection?.destroy(), { once: true });
      return new WebSocket(url, { dispatcher: agent, headers: { ...sign?.('GET', url) } });
    },
    // A part that cannot be had is the page's loss, as in a browser.
    fetch: (request) => follow(request).catch(() => null),
    close: async () => {
      await Promise.all([agent.destroy(), http2.destroy()]);
    },
  };
}

function passedOn(headers: Iterable<readonly [string, string]>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (!notPassedOn.has(lower) && lower !== 'set-cookie' && !lower.startsWith(':')) kept[lower] = value;
  }
  return kept;
}

/** The whole body, or null when it is too long. */
async function bodyOf(stream: AsyncIterable<Uint8Array> | null): Promise<Buffer | null> {
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  for await (const chunk of stream ?? []) {
    byteLength += chunk.byteLength;
    if (byteLength > maxPartBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
