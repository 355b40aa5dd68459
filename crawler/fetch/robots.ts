/**
 * Fetching robots.txt as RFC 9309 says. What an answer's status means is where crawlers differ: 2xx is read, 4xx allows
 * everything, after five redirects there is no robots.txt. Where it could not be had (5xx, 429, no connection, half an answer)
 * nothing may be fetched and nothing is known: the origin is put off and asked again (Nutch and StormCrawler do so). The rules
 * hold for the origin of the request, wherever its redirects led.
 */
import { backOffMs, type Manners, maxFailures, retryAfterMs } from '../policy/politeness.ts';
import { meaningOf, type Reason } from '../policy/reasons.ts';
import { encodingsOfStart } from './content-encoding.ts';
import type { Fetched, Fetcher, NotFetched } from './fetch.ts';

export type RobotsAnswer =
  | { readonly kind: 'rules'; readonly body: string }
  | { readonly kind: 'allow' }
  /** Nothing may be fetched; the reason says why. */
  | { readonly kind: 'disallow'; readonly reason: Reason }
  /** Nothing may be fetched now, and not before `forMs` have passed. */
  | { readonly kind: 'unavailable'; readonly reason: Reason; readonly forMs: number };

/** Fetches the robots.txt of an origin (`https://example.org`). */
export async function fetchRobots(fetcher: Fetcher, origin: string, signal?: AbortSignal): Promise<RobotsAnswer> {
  let hops = 0;
  const response = await fetcher.get(`${origin}/robots.txt`, {
    maxBytes: maxRobotsBytes,
    truncate: true,
    headers: { 'accept-encoding': encodingsOfStart },
    refuseRedirect: () => {
      hops += 1;
      return hops > maxRedirects ? 'too-many-redirects' : null;
    },
    signal,
  });
  return robotsAnswer(response);
}

/** What a response for robots.txt means. */
export function robotsAnswer(response: Fetched | NotFetched): RobotsAnswer {
  if (response.ok) {
    const { status } = response;
    const forMs = retryAfterMs(response.headers) ?? 0;
    if (status === 429) return { kind: 'unavailable', reason: 'robots-deferred', forMs };
    if (status >= 500) return { kind: 'unavailable', reason: 'robots-server-error', forMs };
    if (status >= 400) return { kind: 'allow' };
    if (status >= 200 && status < 300) return { kind: 'rules', body: wholeLines(response.body) };
    return { kind: 'allow' };
  }
  if (response.reason === 'too-many-redirects' || response.reason === 'redirect-to-nowhere') return { kind: 'allow' };
  // An address that we may not ask, a name that does not exist, a certificate that is not to be trusted: its pages cannot be
  // had either, and for the same reason.
  const final = meaningOf(response.reason).class === 'refused' || noHost.has(response.reason);
  if (final) return { kind: 'disallow', reason: response.reason };
  // No answer, or one that broke off or cannot be read: like a server error.
  return { kind: 'unavailable', reason: 'robots-unreachable', forMs: 0 };
}

const noHost: ReadonlySet<Reason> = new Set<Reason>(['dns-not-found', 'tls']);

/**
 * How long an origin is put off after the n-th failure in a row (n ≥ 1) to get its robots.txt, in ms: first as any host that
 * fails, then an hour (Google and StormCrawler), doubling, at most the day for which rules are believed.
 */
export function putOffMs(failures: number, manners: Manners): number {
  if (failures < maxFailures) return backOffMs(failures, manners);
  return Math.min(believeRulesMs, 3_600_000 * 2 ** (failures - maxFailures));
}

/**
 * RFC 9309 §2.3.1.4: a file that could not be had for a long time, such as 30 days, may be taken for one that is not there,
 * which would allow everything. We do not: a server that answers nothing but errors has not agreed to anything. The URLs are
 * refused then, and `lait retry` queues them again.
 */
export const giveUpMs = 30 * 24 * 3_600_000;

/** A file that was cut at the limit loses its last line: half a path would match more than the site wrote. */
function wholeLines(body: Buffer): string {
  const text = body.toString('utf8');
  return body.length < maxRobotsBytes
    ? text
    : text.slice(0, Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1);
}

/** RFC 9309 §2.5 asks for at least 500 KiB; what comes after is not read. */
const maxRobotsBytes = 500 * 1024;

/** RFC 9309 §2.3.1.2: at least five. */
const maxRedirects = 5;

/** RFC 9309 §2.4: not longer than 24 hours. */
export const believeRulesMs = 24 * 3_600_000;
