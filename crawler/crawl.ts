/**
 * LAIT step 1: from seeds to image-text pairs (ImageBERT §3). The loop claims URLs whose host's time has come, fetches them
 * side by side, and commits what became of them in batches. Everything that decides lies elsewhere: what may be fetched in
 * robots.ts and rights.ts, when in politeness.ts and redirects.ts, what is seen in extract.ts and dominant.ts. Killed at any
 * moment and started again, it goes on where it was and ends with the same pairs.
 */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import PQueue from 'p-queue';
import { withCleanup } from '../dataset/cleanup.ts';
import type { CrawlOptions, CrawlTools } from './crawl-options.ts';
import { type CrawlSummary, count, logRun, newCounts, progressOf } from './crawl-summary.ts';
import { addressGuard } from './fetch/address-guard.ts';
import { hasBrowser, openRenderer, type Renderer } from './fetch/browser.ts';
import { fetchClaim } from './fetch/claim.ts';
import { openFetcher } from './fetch/fetch.ts';
import { openOriginRules } from './fetch/origin-rules.ts';
import { type PageContext, priority } from './fetch/page.ts';
import { openCommit } from './frontier/commit.ts';
import { Frontier } from './frontier/frontier.ts';
import { knownPage } from './frontier/known-page.ts';
import type { FetchOutcome } from './frontier/outcome.ts';
import { removeRepeatedImages } from './frontier/repeated-images.ts';
import { lockCorpus } from './frontier/run-lock.ts';
import { type Claim, suspendedMs } from './frontier/schema.ts';
import { checkQueue, checkSeeds } from './input/seeds.ts';
import { defaultManners, type Manners } from './policy/politeness.ts';
import { userAgentOf } from './policy/robots.ts';
import { trapReason } from './policy/traps.ts';
import { normaliseUrl, scopeOf } from './policy/url.ts';

/** A host that is not ready for so long ends the run; the next one goes on with it. Longer than every back-off and Crawl-delay. */
const longestWaitMs = 120_000;

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
  const userAgent = userAgentOf(options.contact);
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
  return withCleanup(async (defer) => {
    defer(lockCorpus(corpusDir));
    const frontier = Frontier.open(corpusDir);
    defer(() => frontier.close());
    const fetcher = openFetcher(guard, userAgent, {
      connectionsPerOrigin: perHost === 1 ? 2 : concurrency,
      firstByteMs: firstByteTimeoutMs,
      wholeMs: timeoutMs,
    });
    defer(() => fetcher.close());
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const outcomes: FetchOutcome[] = [];
    const counts = newCounts();
    const commit = openCommit({ ledger, raw, frontier });
    const requests = new PQueue({ concurrency });
    defer(async () => (await opening)?.close());
    defer(() => requests.onIdle());
    // Two for each core: the next one is at hand when a thread is done, whatever the main thread is doing. 10 % faster than one.
    const decodes = new PQueue({ concurrency: 2 * availableParallelism() });
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
    defer(() => {
      stop.abort();
      signal?.removeEventListener('abort', onSignal);
    });

    frontier.addSeeds(seeds.map((url) => ({ url, kind: 'page', depth: 0, priority: priority.seed })));
    if (recrawl !== undefined) frontier.queueDue(recrawl === 'all' ? Number.POSITIVE_INFINITY : Date.now());
    checkQueue(frontier, options);
    const inScope = scopeOf(frontier.seeds(), scope, options);
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
      revisit: ({ id }) => frontier.revisit(id) ?? null,
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
    const process = (claim: Claim): Promise<FetchOutcome> =>
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
          frontier.release(claim, limited ? suspendedMs : 0);
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
        for (const { claim, end, page } of batch) {
          // What comes again is counted then, and what a redirect leads to instead of it.
          if (claim.kind === 'page' && (end !== 'done' || page?.status === 'skipped')) pagesStarted -= 1;
        }
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
    removeRepeatedImages(ledger, frontier);
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
  });
}

/** When the next host is ready, in ms since 1970; infinite when none is queued or all are put off to the next run. */
function readyAtMs(frontier: Frontier): number {
  const readyMs = frontier.nextReadyMs();
  return readyMs === null || readyMs >= suspendedMs ? Number.POSITIVE_INFINITY : readyMs;
}
