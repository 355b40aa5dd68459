/**
 * LAIT step 1: from seeds to image-text pairs (ImageBERT §3). The loop claims URLs whose host's time has come, fetches them
 * side by side, and commits what became of them in batches. Everything that decides lies elsewhere: what may be fetched in
 * robots.ts and rights.ts, when in politeness.ts, what is seen in extract.ts and dominant.ts. Killed at any moment and
 * started again, it goes on where it was and ends with the same pairs.
 */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import PQueue from 'p-queue';
import type { Ledger } from '../dataset/ledger.ts';
import type { RawStore } from '../dataset/raw-store.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { addressGuard, isLoopbackHost, isPublicAddress } from './address-guard.ts';
import { hasBrowser, openRenderer, type Renderer } from './browser.ts';
import { openCommit } from './commit.ts';
import { openFetcher } from './fetch.ts';
import { fetchImage } from './fetch-image.ts';
import { fetchPage, type PageContext, priority } from './fetch-page.ts';
import { fetchSitemap } from './fetch-sitemap.ts';
import { type Claim, Frontier, parkedMs } from './frontier.ts';
import { removeFurniture } from './furniture.ts';
import { knownPage } from './known-page.ts';
import { type OriginRules, openOriginRules } from './origin-rules.ts';
import type { Outcome } from './outcome.ts';
import { backOffMs, defaultManners, delayMs, type Manners, retryAfterMs } from './politeness.ts';
import { productToken } from './robots.ts';
import { lockCorpus } from './run-lock.ts';
import { logRun } from './run-log.ts';
import { trapReason } from './traps.ts';
import { normaliseUrl, type Scope, scopeOf } from './url.ts';

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

export interface CrawlProgress {
  readonly pages: number;
  readonly images: number;
  readonly refused: number;
  readonly failed: number;
  readonly queued: number;
  readonly bytes: number;
}

export interface CrawlSummary {
  /** How many pages and images of this run ended in each status. */
  readonly pages: Readonly<Record<string, number>>;
  readonly images: Readonly<Record<string, number>>;
  /** How often each reason was given, pages and images together. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Pairs in the corpus now. */
  readonly pairs: number;
  /** Pages that need a browser while there is none. */
  readonly unrendered: number;
  readonly rendered: number;
  /** URLs still queued: of hosts that asked for a longer pause than this run waits, or beyond `maxPages`. */
  readonly queued: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly stoppedBy: 'finished' | 'page-limit' | 'signal' | 'waiting-hosts';
}

/** A host that is not ready for so long ends the run; the next one goes on with it. Longer than every back-off and Crawl-delay. */
const longestWaitMs = 120_000;
const mostTries = 3;
/** Outcomes are committed together: so many, or when the first has waited so long. A kill loses no more than that. */
const commitEvery = 64;
const commitAfterMs = 50;
const progressEveryMs = 200;

/** Crawls until nothing is left to fetch, a limit is reached or the signal stops it. Throws UserErrors before any request. */
export async function crawl(
  options: CrawlOptions,
  { ledger, raw, onProgress, signal }: CrawlTools,
): Promise<CrawlSummary> {
  const {
    corpusDir,
    scope = 'host',
    maxPages = Number.POSITIVE_INFINITY,
    maxPagesPerHost = 100_000,
    maxDepth = Number.POSITIVE_INFINITY,
    concurrency = 16,
    firstByteTimeoutMs = 15_000,
    timeoutMs = 30_000,
    render = 'auto',
    browserPath,
    browserSandbox = true,
    allowPrivate = false,
    images = true,
    recrawl,
  } = options;
  const manners: Manners = {
    minDelayMs: options.minDelayMs ?? defaultManners.minDelayMs,
    maxDelayMs: options.maxDelayMs ?? defaultManners.maxDelayMs,
    latencyFactor: options.latencyFactor ?? defaultManners.latencyFactor,
  };
  const seeds = checkSeeds(options);
  const userAgent = `${productToken}/0.1${options.contact ? ` (+${options.contact})` : ''}`;
  // Without a pause a host is one's own: then it may have all connections at once.
  const perHost = manners.minDelayMs === 0 ? 3 * concurrency : 1;

  const guard = addressGuard({ allowPrivate, onlyLoopback: !options.contact });
  let opening: Promise<Renderer | null> | undefined;
  const renderer = (): Promise<Renderer | null> => {
    opening ??= hasBrowser(browserPath).then((found) =>
      found
        ? openRenderer({
            ...(browserPath === undefined ? {} : { executablePath: browserPath }),
            sandbox: browserSandbox,
            userAgent,
            guard,
          })
        : null,
    );
    return opening;
  };

  const startMs = performance.now();
  const startedAt = new Date();
  const unlock = lockCorpus(corpusDir);
  const frontier = Frontier.open(corpusDir);
  const fetcher = openFetcher(guard, userAgent, {
    connectionsPerOrigin: perHost === 1 ? 2 : concurrency,
    firstByteMs: firstByteTimeoutMs,
    wholeMs: timeoutMs,
  });
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const outcomes: Outcome[] = [];
  const counts = newCounts();
  const commit = openCommit({ ledger, raw, frontier });
  const requests = new PQueue({ concurrency });
  const decodes = new PQueue({ concurrency: availableParallelism() });
  let inFlight = 0; // claimed and not committed
  let firstOutcomeMs = 0;
  let claimAtMs = 0;
  let progressMs = 0;
  let pagesStarted = 0;
  let wake = (): void => {};
  let crash: unknown;

  const onSignal = (): void => {
    stop.abort();
    // A page that is being rendered must not hold up the end.
    void opening?.then((open) => open?.close());
    wake();
  };
  if (signal?.aborted) stop.abort();
  signal?.addEventListener('abort', onSignal);

  try {
    frontier.addSeeds(seeds.map((url) => ({ url, kind: 'page', depth: 0, priority: priority.seed })));
    if (recrawl !== undefined) frontier.queueDue(recrawl === 'all' ? Number.POSITIVE_INFINITY : Date.now());
    const inScope = scopeOf(frontier.seeds(), scope, patterns(options));
    const rulesOf = openOriginRules(frontier, fetcher, {
      signal: stop.signal,
      onNew: (origin, { sitemaps }) => {
        if (!inScope(`${origin}/`)) return;
        const urls = sitemaps.map((url) => normaliseUrl(url, origin)).filter((url) => url !== null);
        frontier.add(urls.map((url) => ({ url, kind: 'sitemap', depth: 1, priority: priority.sitemap })));
      },
    });
    const context: PageContext = {
      fetcher,
      renderer,
      render,
      rulesOf,
      inScope,
      trap: trapReason,
      before: ({ id, url }) => {
        const revisit = frontier.revisit(id);
        const page = revisit ? knownPage(ledger, url) : null;
        // A row of a redirect says nothing about the page that it led to.
        return revisit && page && page.status !== 'skipped' ? { revisit, page } : null;
      },
      sitemapTexts: (pageUrl) => frontier.sitemapTexts(pageUrl),
      maxDepth,
      takeImages: images,
      signal: stop.signal,
    };
    const whenFree = <T>(work: () => Promise<T>): Promise<T> => decodes.add(work);
    const process = (claim: Claim): Promise<Outcome> =>
      fetchClaim(claim, { ledger, frontier, context, whenFree, manners, maxPagesPerHost });

    for (;;) {
      if (crash !== undefined) throw crash;
      const limited = pagesStarted >= maxPages;
      // A limit on pages waits for those in flight, so that their images are all queued before the rest is put off.
      const room =
        stop.signal.aborted || (limited && inFlight > 0 && frontier.hasPagesInFlight())
          ? 0
          : 3 * concurrency - inFlight;
      const claims = room > 0 && Date.now() >= claimAtMs ? frontier.claim(room, Date.now(), perHost) : [];
      // What is not ready now will be at a known time, or after a commit.
      if (room > 0 && claims.length < room) claimAtMs = readyAtMs(frontier);
      for (const claim of claims) {
        if (claim.kind === 'page' && pagesStarted >= maxPages) {
          frontier.giveBack(claim, limited ? parkedMs : 0);
          continue;
        }
        if (claim.kind === 'page') pagesStarted += 1;
        inFlight += 1;
        void requests
          .add(() => process(claim))
          .then((outcome) => {
            if (outcomes.length === 0) firstOutcomeMs = performance.now();
            outcomes.push(outcome);
          })
          .catch((error: unknown) => {
            crash ??= error;
          })
          .finally(() => wake());
      }
      const ageMs = outcomes.length > 0 ? performance.now() - firstOutcomeMs : 0;
      if (
        outcomes.length > 0 &&
        (outcomes.length >= commitEvery || outcomes.length === inFlight || ageMs >= commitAfterMs)
      ) {
        const batch = outcomes.splice(0);
        commit(batch);
        inFlight -= batch.length;
        claimAtMs = 0;
        for (const outcome of batch) count(counts, outcome);
        if (performance.now() - progressMs > progressEveryMs) {
          progressMs = performance.now();
          onProgress?.(progressOf(counts, frontier.queued()));
        }
        continue;
      }
      if (claims.length > 0) continue;
      const waitMs = stop.signal.aborted ? Number.POSITIVE_INFINITY : claimAtMs - Date.now();
      if (inFlight === 0 && waitMs > longestWaitMs) break;
      await new Promise<void>((resolve) => {
        const commitMs = outcomes.length > 0 ? commitAfterMs - ageMs : longestWaitMs;
        const timer = setTimeout(resolve, Math.max(1, Math.min(room > 0 ? waitMs : longestWaitMs, commitMs)));
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = () => {};
    }
    removeFurniture(ledger, frontier);
    const queued = frontier.queued();
    onProgress?.(progressOf(counts, queued));
    const summary: CrawlSummary = {
      ...counts,
      pairs: ledger.db.prepare('SELECT count(*) FROM pairs').pluck().get() as number,
      queued,
      durationMs: Math.round(performance.now() - startMs),
      stoppedBy: signal?.aborted
        ? 'signal'
        : pagesStarted >= maxPages && queued > 0
          ? 'page-limit'
          : queued > 0
            ? 'waiting-hosts'
            : 'finished',
    };
    logRun(corpusDir, { startedAt: startedAt.toISOString(), seeds, ...summary });
    return summary;
  } finally {
    stop.abort();
    signal?.removeEventListener('abort', onSignal);
    await requests.onIdle();
    await (await opening)?.close();
    await fetcher.close();
    frontier.close();
    unlock();
  }
}

/** When the next host is ready, in ms since 1970; infinite when none is queued or all are put off to the next run. */
function readyAtMs(frontier: Frontier): number {
  const readyMs = frontier.nextReadyMs();
  return readyMs === null || readyMs >= parkedMs ? Number.POSITIVE_INFINITY : readyMs;
}

/** One claimed URL from robots.txt to outcome; web faults are values, so what is thrown is ours. */
async function fetchClaim(
  claim: Claim,
  {
    ledger,
    frontier,
    context,
    whenFree,
    manners,
    maxPagesPerHost,
  }: {
    readonly ledger: Ledger;
    readonly frontier: Frontier;
    readonly context: PageContext;
    readonly whenFree: <T>(work: () => Promise<T>) => Promise<T>;
    readonly manners: Manners;
    readonly maxPagesPerHost: number;
  },
): Promise<Outcome> {
  if (ledger.isTakenDown({ url: claim.url })) return refusedOutcome(claim, 'taken-down', 0);
  const host = frontier.host(claim.hostId);
  if (claim.kind === 'page' && host.pages >= maxPagesPerHost) return refusedOutcome(claim, 'trap-host-limit', 0);
  const rules = await context.rulesOf(new URL(claim.url).origin);
  const pauseMs = (latencyMs: number): number => delayMs(manners, crawlDelayOf(rules, host.crawlDelayMs), latencyMs);
  if (context.signal.aborted) return { claim, end: 'later', pauseMs: 0 };
  if (rules.kind === 'defer') return { claim, end: 'later', pauseMs: rules.forMs };
  if (rules.kind === 'disallow') return refusedOutcome(claim, rules.reason, 0);
  // robots.txt was a request too: the host's clock runs before the next one.
  if (rules.asked && pauseMs(0) > 0) {
    return { claim, end: 'later', pauseMs: pauseMs(0), crawlDelayMs: rules.robots.crawlDelayMs };
  }
  if (!rules.robots.allows(claim.url)) return refusedOutcome(claim, 'robots', 0);

  const result =
    claim.kind === 'page'
      ? await fetchPage(claim, host, rules, context)
      : claim.kind === 'sitemap'
        ? await fetchSitemap(claim, context)
        : await fetchImage(claim, rules, { ...context, whenFree });
  const { latencyMs, again, ...rest } = result;
  const crawlDelayMs = rules.robots.crawlDelayMs;
  if (again?.reason === 'stopped' || (again && context.signal.aborted)) return { claim, end: 'later', pauseMs: 0 };
  if (!again) return { claim, end: 'done', pauseMs: pauseMs(latencyMs), hostFailed: false, crawlDelayMs, ...rest };
  const overloaded = again.status === 429 || again.status === 503;
  // A page that hangs or breaks off says little about its host; a host that cannot be reached or is busy is left alone.
  const hostFailed = overloaded || unreachable.has(again.reason);
  const backOff = backOffMs(host.failures + 1, manners);
  const restMs = hostFailed ? Math.max(retryAfterMs(again.headers['retry-after']) ?? 0, backOff) : pauseMs(latencyMs);
  if (claim.tries + 1 < mostTries) return { claim, end: 'failed', pauseMs: restMs, hostFailed };
  return { claim, end: 'done', pauseMs: restMs, hostFailed, ...rest };
}

const unreachable = new Set([
  'connection-refused',
  'connection-failed',
  'timeout-connect',
  'dns-failed',
  'unreachable',
]);

const crawlDelayOf = (rules: OriginRules, knownMs: number): number =>
  rules.kind === 'rules' ? rules.robots.crawlDelayMs : knownMs;

/** A refused URL asks nothing of its host, so the next one need not wait. */
function refusedOutcome(claim: Claim, reason: string, pauseMs: number): Outcome {
  const fetchedAtMs = Date.now();
  const row = { url: claim.url, status: 'refused' as const, reason, fetchedAtMs };
  const { kind } = claim;
  return { claim, end: 'done', pauseMs, ...(kind === 'image' ? { image: row } : kind === 'page' ? { page: row } : {}) };
}

/** The seeds, normalised; a seed that cannot be crawled is the operator's mistake. */
function checkSeeds({ seeds, contact, allowPrivate }: CrawlOptions): string[] {
  if (contact !== undefined && !/^(?:https?:\/\/|mailto:)?[^\s()]+\.[^\s()]+$/.test(contact)) {
    throw expected('a web page or mail address', 'contact', contact, 'give one at which site owners can reach you');
  }
  return seeds.map((seed) => {
    const url = normaliseUrl(seed);
    if (url === null)
      throw expected('an http or https URL', 'seed', seed, 'write it in full, as in https://example.org/');
    const { hostname } = new URL(url);
    const loopback = isLoopbackHost(hostname);
    if (!loopback && !contact) {
      throw new UserError(
        `Expected a contact for crawling ${hostname} but received none; set contact to a web page or mail address at which site owners can reach you.`,
      );
    }
    const isAddress = /^\[|^[\d.]+$/.test(hostname);
    if (!allowPrivate && (loopback || (isAddress && !isPublicAddress(hostname)))) {
      throw expected('a public address', 'seed', seed, 'set allowPrivate to crawl this machine or a private network');
    }
    return url;
  });
}

function patterns({ allow, deny }: CrawlOptions) {
  return { ...(allow ? { allow } : {}), ...(deny ? { deny } : {}) };
}

interface Counts {
  readonly pages: Record<string, number>;
  readonly images: Record<string, number>;
  readonly reasons: Record<string, number>;
  unrendered: number;
  rendered: number;
  bytes: number;
}

const newCounts = (): Counts => ({ pages: {}, images: {}, reasons: {}, unrendered: 0, rendered: 0, bytes: 0 });

function count(counts: Counts, { end, page, redirected, image, unrendered, rendered, byteLength }: Outcome): void {
  if (end !== 'done') return;
  const add = (into: Record<string, number>, key: string | null | undefined): void => {
    if (key) into[key] = (into[key] ?? 0) + 1;
  };
  add(counts.pages, page?.status);
  add(counts.pages, redirected?.status);
  add(counts.images, image?.status);
  for (const row of [page, redirected, image]) add(counts.reasons, row?.reason);
  if (unrendered) counts.unrendered += 1;
  if (rendered) counts.rendered += 1;
  counts.bytes += byteLength ?? 0;
}

function progressOf({ pages, images, bytes }: Counts, queued: number): CrawlProgress {
  const of = (table: Record<string, number>, keys: string[]): number =>
    keys.reduce((sum, key) => sum + (table[key] ?? 0), 0);
  return {
    pages: of(pages, ['fetched', 'unchanged']),
    images: of(images, ['success']),
    refused: of(pages, ['refused']) + of(images, ['refused']),
    failed: of(pages, ['failed']) + of(images, ['failed_to_download', 'failed_to_decode']),
    queued,
    bytes,
  };
}
