/**
 * Fetching robots.txt as RFC 9309 says. What an answer's status means is where crawlers differ: 2xx is read, 4xx allows
 * everything, 5xx and network errors forbid everything, 429 says to come back later, after five redirects there is no
 * robots.txt. The rules hold for the origin of the request, wherever its redirects led.
 */
import { retryAfterMs } from '../policy/politeness.ts';
import type { Reason } from '../policy/reasons.ts';
import type { Fetched, Fetcher, NotFetched } from './fetch.ts';

export type RobotsAnswer =
  | { readonly kind: 'rules'; readonly body: string }
  | { readonly kind: 'allow' }
  /** Nothing may be fetched; the reason says why. */
  | { readonly kind: 'disallow'; readonly reason: Reason }
  | { readonly kind: 'defer'; readonly forMs: number };

/** Fetches the robots.txt of an origin (`https://example.org`). */
export async function fetchRobots(fetcher: Fetcher, origin: string, signal?: AbortSignal): Promise<RobotsAnswer> {
  let hops = 0;
  const response = await fetcher.get(`${origin}/robots.txt`, {
    maxBytes: maxRobotsBytes,
    truncate: true,
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
    if (status === 429) return { kind: 'defer', forMs: retryAfterMs(response.headers['retry-after']) ?? 60_000 };
    if (status >= 500) return { kind: 'disallow', reason: 'robots-server-error' };
    if (status >= 400) return { kind: 'allow' };
    if (status >= 200 && status < 300) return { kind: 'rules', body: wholeLines(response.body) };
    return { kind: 'allow' };
  }
  if (response.reason === 'too-many-redirects' || response.reason === 'redirect-to-nowhere') return { kind: 'allow' };
  if (['private-address', 'contact-required', 'stopped'].includes(response.reason)) {
    return { kind: 'disallow', reason: response.reason };
  }
  // Some of the file came but not in a readable form: like a server error.
  return { kind: 'disallow', reason: 'robots-unreachable' };
}

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

/** After a failure of the server the file is fetched again soon: Google and StormCrawler wait an hour. */
export const believeFailureMs = 3_600_000;
