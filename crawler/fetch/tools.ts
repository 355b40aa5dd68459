/** What fetching works with, and what it hands back. Nothing here knows where claims come from or where outcomes go. */

import type { Decoded } from '../../dataset/image/decode.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import type { Manners } from '../policy/politeness.ts';
import type { Reason } from '../policy/reasons.ts';
import type { Headers } from '../policy/rights.ts';
import type { FollowedUrls } from '../policy/url.ts';
import type { Workers } from '../workers/workers.ts';
import type { Renderer } from './browser.ts';
import type { Fetcher } from './fetch.ts';
import type { RulesOf } from './origin-rules.ts';
import type { PolicyFiles } from './policy-files.ts';
import type { SmallerImage } from './smaller-image.ts';

/** One object for a whole run. */
export interface FetchTools {
  readonly fetcher: Fetcher;
  readonly rulesOf: RulesOf;
  readonly policyFiles: PolicyFiles;
  /** Read what was fetched. */
  readonly workers: Workers;
  /** Null when there is no browser; it starts when it is first needed. */
  readonly renderer: () => Promise<Renderer | null>;
  /** Decodes an image when a core is free. */
  readonly decode: (bytes: Buffer) => Promise<DecodedAndSmaller | { readonly reason: Reason }>;
  /** Which pages and sitemaps belong to what is crawled. */
  readonly scope: FollowedUrls;
  readonly manners: Manners;
  readonly render: 'auto' | 'always' | 'never';
  /** Pages of one host, over all runs. */
  readonly maxPagesPerHost: number;
  /** Links from a seed. */
  readonly maxDepth: number;
  /** Keeps the HTML of pages. */
  readonly keepPages: boolean;
  /** False leaves the images of pages in the ledger without queueing them. */
  readonly takeImages: boolean;
  /** Stops everything in flight. */
  readonly signal: AbortSignal;
}

/** A measured image, with what is stored in its place where that is a smaller one. */
export type DecodedAndSmaller = Decoded & { readonly smaller: SmallerImage | null };

/** What came of fetching one URL, before it is decided when its host is ready again. */
export interface FetchResult extends Omit<FetchOutcome, 'claim' | 'end' | 'pauseMs' | 'hostFailed' | 'otherHosts'> {
  readonly latencyMs: number;
  /** Made to the host of the claim. */
  readonly requests: number;
  /** Other origins that the rendered page sent requests to, with their number. */
  readonly otherRequests?: ReadonlyMap<string, number>;
  /** Set when the fetch failed in a way that another try may mend. */
  readonly again?: {
    readonly reason: Reason;
    readonly status: number | null;
    readonly headers: Headers;
    /** It waits for a file that is asked for again then, in ms since 1970. */
    readonly waitsUntilMs?: number;
  };
}
