/**
 * Writes outcomes: image bytes to the raw store, then everything to the ledger in one transaction, then to the frontier in
 * another. A process that dies in between leaves leases open whose URLs are fetched again, and recording a page or image
 * twice changes nothing, so nothing is lost and nothing doubles. The same holds for a machine that loses power: raw bytes
 * are on the disk before the ledger names them (`fsync`), and the ledger is (`synchronous = FULL`, which syncs the
 * write-ahead log at each commit) before the frontier calls their URLs finished. The frontier itself may lose its last
 * commits (`NORMAL`, which syncs at checkpoints only): what it forgets is fetched again.
 */
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { RawStore } from '../../dataset/ledger/raw-store.ts';
import type { StoredImage } from '../../dataset/ledger/records.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import { mostFailures } from '../policy/politeness.ts';
import { mostQueries } from '../policy/traps.ts';
import type { Frontier } from './frontier.ts';
import { knownPage } from './known-page.ts';
import type { DecodedImage, FetchOutcome } from './outcome.ts';
import type { NewUrl } from './schema.ts';

/** A host that failed so often in a row rests for an hour, which ends its part in this run. */
const restMs = 3_600_000;
const mostRemembered = 100_000;

export interface Stores {
  readonly ledger: Ledger;
  readonly raw: RawStore;
  readonly frontier: Frontier;
}

/** Returns the function that commits a batch of outcomes. */
export function openCommit({ ledger, raw, frontier }: Stores): (outcomes: readonly FetchOutcome[]) => void {
  const refuse = ledger.db.prepare(
    `INSERT INTO images (url, status, reason, fetched_at_ms) VALUES (?, 'refused', ?, ?) ON CONFLICT DO NOTHING`,
  );
  const skip = ledger.db.prepare(
    `INSERT INTO pages (url, status, reason, title, text, fetched_at_ms, rendered) VALUES (?, 'skipped', ?, '', '', ?, 0)
     ON CONFLICT DO NOTHING`,
  );
  makeDurable(ledger);
  let appended = false;
  const skipAll = ledger.db.transaction((urls: readonly string[], nowMs: number) => {
    for (const url of urls) skip.run(url, 'trap-many-queries', nowMs);
  });
  // What was written already, so that furniture and navigation found on every page cost nothing.
  const refusedBefore = new Set<string>();
  const queuedBefore = new Set<string>();

  const store = ({ bytes, measured }: DecodedImage): StoredImage => {
    const known = ledger.storedAt(measured.sha256);
    if (known) return { ...measured, ...known };
    appended = true;
    return { ...measured, ...raw.append({ sha256: measured.sha256, format: measured.format, bytes }) };
  };

  const toLedger = ledger.db.transaction((outcomes: readonly FetchOutcome[]) => {
    for (const { page, redirected, found, refused, trapped, sitemapTexts, image, decoded } of outcomes) {
      if (redirected) ledger.recordPage(redirected);
      if (page) ledger.recordPage(page, found);
      for (const { url, reason } of refused ?? []) {
        if (refusedBefore.has(url)) continue;
        refuse.run(url, reason, page?.fetchedAtMs ?? Date.now());
        remember(refusedBefore, url);
      }
      for (const { url, reason } of trapped ?? []) skip.run(url, reason, Date.now());
      for (const text of sitemapTexts ?? []) addToKnownPage(ledger, text);
      if (!image) continue;
      if (!decoded) ledger.recordImage(image);
      else if (ledger.isTakenDown({ sha256: decoded.measured.sha256 })) {
        ledger.recordImage({ ...image, status: 'refused', reason: 'taken-down' });
      } else ledger.recordImage({ ...image, stored: store(decoded) });
    }
    if (appended) raw.sync();
    appended = false;
  });

  const toFrontier = (outcomes: readonly FetchOutcome[]): void =>
    frontier.atomically(() => {
      const exploding: string[] = [];
      const now = Date.now();
      for (const outcome of outcomes) {
        const { claim, page, newUrls = [] } = outcome;
        const fresh: NewUrl[] = [];
        for (const newUrl of newUrls) {
          const key = `${newUrl.kind} ${newUrl.url}`;
          if (queuedBefore.has(key)) continue;
          remember(queuedBefore, key);
          if (newUrl.kind === 'page' && frontier.queryExplodes(newUrl.url, mostQueries)) {
            exploding.push(newUrl.url);
          } else fresh.push(newUrl);
        }
        if (fresh.length > 0) frontier.add(fresh);
        const firstVisit = frontier.revisit(claim.id) === undefined;
        if (firstVisit && outcome.found && outcome.found.length > 0) {
          frontier.countImagePages(
            claim.hostId,
            outcome.found.map(({ url }) => url),
          );
        }
        if (outcome.sitemapTexts) frontier.addSitemapTexts(outcome.sitemapTexts);
        if (outcome.redirected && page) frontier.finishAlias({ ...claim, url: page.url });
        if (outcome.crawlDelayMs !== undefined) frontier.setCrawlDelay(claim.hostId, outcome.crawlDelayMs);
        if (outcome.rendered) frontier.countRender(claim.hostId, outcome.rendered.gained);
        if (outcome.revisit) frontier.setRevisit(claim.id, outcome.revisit, now);
        let nextAtMs = now + outcome.pauseMs;
        if (outcome.hostFailed !== undefined) {
          const { failures } = frontier.host(claim.hostId);
          if (outcome.hostFailed) {
            frontier.setFailures(claim.hostId, failures + 1);
            if (failures + 1 >= mostFailures) nextAtMs = now + restMs;
          } else if (failures > 0) frontier.setFailures(claim.hostId, 0);
        }
        for (const { url, pauseMs } of outcome.alsoAsked ?? []) frontier.rest(url, now + pauseMs);
        if (outcome.end === 'done') frontier.finish(claim, nextAtMs, firstVisit);
        else if (outcome.moved) frontier.move(claim, outcome.moved, nextAtMs);
        else frontier.release(claim, nextAtMs, { failed: outcome.end === 'failed' });
      }
      if (exploding.length > 0) skipAll(exploding, now);
    });

  return (outcomes) => {
    toLedger(outcomes);
    toFrontier(outcomes);
  };
}

/** From now on a commit to the ledger is on the disk when it returns, before anything is finished in the frontier. */
export function makeDurable(ledger: Ledger): void {
  ledger.db.pragma('synchronous = FULL');
}

/** A page that was read before its sitemap gets the sitemap's texts now. */
function addToKnownPage(ledger: Ledger, { pageUrl, imageUrl, text }: SitemapTexts): void {
  const page = knownPage(ledger, pageUrl);
  if (page?.status === 'fetched' || page?.status === 'unchanged')
    ledger.recordPage(page, [{ url: imageUrl, texts: [{ source: 'sitemap', text }] }]);
}

function remember(set: Set<string>, key: string): void {
  if (set.size >= mostRemembered) set.clear();
  set.add(key);
}
