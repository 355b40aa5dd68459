/**
 * Writes outcomes: image bytes to the raw store, then everything to the ledger in one transaction, then to the frontier in
 * another. A process that dies in between leaves leases open whose URLs are fetched again, and recording a page or image
 * twice changes nothing, so nothing is lost and nothing doubles. The same holds for a machine that loses power: raw bytes
 * are on the disk before the ledger names them (`fsync`), and the ledger is (`synchronous = FULL`, which syncs the
 * write-ahead log at each commit) before the frontier calls their URLs finished. The frontier itself may lose its last
 * commits (`NORMAL`, which syncs at checkpoints only): what it forgets is fetched again.
 */

import { imagesOfPage, isImageOlderThan, makeDurable, skipPage } from '../../dataset/ledger/crawled.ts';
import { DatabaseBusy } from '../../dataset/ledger/database-busy.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PageStore } from '../../dataset/ledger/page-store.ts';
import type { RawStore } from '../../dataset/ledger/raw-store.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import { steadyNow } from '../policy/clock.ts';
import { maxFailures } from '../policy/politeness.ts';
import { priority } from '../policy/priority.ts';
import type { Reason } from '../policy/reasons.ts';
import { patternOf } from '../policy/traps.ts';
import type { Frontier } from './frontier.ts';
import { type FetchOutcome, namesOfPage, type RefusedUrl } from './outcome.ts';
import { openRecord, type Recorded } from './record.ts';
import { rememberIn } from './remember.ts';
import { comesAgain } from './revisit.ts';
import type { NewUrl } from './schema.ts';
import { withSitemapTexts } from './sitemap-texts.ts';

/** A host that failed so often in a row rests for an hour, which ends its part in this run. */
const restMs = 3_600_000;
const takenDown = 'taken-down' satisfies Reason;

export interface Stores {
  readonly ledger: Ledger;
  readonly raw: RawStore;
  readonly frontier: Frontier;
  /** Where pages are kept, if they are. */
  readonly pages?: PageStore;
}

/**
 * Returns the function that commits a batch of outcomes. Without `takeImages` no image is queued for what sitemaps say. While another
 * process writes to the ledger the function does nothing and returns false.
 */
export function openCommit(
  { ledger, raw, frontier, pages }: Stores,
  { takeImages = true }: { readonly takeImages?: boolean } = {},
): (outcomes: readonly FetchOutcome[]) => boolean {
  makeDurable(ledger);
  const openedAtMs = Date.now();
  const record = openRecord({ ledger, raw, ...(pages ? { pages } : {}) });
  // What was queued already, so that navigation found on every page costs nothing.
  const queuedBefore = new Set<string>();
  /** The same of the batch at hand, until it is committed. */
  const queuedNow = new Set<string>();

  const imageToQueue = ({ imageUrl, imageWritten }: SitemapTexts, depth: number): NewUrl[] => {
    const written = imageWritten ? { written: imageWritten } : {};
    return takeImages ? [{ url: imageUrl, ...written, kind: 'image', depth, priority: priority.image }] : [];
  };

  /** A page that was read after its sitemap gets the sitemap's texts, and the images that only the sitemap names. */
  const withEarlierSitemaps = (outcome: FetchOutcome): FetchOutcome => {
    const { claim, page, found, newUrls = [] } = outcome;
    if (page?.status !== 'fetched' || found === undefined) return outcome;
    const texts = namesOfPage(outcome).flatMap((url) => frontier.sitemapTexts(url));
    if (texts.length === 0) return outcome;
    const merged = withSitemapTexts(found, texts);
    const known = new Set(found.map(({ url }) => url));
    const added = texts
      .filter(({ imageUrl }) => !known.has(imageUrl))
      .flatMap((text) => imageToQueue(text, claim.depth + 1));
    return { ...outcome, found: merged, newUrls: [...newUrls, ...added] };
  };

  /** A page's pictures are asked for again with it, each once in a run; those of one that is unchanged also where they never were. */
  const queueImagesAgain = ({ claim, page, found = [], newUrls = [] }: FetchOutcome): void => {
    if (!takeImages || claim.kind !== 'page' || page === undefined) return;
    const again = (url: string): boolean => isImageOlderThan(ledger, url, openedAtMs) && frontier.requeue(url, 'image');
    if (page.status === 'unchanged') {
      const [kind, depth] = ['image', claim.depth + 1] as const;
      for (const { url, isPending } of imagesOfPage(ledger, page.url)) {
        if (isPending) queue([{ url, kind, depth, priority: priority.image }], []);
        else again(url);
      }
      return;
    }
    const policies = new Map(newUrls.map(({ url, referrerPolicy }) => [url, referrerPolicy ?? null]));
    for (const { url } of found) if (again(url)) frontier.setReferrerPolicy(url, policies.get(url) ?? null);
  };

  /** Queues what is new and returns it, but for pages of a pattern that proved to be a trap, which go to `trapped`. */
  const queue = (newUrls: readonly NewUrl[], trapped: RefusedUrl[]): NewUrl[] =>
    newUrls.filter((newUrl) => {
      const { url, kind } = newUrl;
      // Most are links to pages, hundreds of each page's: for those no text is put together.
      const key = kind === 'page' ? url : `${kind} ${url}`;
      if (queuedBefore.has(key) || queuedNow.has(key)) return false;
      queuedNow.add(key);
      const reason = kind === 'page' ? frontier.trap(url) : null;
      if (reason === null) return frontier.add([newUrl]) > 0;
      if (!frontier.isKnownPage(url)) trapped.push({ url, reason });
      return false;
    });

  /** Counts the images of a page that is read for the first time, and whether it and they are new. */
  const countFound = ({ claim, page, found = [] }: FetchOutcome, added: readonly NewUrl[]): void => {
    if (claim.revisit !== null) return;
    const images = found.map(({ url }) => url);
    const newImages = frontier.countImagePages(claim.hostId, images);
    if (claim.kind !== 'page' || page?.status !== 'fetched') return;
    frontier.countRead(claim.hostId);
    const pattern = patternOf(page.url);
    const newLeads = added.filter(({ url, kind }) => kind === 'page' && patternOf(url) !== pattern).length;
    frontier.countNovelty(page.url, { text: `${page.title ?? ''} ${page.text ?? ''}`, newImages, newLeads });
  };

  const toFrontier = (outcomes: readonly FetchOutcome[], { late, commits }: Recorded): void => {
    const now = steadyNow();
    frontier.setClock(now);
    frontier.setCommits(commits);
    const trapped: RefusedUrl[] = [];
    queue(
      late.flatMap(({ text, depth }) => imageToQueue(text, depth + 1)),
      trapped,
    );
    for (const outcome of outcomes) {
      const { claim, page } = outcome;
      if (outcome.newSeed !== undefined) frontier.addSeed(outcome.newSeed);
      countFound(outcome, queue(outcome.newUrls ?? [], trapped));
      queueImagesAgain(outcome);
      let isFirstVisit = claim.revisit === null;
      if (outcome.sitemapTexts) frontier.addSitemapTexts(outcome.sitemapTexts);
      if (outcome.redirected && page) {
        const alias = frontier.finishAlias({ ...claim, url: page.url });
        // Where it leads has visits of its own: it may outlast what leads there.
        if (outcome.revisit) frontier.setRevisit(alias, outcome.revisit, now);
      }
      if (outcome.sitemapAlias !== undefined) frontier.finishAlias({ ...claim, url: outcome.sitemapAlias });
      if (outcome.rendered) frontier.countRender(claim.hostId, outcome.rendered.gained);
      // A page that was read before is visited again, whatever this visit came to; the owner's takedown apart.
      const revisit = outcome.revisit ?? (page?.reason === takenDown ? null : claim.revisit);
      if (revisit && outcome.end === 'done') frontier.setRevisit(claim.id, revisit, now);
      if (outcome.end === 'done') {
        const fails = claim.revisit === null && comesAgain(claim.kind, outcome);
        if (frontier.noteFailure(claim.id, fails, now)) isFirstVisit = false;
      }
      for (const { url, pauseMs } of outcome.otherHosts ?? []) frontier.rest(url, now + pauseMs);
      const nextAtMs = now + Math.max(outcome.pauseMs, countFailures(outcome));
      if (outcome.end === 'done') frontier.finish(claim, nextAtMs, isFirstVisit);
      else if (outcome.moved) frontier.move(claim, outcome.moved, nextAtMs);
      else if (outcome.putOffUntilMs !== undefined) frontier.putOff(claim, outcome.putOffUntilMs, nextAtMs);
      else frontier.release(claim, nextAtMs, { failed: outcome.end === 'failed' });
    }
    if (trapped.length === 0) return;
    ledger.write(() => {
      for (const { url, reason } of trapped) skipPage(ledger, url, reason, now);
    });
  };

  /** Counts a host's failures in a row and returns how long it rests for them, in ms. */
  const countFailures = ({ claim, hostFailed }: FetchOutcome): number => {
    if (hostFailed === undefined) return 0;
    const { failures } = frontier.host(claim.hostId);
    if (hostFailed) frontier.setFailures(claim.hostId, failures + 1);
    else if (failures > 0) frontier.setFailures(claim.hostId, 0);
    return hostFailed && failures + 1 >= maxFailures ? restMs : 0;
  };

  return (outcomes) => {
    const complete = outcomes.map(withEarlierSitemaps);
    const written = ledger.tryWrite(() => record(complete));
    if (written === null) return false;
    queuedNow.clear();
    try {
      frontier.atomically(() => toFrontier(complete, written.result));
    } catch (error) {
      // Another process began to write to the ledger since. As after a kill at this place, the batch may come again.
      if (error instanceof DatabaseBusy && error.path === ledger.db.name) return false;
      throw error;
    }
    for (const key of queuedNow) rememberIn(queuedBefore, key);
    return true;
  };
}
