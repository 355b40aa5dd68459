/**
 * One large file from the web as a stream, for archives that are named by hand: with the crawl's User-Agent, address guard
 * and limits, but without robots.txt, which is for crawlers and not for a file that a person asked for (as wget has it).
 */
import { Agent, type Dispatcher, request } from 'undici';
import { expected, UserError } from '../../dataset/user-error.ts';
import { absoluteUrl } from '../policy/url.ts';
import type { AddressGuard } from './address-guard.ts';
import { locationOf, maxRedirects, reasonOf } from './fetch.ts';
import type { SignRequest } from './request-signature.ts';

/** Ours: Common Crawl's archives have about 1 GB, the largest in use elsewhere 5 GB. */
const defaultMaxBytes = 20e9;

export interface DownloadOptions {
  readonly guard: AddressGuard;
  readonly userAgent: string;
  readonly maxBytes?: number;
  /** Longest wait for a connection, for the first byte, and between two pieces of the body, in ms. */
  readonly idleMs?: number;
  readonly sign?: SignRequest | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bytes as the server stores them (nothing is decompressed). Throws a UserError when the file is not there, is larger
 * than `maxBytes` or breaks off; what came before was handed out.
 */
export async function* download(
  url: string,
  { guard, userAgent, maxBytes = defaultMaxBytes, idleMs = 30_000, sign, signal }: DownloadOptions,
): AsyncGenerator<Uint8Array> {
  const agent = new Agent({
    connect: { timeout: idleMs, lookup: guard.lookup, autoSelectFamily: true },
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
    maxHeaderSize: 65_536,
  });
  let byteLength = 0;
  const failure = (received: string, cause?: unknown): UserError =>
    new UserError(
      `Expected the whole of ${url} but received ${received} after ${byteLength} bytes; what came is kept, check the address and run the command again.`,
      { cause },
    );
  try {
    const { body, statusCode, headers } = await open(url, { agent, guard, userAgent, sign, signal });
    if (statusCode !== 200)
      throw expected('a file', 'warc', url, `the server answers ${statusCode}: check the address`);
    if (Number(headers['content-length']) > maxBytes) throw failure(`${headers['content-length']} bytes to come`);
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      byteLength += chunk.byteLength;
      if (byteLength > maxBytes) throw failure(`more than ${maxBytes} bytes`);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof UserError || signal?.aborted) {
      if (signal?.aborted) return;
      throw error;
    }
    throw failure(reasonOf(error as NodeJS.ErrnoException, byteLength > 0), error);
  } finally {
    // A connection that cannot be closed does not change what was read, nor why reading ended.
    await agent.destroy().catch(() => {});
  }
}

async function open(
  url: string,
  {
    agent,
    guard,
    userAgent,
    sign,
    signal,
  }: Required<Pick<DownloadOptions, 'guard' | 'userAgent'>> & {
    readonly agent: Agent;
    readonly sign: SignRequest | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Dispatcher.ResponseData> {
  let at = url;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const refused = guard.refuseHost(new URL(at).hostname);
    if (refused !== null) throw expected('a public address', 'warc', at, `it is refused: ${refused}`);
    const answer = await request(at, {
      dispatcher: agent,
      headers: { 'user-agent': userAgent, 'accept-encoding': 'identity', ...sign?.('GET', new URL(at)) },
      ...(signal ? { signal } : {}),
    });
    const location = locationOf(answer.headers);
    if (answer.statusCode < 300 || answer.statusCode > 399 || location === undefined) return answer;
    answer.body.on('error', () => {}).destroy();
    const target = absoluteUrl(location, at);
    if (target === null) throw expected('a file', 'warc', url, `it leads to ${location}, which is no web address`);
    at = target;
  }
  throw expected('a file', 'warc', url, 'it is redirected without end');
}
