/**
 * robots.txt to RFC 9309. The rules themselves (groups, wildcards, longest match, ties allow) are robots-parser's; what
 * an answer's status means is ours, since that is where crawlers differ: 2xx is read, 4xx allows everything, 5xx and
 * network errors forbid everything, 429 says to come back later, after five redirects there is no robots.txt. Rules
 * belong to the authority that was asked, wherever its redirects led.
 */
import robotsParser from 'robots-parser';
import type { Fetched, Fetcher, NotFetched } from '../fetch/fetch.ts';
import { mostSpecific } from './path-pattern.ts';
import { retryAfterMs } from './politeness.ts';

/** The name that robots.txt groups address this crawler by; it is also the first word of the User-Agent. */
export const productToken = 'lait';

/** The User-Agent, honest about who crawls: the contact is where site owners can reach the operator. */
export const userAgentOf = (contact: string | undefined): string =>
  `${productToken}/0.1${contact ? ` (+${contact})` : ''}`;

/** RFC 9309 §2.5 asks for at least 500 KiB; what comes after is not read. */
const maxRobotsBytes = 500 * 1024;
/** RFC 9309 §2.3.1.2: at least five. */
const maxRedirects = 5;
/** RFC 9309 §2.4: not longer than 24 hours. */
export const believeRulesMs = 24 * 3_600_000;
/** A server that failed is asked again soon: Google and StormCrawler take an hour. */
export const believeFailureMs = 3_600_000;

export type RobotsAnswer =
  | { readonly kind: 'rules'; readonly body: string }
  | { readonly kind: 'allow' }
  /** Nothing may be fetched; the reason says why. */
  | { readonly kind: 'disallow'; readonly reason: string }
  | { readonly kind: 'defer'; readonly forMs: number };

/** Asks an origin (`https://example.org`) for its robots.txt. */
export async function fetchRobots(fetcher: Fetcher, origin: string, signal?: AbortSignal): Promise<RobotsAnswer> {
  let hops = 0;
  const response = await fetcher.get(`${origin}/robots.txt`, {
    maxBytes: maxRobotsBytes,
    truncate: true,
    refuseRedirect: () => (++hops > maxRedirects ? 'too-many-redirects' : null),
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

export interface RobotsRules {
  readonly allows: (url: string) => boolean;
  readonly crawlDelayMs: number;
  readonly sitemaps: readonly string[];
  /** The `Content-Usage` and `Content-Signal` values of the longest matching path, joined; null when there is none. */
  readonly contentUsage: (url: string) => string | null;
}

/** Reads the rules of an origin for this crawler. */
export function parseRobots(origin: string, body: string): RobotsRules {
  const text = decodeUnreserved(groupLines(body.startsWith('\uFEFF') ? body.slice(1) : body));
  // The default import of this CommonJS module is the function itself at run time and a namespace to TypeScript.
  const parse = robotsParser as unknown as typeof robotsParser.default;
  const robots = parse(`${origin}/robots.txt`, text);
  const usages = contentUsages(text);
  return {
    allows: (url) => url === `${origin}/robots.txt` || (robots.isAllowed(decodeUnreserved(url), productToken) ?? true),
    crawlDelayMs: Math.max(0, (robots.getCrawlDelay(productToken) ?? 0) * 1000),
    sitemaps: robots.getSitemaps(),
    contentUsage: (url) => {
      const values = mostSpecific(usages, ({ path }) => path, decodeUnreserved(url)).map(({ value }) => value);
      return values.length > 0 ? values.join('; ') : null;
    },
  };
}

/**
 * RFC 9309 §2.2.4: other records must not interfere with the groups, which they would end for robots-parser and for us.
 * Only lines that belong to groups stay where they are; sitemaps, which belong to none, come last.
 */
function groupLines(body: string): string {
  const lines = body.split(/\r\n|\r|\n/);
  const ofGroups = lines.filter((line) =>
    /^\s*(?:user-agent|allow|disallow|crawl-delay|content-(?:usage|signal))\s*:/i.test(line),
  );
  return [...ofGroups, ...lines.filter((line) => /^\s*sitemap\s*:/i.test(line))].join('\n');
}

/** RFC 9309 §2.2.2: an encoded unreserved character equals the character itself. */
function decodeUnreserved(text: string): string {
  return text.replace(/%(2d|2e|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi, (_, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/**
 * `Content-Usage: [path] preferences` lines (AIPREF attach draft) and Cloudflare's `Content-Signal` of the groups that
 * address this crawler, else of `*`.
 */
function contentUsages(body: string): { path: string; value: string }[] {
  const groups = new Map<string, { path: string; value: string }[]>();
  let agents: string[] = [];
  let collecting = true;
  for (const line of body.split(/\r\n|\r|\n/)) {
    const match = /^\s*([\w-]+)\s*:\s*([^#]*)/.exec(line);
    if (!match) continue;
    const [name, value] = [match[1]!.toLowerCase(), match[2]!.trim()];
    if (name === 'user-agent') {
      if (!collecting) agents = [];
      collecting = true;
      agents.push(value.toLowerCase().split('/')[0]!.trim());
      for (const agent of agents) if (!groups.has(agent)) groups.set(agent, []);
      continue;
    }
    collecting = false;
    if (name !== 'content-usage' && name !== 'content-signal') continue;
    const path = value.startsWith('/') ? value.split(/\s+/, 1)[0]! : '';
    for (const agent of agents) groups.get(agent)!.push({ path, value: value.slice(path.length).trim() });
  }
  return groups.get(productToken) ?? groups.get('*') ?? [];
}
