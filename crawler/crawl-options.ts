/** What a crawl is told, and the checks that find an operator's mistake before any request. */
import type { Ledger } from '../dataset/ledger/ledger.ts';
import type { RawStore } from '../dataset/ledger/raw-store.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import type { CrawlProgress } from './crawl-summary.ts';
import { isLoopbackHost, isPublicAddress } from './fetch/address-guard.ts';
import type { Frontier } from './frontier/frontier.ts';
import type { Manners } from './policy/politeness.ts';
import { normaliseUrl, type Scope } from './policy/url.ts';

export interface CrawlOptions extends Partial<Manners> {
  /** Where to begin; may be empty to go on with what is queued. */
  readonly seeds: readonly string[];
  readonly corpusDir: string;
  /** An address or web page where the operator can be reached; part of the User-Agent. Only loopback goes without. */
  readonly contact?: string;
  readonly scope?: Scope;
  /** Only URLs that match one of these, and none of `deny`, are followed. */
  readonly allow?: readonly RegExp[];
  readonly deny?: readonly RegExp[];
  /** Pages fetched in this run. */
  readonly maxPages?: number;
  /** Pages of one host, over all runs: what is beyond looks like a trap. */
  readonly maxPagesPerHost?: number;
  /** Links from a seed. */
  readonly maxDepth?: number;
  /** Requests in flight, over all hosts. */
  readonly concurrency?: number;
  /** Longest wait for the first byte, and for a whole answer with its redirects, in ms. */
  readonly firstByteTimeoutMs?: number;
  readonly timeoutMs?: number;
  readonly render?: 'auto' | 'always' | 'never';
  /** Chromium's binary; Playwright's own when left out. */
  readonly browserPath?: string;
  readonly browserSandbox?: boolean;
  /** Allows private and loopback addresses, for tests and intranets. */
  readonly allowPrivate?: boolean;
  /** Visits pages again: those whose time has come, or all. Unchanged ones cost one conditional request. */
  readonly recrawl?: 'due' | 'all';
  /** False records pairs without downloading images. */
  readonly images?: boolean;
}

export interface CrawlTools {
  readonly ledger: Ledger;
  readonly raw: RawStore;
  readonly onProgress?: (progress: CrawlProgress) => void;
  /** Stops cleanly: what is in flight goes back into the queue. */
  readonly signal?: AbortSignal;
}

/** Without a contact nothing but this machine may be asked: hosts that earlier runs or lists queued are the operator's mistake. */
export function checkQueue(frontier: Frontier, { contact }: CrawlOptions): void {
  if (contact) return;
  const host = frontier.findQueuedHost((name) => !isLoopbackHost(name));
  if (host !== null) throw contactExpected(host);
}

const contactExpected = (hostname: string): UserError =>
  new UserError(
    `Expected a contact for crawling ${hostname} but received none; set contact to a web page or mail address at which site owners can reach you.`,
  );

/** The seeds, normalised; a seed that cannot be crawled is the operator's mistake. */
export function checkSeeds({ seeds, contact, allowPrivate }: CrawlOptions): string[] {
  if (contact !== undefined && !/^(?:https?:\/\/|mailto:)?[^\s()]+\.[^\s()]+$/.test(contact)) {
    throw expected('a web page or mail address', 'contact', contact, 'give one at which site owners can reach you');
  }
  return seeds.map((seed) => {
    const url = normaliseUrl(seed);
    if (url === null)
      throw expected('an http or https URL', 'seed', seed, 'write it in full, as in https://example.org/');
    const { hostname } = new URL(url);
    const loopback = isLoopbackHost(hostname);
    if (!loopback && !contact) throw contactExpected(hostname);
    const isAddress = /^\[|^[\d.]+$/.test(hostname);
    if (!allowPrivate && (loopback || (isAddress && !isPublicAddress(hostname)))) {
      throw expected('a public address', 'seed', seed, 'set allowPrivate to crawl this machine or a private network');
    }
    return url;
  });
}
