/**
 * LAIT step 1: from seeds to image-text pairs (ImageBERT §3). The loop claims URLs whose host is ready, fetches them side by
 * side, and commits what became of them in batches. What decides lies elsewhere: what may be fetched in policy/robots.ts
 * and policy/rights.ts, when in policy/politeness.ts, what a page shows in page/. Killed at any moment and started again,
 * it goes on where it was and ends with the same pairs.
 */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import PQueue from 'p-queue';
import { withCleanup } from '../dataset/cleanup.ts';
import { diskFullCode } from '../dataset/disk-full.ts';
import { decodeForSize, decodeImage } from '../dataset/image/decode.ts';
import { maxUncommitted } from '../dataset/ledger/raw-store.ts';
import { UserError } from '../dataset/user-error.ts';
import { openAlarm } from './alarm.ts';
import { type CrawlOptions, type CrawlTools, crawlDefaults } from './crawl-options.ts';
import { type Counts, type CrawlSummary, count, logRun, newCounts, progressOf } from './crawl-summary.ts';
import { addressGuard } from './fetch/address-guard.ts';
import { lazyRenderer } from './fetch/browser.ts';
import { openFetcher } from './fetch/fetch.ts';
import { fetchClaim } from './fetch/fetch-claim.ts';
import { machineLacks, NoNetwork, Withheld, watchNetwork } from './fetch/local-faults.ts';
import { openOriginRules } from './fetch/origin-rules.ts';
import { openPolicyFiles } from './fetch/policy-files.ts';
import { openSigner } from './fetch/request-signature.ts';
import { usualSitemapPath } from './fetch/sitemap.ts';
import { type StoreSize, smallerImage } from './fetch/smaller-image.ts';
import type { FetchTools } from './fetch/tools.ts';
import type { Claim } from './frontier/claim.ts';
import { type FetchOutcome, heldBytes } from './frontier/outcome.ts';
import { checkSeeds } from './input/seeds.ts';
import { steadyNow } from './policy/clock.ts';
import type { Manners } from './policy/politeness.ts';
import { priority } from './policy/priority.ts';
import { userAgentOf } from './policy/robots.ts';
import { absoluteUrl, addressOf, followedBy, openScope } from './policy/url.ts';
import { corpusWork } from './work.ts';
import { openWorkers } from './workers/workers.ts';

/** A host that is not ready for so long ends the run; the next one goes on with it. Longer than every back-off and Crawl-delay. */
const maxWaitMs = 120_000;

/**
 * Outcomes are committed together: so many, or when the first has waited ten times as long as the last commit took, within bounds, which waits for the
 * disk. A kill loses no more than that, and hosts are not asked again before.
 */
const commitEvery = maxUncommitted;
const commitAfterMs = { least: 50, most: 200, timesCommit: 10 };
/** Ours: no more than that is committed together, in bytes, or one outcome; a picture may have 50 MB. */
const maxBatchBytes = 64_000_000;
/** Ours: while so many bytes are not committed no further request begins, since another writer may hold the ledger for minutes. */
const maxHeldBytes = 128_000_000;
const ledgerBusyMs = 500;
/** How long a crawl that is stopped waits for another writer of the ledger. */
const maxBusyMs = 3_000;
const progressEveryMs = 200;

/** An outcome with what it takes of memory, in bytes. */
interface Held {
  readonly outcome: FetchOutcome;
  readonly bytes: number;
}

/** Where a run is. */
interface RunState {
  /** Claimed and not committed, and pages among them. */
  inFlight: number;
  pagesInFlight: number;
  /** Fetched and not committed. */
  outcomes: Held[];
  /** Bytes of all of them. */
  heldBytes: number;
  /** The first of them, for which there is no answer yet: the same ones are tried again, since they may be written. */
  committing: readonly Held[] | null;
  /** When the first of them came, by the monotonic clock. */
  firstOutcomeMs: number;
  /** How long the first of them waits for others. */
  commitAfterMs: number;
  /** Pages fetched or in flight; those that are queued again do not count. */
  pagesStarted: number;
  /** No host is ready before, in ms since 1970. */
  nextClaimMs: number;
  /** Since when another process writes to the ledger, by the monotonic clock; null when none did at the last commit. */
  busySinceMs: number | null;
  /** When progress was reported last, by the monotonic clock. */
  progressMs: number;
  readonly counts: Counts;
  /** A fault of ours while fetching, which ends the run. */
  crash?: unknown;
}

/** Crawls until nothing is left to fetch, a limit is reached or the signal stops it. Throws UserErrors before any request. */
export async function crawl(
  options: CrawlOptions,
  { workers: givenWorkers, onProgress, signal, ...stores }: CrawlTools,
): Promise<CrawlSummary> {
  // ── options ──────────────────────────────────────────────────────────────────────────────────────────────────────────
  const {
    corpusDir,
    scope,
    maxPages,
    maxPagesPerHost,
    maxDepth,
    keepPages,
    storeSide,
    storeQuality,
    concurrency,
    firstByteTimeoutMs,
    timeoutMs,
    render,
    browserPath,
    browserSandbox,
    allowPrivate,
    images: takeImages,
    recrawl,
    minDelayMs,
    maxDelayMs,
    latencyFactor,
  } = { ...crawlDefaults, ...options };
  const manners: Manners = { minDelayMs, maxDelayMs, latencyFactor };
  const seeds = checkSeeds(options);
  const userAgent = userAgentOf(options.contact);
  const sign = options.signing && openSigner(options.signing);
  // Without a pause a host is one's own: then it may have all connections at once.
  const perHost = manners.minDelayMs === 0 ? 3 * concurrency : 1;
  const startedAt = new Date();
  const startMs = performance.now();

  return withCleanup(async (defer) => {
    // ── open what is needed; closed in the reverse order, whatever happens ───────────────────────────────────────────────
    const openWork = 'openWork' in stores ? stores.openWork : corpusWork(corpusDir, stores);
    const work = await openWork({ perHost, takeImages, keepPages, timeoutMs, minDelayMs }, defer);
    const guard = addressGuard({ allowPrivate, onlyLoopback: !options.contact });
    const network = watchNetwork(guard.lookup);
    const fetcher = openFetcher(guard, userAgent, {
      connectionsPerOrigin: perHost === 1 ? 2 : concurrency,
      firstByteMs: firstByteTimeoutMs,
      wholeMs: timeoutMs,
      network,
      mayAsk: () => work.mayAsk(),
      sign,
    });
    defer(() => fetcher.close());
    const renderer = lazyRenderer({
      executablePath: browserPath,
      sandbox: browserSandbox,
      userAgent,
      guard,
      sign,
      mayAsk: () => work.mayAsk(),
    });
    defer(() => renderer.close());
    const workers = givenWorkers ?? openWorkers();
    if (givenWorkers === undefined) defer(() => workers.close());
    const requests = new PQueue({ concurrency });
    defer(() => requests.onIdle());
    // Two for each core: the next one is at hand when a thread is done, whatever the main thread is doing. 10 % faster than one.
    const decodes = new PQueue({ concurrency: 2 * availableParallelism() });
    const storeSize = storeSide === undefined ? null : { sidePx: storeSide, quality: storeQuality };
    const alarm = openAlarm();
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const onSignal = (): void => {
      stop.abort();
      // A page that is being rendered or read must not hold up the end.
      void renderer.close();
      void workers.close();
      requests.start();
      alarm.ring();
    };
    if (signal?.aborted) stop.abort();
    signal?.addEventListener('abort', onSignal);
    defer(() => {
      stop.abort();
      requests.start();
      signal?.removeEventListener('abort', onSignal);
    });

    // ── the queue: seeds, what is due again, and what an earlier run left ────────────────────────────────────────────────
    const { allow, deny, contact } = options;
    const allSeeds = await work.begin({
      seeds: seeds.map((address) => ({ ...address, kind: 'page', depth: 0, priority: priority.seed })),
      recrawl,
      contact,
      followedBy: (all) => followedBy(all, { scope, maxDepth, allow, deny, render, images: takeImages }),
    });
    const followed = openScope(allSeeds, scope, options);
    const policyFiles = openPolicyFiles(work.origins, fetcher, { manners, workers, signal: stop.signal });
    const rulesOf = openOriginRules(work.origins, fetcher, {
      manners,
      workers,
      files: policyFiles,
      signal: stop.signal,
      onNew: async (origin, { sitemaps, allows }) => {
        if (!followed.inArea(`${origin}/`)) return;
        const usual = allows(origin + usualSitemapPath) ? [usualSitemapPath] : [];
        const named = sitemaps.length > 0 ? sitemaps : usual;
        const urls = named.map((url) => absoluteUrl(url, origin)).filter((url) => url !== null);
        const addresses = urls.map(addressOf).filter(({ url }) => !followed.isDenied(url));
        await work.add(
          addresses.map((address) => ({ ...address, kind: 'sitemap', depth: 1, priority: priority.sitemap })),
        );
      },
    });
    const tools: FetchTools = {
      fetcher,
      rulesOf,
      policyFiles,
      workers,
      renderer: () => renderer.get(),
      decode: (bytes) => decodes.add(() => decodeFor(storeSize, bytes)),
      scope: followed,
      manners,
      render,
      maxPagesPerHost,
      maxDepth,
      keepPages,
      takeImages,
      signal: stop.signal,
    };

    // ── claim → fetch → commit → wait ────────────────────────────────────────────────────────────────────────────────────
    const run: RunState = {
      inFlight: 0,
      pagesInFlight: 0,
      outcomes: [],
      heldBytes: 0,
      committing: null,
      firstOutcomeMs: 0,
      commitAfterMs: commitAfterMs.least,
      pagesStarted: 0,
      nextClaimMs: 0,
      busySinceMs: null,
      progressMs: 0,
      counts: newCounts(),
    };
    const fetchInTurn = async (claim: Claim): Promise<void> => {
      try {
        const outcome = await requests.add(() => fetchClaim(claim, tools).catch(goesBack(claim)));
        if (run.outcomes.length === 0) run.firstOutcomeMs = performance.now();
        const bytes = heldBytes(outcome);
        run.outcomes.push({ outcome, bytes });
        run.heldBytes += bytes;
        if (run.heldBytes >= maxHeldBytes && !stop.signal.aborted) requests.pause();
      } catch (error) {
        try {
          if (isOurFault(error)) await work.countDeath(claim);
        } catch {
          // A store that is full or busy: the fault itself is what is told.
        }
        run.crash ??= error;
      }
      alarm.ring();
    };

    for (;;) {
      run.crash ??= network.outage() ?? undefined;
      if (run.crash !== undefined) {
        while (run.crash instanceof UserError && run.outcomes.length > 0) {
          const batch = run.committing ?? nextBatch(run.outcomes);
          if ((await work.commit(batch.map(({ outcome }) => outcome))) === null) break;
          run.committing = null;
          run.outcomes.splice(0, batch.length);
        }
        throw run.crash;
      }

      // Claim. A limit on pages waits for those in flight, so that their images are all queued before the rest is put off.
      const isLimited = run.pagesStarted >= maxPages;
      const isHeld = stop.signal.aborted || (isLimited && run.pagesInFlight > 0);
      const room = isHeld ? 0 : 3 * concurrency - run.inFlight;
      run.nextClaimMs = Math.max(run.nextClaimMs, steadyNow() + network.pauseMs());
      const isTime = room > 0 && steadyNow() >= run.nextClaimMs;
      const claims = isTime ? await work.claim(room) : [];
      for (const seed of work.newSeeds()) followed.add(seed);
      // What is not ready now will be at a known time, or after a commit.
      if (room > 0 && claims.length < room) run.nextClaimMs = work.nextReadyMs();

      // Fetch.
      for (const claim of claims) {
        if (claim.kind === 'page' && run.pagesStarted >= maxPages) {
          await work.giveBack(claim, isLimited ? 'next-run' : 'now');
          continue;
        }
        if (claim.kind === 'page') {
          run.pagesStarted += 1;
          run.pagesInFlight += 1;
        }
        run.inFlight += 1;
        void fetchInTurn(claim);
      }

      // Commit.
      const waiting = run.outcomes.length;
      const ageMs = waiting > 0 ? performance.now() - run.firstOutcomeMs : 0;
      if (waiting > 0 && (waiting >= commitEvery || waiting === run.inFlight || ageMs >= run.commitAfterMs)) {
        run.committing ??= nextBatch(run.outcomes);
        const batch = run.committing.map(({ outcome }) => outcome);
        const commitStartMs = performance.now();
        const written = await work.commit(batch);
        if (written === null) {
          run.busySinceMs ??= performance.now();
          // Requests that are under way go on. A crawl that is stopped does not wait for long: the next one fetches these again.
          if (stop.signal.aborted && performance.now() - run.busySinceMs > maxBusyMs) break;
          await alarm.wait(ledgerBusyMs);
          continue;
        }
        run.busySinceMs = null;
        const { least, most, timesCommit } = commitAfterMs;
        run.commitAfterMs = Math.min(most, Math.max(least, timesCommit * (performance.now() - commitStartMs)));
        run.heldBytes -= run.committing.reduce((sum, { bytes }) => sum + bytes, 0);
        if (run.heldBytes < maxHeldBytes) requests.start();
        run.committing = null;
        run.outcomes.splice(0, batch.length);
        run.inFlight -= batch.length;
        run.pagesInFlight -= batch.filter(({ claim }) => claim.kind === 'page').length;
        run.pagesStarted -= batch.filter(isNotCounted).length;
        run.nextClaimMs = 0;
        for (const outcome of written) count(run.counts, outcome);
        if (performance.now() - run.progressMs > progressEveryMs) {
          run.progressMs = performance.now();
          onProgress?.(progressOf(run.counts, work.queued()));
        }
        continue;
      }

      // Wait, for an outcome, the next commit, or a host to be ready.
      if (claims.length > 0) continue;
      const readyMs = stop.signal.aborted ? Number.POSITIVE_INFINITY : run.nextClaimMs - steadyNow();
      if (run.inFlight === 0 && readyMs > maxWaitMs) break;
      await alarm.wait(Math.min(room > 0 ? readyMs : maxWaitMs, waiting > 0 ? run.commitAfterMs - ageMs : maxWaitMs));
    }

    // ── end ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
    const { pairs, queued, deadSeeds, isNoSeedRead } = await work.end({ isStopped: stop.signal.aborted });
    onProgress?.(progressOf(run.counts, queued));
    const stoppedEarly = run.pagesStarted >= maxPages ? 'page-limit' : 'waiting-hosts';
    const stoppedBy = signal?.aborted ? 'signal' : queued > 0 ? stoppedEarly : 'finished';
    const { fetched = 0, unchanged = 0 } = run.counts.pages;
    const hadTime = stoppedBy === 'finished' || stoppedBy === 'waiting-hosts';
    const hadNothing = seeds.length > 0 && hadTime && fetched + unchanged === 0;
    const summary: CrawlSummary = {
      ...run.counts,
      pairs,
      queued,
      durationMs: Math.round(performance.now() - startMs),
      stoppedBy,
      deadSeeds: hadTime && seeds.length > 0 ? deadSeeds : [],
      isNoSeedRead: hadNothing && isNoSeedRead,
    };
    logRun(corpusDir, { startedAt: startedAt.toISOString(), seeds: seeds.map(({ url }) => url), ...summary });
    return summary;
  });
}

/** The first outcomes, as many as are committed together. */
function nextBatch(held: readonly Held[]): readonly Held[] {
  let bytes = 0;
  const heavy = held.findIndex((one, at) => {
    bytes += one.bytes;
    return at > 0 && bytes > maxBatchBytes;
  });
  return held.slice(0, heavy === -1 ? commitEvery : Math.min(heavy, commitEvery));
}

/** Measures an image, and makes what is stored of it. */
async function decodeFor(store: StoreSize | null, bytes: Buffer): ReturnType<FetchTools['decode']> {
  if (store === null) {
    const decoded = await decodeImage(bytes);
    return 'reason' in decoded ? decoded : { ...decoded, smaller: null };
  }
  const found = await decodeForSize(bytes, store.sidePx);
  return 'reason' in found ? found : { ...found.decoded, smaller: await smallerImage(bytes, found, store) };
}

/**
 * A page that comes again counts for the limit then; one that redirects does not count, but its target does. One that
 * robots.txt forbids, or that is refused before it is asked for, is no page of this crawl.
 */
const isNotCounted = ({ claim, end, page, unasked = false }: FetchOutcome): boolean =>
  claim.kind === 'page' && (end !== 'done' || page?.status === 'skipped' || unasked || page?.reason === 'robots');

/** What becomes of a claim while this machine has no network, or may not ask: it goes back as it was. */
const goesBack =
  (claim: Claim) =>
  (error: unknown): FetchOutcome => {
    if (error instanceof NoNetwork || error instanceof Withheld) return { claim, end: 'later', pauseMs: 0 };
    throw error;
  };

/** Whether an error has its cause in what was read, and not in the operator's settings, the disk or the machine: those have codes of the system. */
function isOurFault(error: unknown): boolean {
  if (error instanceof UserError || machineLacks(error) !== null || diskFullCode(error) !== null) return false;
  const { code } = error as { code?: unknown };
  return typeof code !== 'string' || code.startsWith('ERR_');
}
