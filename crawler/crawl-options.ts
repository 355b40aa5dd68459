/** What a crawl is told. Which seeds are an operator's mistake is said in input/seeds.ts. */
import type { Ledger } from '../dataset/ledger/ledger.ts';
import type { RawStore } from '../dataset/ledger/raw-store.ts';
import type { CrawlProgress } from './crawl-summary.ts';
import type { Signing } from './fetch/request-signature.ts';
import { defaultManners, type Manners } from './policy/politeness.ts';
import type { Scope } from './policy/url.ts';
import type { OpenWork } from './work.ts';
import type { Workers } from './workers/workers.ts';

export interface CrawlOptions extends Partial<Manners> {
  /** Where to begin; may be empty to go on with what is queued. */
  readonly seeds: readonly string[];
  readonly corpusDir: string;
  /** An address or web page where the operator can be reached; part of the User-Agent. Only loopback goes without. */
  readonly contact?: string;
  /** Signs every request, so that sites can check who asks (Web Bot Auth). */
  readonly signing?: Signing;
  readonly scope?: Scope;
  /** Only links to pages that match one of these, and none of `deny`, are followed; images are fetched wherever they lie. */
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
  /** Keeps the HTML of the pages that are read (`pages/000000.warc.gz`), those that reserve their rights apart. */
  readonly keepPages?: boolean;
  /**
   * Stores images smaller, in place of their originals: the shorter side in pixels. What is measured (size, hashes) stays the
   * original's. Left out, originals are stored.
   */
  readonly storeSide?: number;
  /** Quality of what is stored smaller, 1 to 100. 95 is img2dataset's default. */
  readonly storeQuality?: number;
  /** False records pairs without downloading images. */
  readonly images?: boolean;
}

/** What a crawl does where its options say nothing; `lait.yaml` and the flags have their defaults from here. */
export const crawlDefaults = {
  ...defaultManners,
  scope: 'host',
  maxPages: 100_000,
  maxPagesPerHost: 100_000,
  maxDepth: 16,
  concurrency: 20,
  firstByteTimeoutMs: 15_000,
  timeoutMs: 30_000,
  render: 'auto',
  browserSandbox: true,
  allowPrivate: false,
  images: true,
  keepPages: false,
  storeQuality: 95,
} as const satisfies Partial<CrawlOptions>;

/** Where a crawl has its URLs from, and writes to. */
export type CrawlStores =
  | {
      readonly ledger: Ledger;
      /** Left out, it is opened under the lock: what a killed crawl left uncommitted is cut off then, and looks like a running one's. */
      readonly raw?: RawStore;
    }
  | { readonly openWork: OpenWork };

export type CrawlTools = CrawlStores & {
  /** Left out, they are opened for this crawl; what is given stays open. */
  readonly workers?: Workers;
  readonly onProgress?: (progress: CrawlProgress) => void;
  /** Stops cleanly: what is in flight goes back into the queue. */
  readonly signal?: AbortSignal;
};
