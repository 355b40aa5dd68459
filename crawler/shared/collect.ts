/**
 * Brings the record of a shared crawl into a corpus folder, as if it had been crawled there: rows and pairs into the ledger, pictures
 * from the workers' folders, or from S3, into `raw/`, and into the frontier that it is done. It may run while workers crawl, and again: then it
 * brings what is new. Killed, it goes on where it was.
 */
import { within } from '../../dataset/blobs/place.ts';
import { withCleanup } from '../../dataset/cleanup.ts';
import { collectedBatches, noteCollected } from '../../dataset/ledger/collected.ts';
import { makeDurable } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { committedRawEnd, openRawStore } from '../../dataset/ledger/raw-store.ts';
import { noteWorkPictures } from '../../dataset/ledger/work-pictures.ts';
import { expected } from '../../dataset/user-error.ts';
import type { Frontier } from '../frontier/frontier.ts';
import { holdFrontier } from '../frontier/open.ts';
import { openRecord } from '../frontier/record.ts';
import { minPageShare, minPages, refuseRepeated, type ShownOften } from '../frontier/repeated-images.ts';
import { comesAgain } from '../frontier/revisit.ts';
import { steadyNow } from '../policy/clock.ts';
import { namesOf, type RecordedOutcome } from './batch.ts';
import { eraseTakenDown } from './erase-work.ts';
import { recordLater, timely } from './late.ts';
import { countQueued } from './overview.ts';
import { batchesInOrder } from './record.ts';
import { openRecordables, withoutPicture } from './recordable.ts';
import { openSharedCorpus } from './schema.ts';
import { allSeeds } from './seeds.ts';
import { openStore, type Store, storeFault } from './store.ts';
import { tellTakenDown } from './taken-down.ts';

export interface CollectSummary {
  readonly batches: number;
  readonly pages: number;
  readonly images: number;
  /** Pictures that are lost with the disks of workers that were left out. */
  readonly lost: number;
  /** URLs that wait in the store, a million at most. */
  readonly queued: number;
  /** Workers whose pictures are not here: nothing was brought of them from their first such batch on. */
  readonly missing: readonly MissingPictures[];
}

/** Of a worker: where its pictures were looked for, and where it had them. */
export interface MissingPictures {
  readonly worker: string;
  readonly part: string;
  readonly machine: string;
  readonly folder: string;
  readonly batches: number;
}

interface WorkerRow {
  readonly id: string;
  readonly machine: string;
  readonly folder: string;
  readonly batch: number;
  readonly isAlive: boolean;
  /** Where in S3 it puts pictures; null where it puts none there, or is of an earlier lait. */
  readonly pictures: string | null;
}

export interface CollectOptions {
  readonly corpusDir: string;
  readonly url: string;
  /** `s3://BUCKET/PREFIX`, below whose `work/` workers keep their pictures unless they have said otherwise; those in the folder are found without it. */
  readonly blobs?: string | undefined;
  /**
   * Workers whose disks or buckets are lost, for good: what they found is brought without those of their pictures that are not here, or in
   * `blobs`.
   */
  readonly without?: readonly string[];
}

/** Brings what is new. Throws a UserError when there is no shared corpus, or no such worker to be left out; what came before is kept. */
export async function collect(
  { corpusDir, url, blobs, without = [] }: CollectOptions,
  {
    ledger,
    at = (_, work) => work(),
    onProgress,
    signal,
  }: {
    readonly ledger: Ledger;
    /** Erases at a place what was taken down, which may be away. */
    readonly at?: (place: string, work: () => Promise<unknown>) => Promise<unknown>;
    readonly onProgress?: (batches: number, of: number) => void;
    readonly signal?: AbortSignal;
  },
): Promise<CollectSummary> {
  return withCleanup(async (defer) => {
    const store = await openStore({ url });
    defer(() => store.close());
    const corpus = await openSharedCorpus(store, { create: false });
    const frontier = holdFrontier(corpusDir, ledger, defer);
    const raw = openRawStore(corpusDir, { committedEnd: committedRawEnd(ledger) });
    defer(() => raw.close());
    makeDurable(ledger);
    const record = openRecord({ ledger, raw });
    try {
      const workers = await workersOf(store);
      checkLeftOut(without, workers);
      const known = collectedBatches(ledger, corpus.id);
      const spans = workers.map(({ id, batch }) => ({ worker: id, from: known.get(id) ?? 0, to: batch }));
      const total = spans.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);
      const work = blobs === undefined ? undefined : within(blobs, 'work');
      const ownPlaces = new Map(workers.map(({ id, pictures }) => [id, pictures]));
      const placesOf = (id: string): string[] => {
        const own = without.includes(id) ? undefined : ownPlaces.get(id);
        return [...new Set([own, work])].filter((one) => typeof one === 'string');
      };
      const recordables = openRecordables({ corpusDir, corpusId: corpus.id, signal, placesOf }, { ledger, raw }, defer);
      const left = new Map<string, number>();
      let [batches, pages, images, lost] = [0, 0, 0, 0];
      for await (const { worker, batch, outcomes } of batchesInOrder(store, spans, (one) => !left.has(one))) {
        if (signal?.aborted) break;
        // Its batches are brought in their order: after one that has to wait, so do the others.
        if (left.has(worker)) continue;
        const found = await Promise.all(outcomes.map((one) => recordables.of(one, worker))).catch((error: unknown) => {
          if (signal?.aborted) return null;
          throw error;
        });
        if (found === null) break;
        if (found.includes(null) && !without.includes(worker)) {
          left.set(worker, batch);
          continue;
        }
        const recordable = found.map((one, n) => one?.recordable ?? withoutPicture(outcomes[n]!));
        const pictures = found.flatMap((one) =>
          one?.picture ? [{ url: one.recordable.image!.url, picture: one.picture }] : [],
        );
        const { commits, told } = await ledger.writeWhenFree(() => {
          noteCollected(ledger, corpus.id, worker, batch);
          const all = recordable.map((one) => timely(ledger, one));
          const { commits: so } = record(all.map(({ outcome }) => outcome));
          recordLater(
            ledger,
            all.flatMap(({ later }) => later),
          );
          noteWorkPictures(ledger, pictures);
          return { commits: so, told: all };
        });
        frontier.atomically(() => {
          frontier.setClock(steadyNow());
          frontier.setCommits(commits);
          for (const [n, one] of outcomes.entries()) enter(frontier, one, { isLast: told[n]!.isLast });
        });
        batches += 1;
        pages += outcomes.filter(({ page }) => page?.status === 'fetched').length;
        images += recordable.filter(({ image }) => image?.status === 'success').length;
        lost += found.filter((one) => one === null).length;
        onProgress?.(batches, total);
      }
      const shown = await imagesShownOften(store);
      await ledger.writeWhenFree(() => refuseRepeated(ledger, shown));
      const seeds = await allSeeds(store);
      frontier.atomically(() => {
        for (const seed of seeds) frontier.addSeed(seed);
      });
      // What is queued stays in the database: a crawl of this folder reads pages whole once more, and finds it again.
      if (frontier.followed() === null) frontier.setFollowed('');
      await store.atomically((query) => tellTakenDown(query, ledger));
      // Last: it needs a right of its own.
      await eraseTakenDown(ledger, { work, at, signal });
      const missing = workers
        .filter(({ id }) => left.has(id))
        .map(({ id, machine, folder, batch }) => ({
          worker: id,
          part: recordables.placeOf(id),
          machine,
          folder,
          batches: batch - left.get(id)! + 1,
        }));
      return { batches, pages, images, lost, queued: await countQueued(store), missing };
    } catch (error) {
      throw storeFault(error, store.place, { isRunning: true });
    }
  });
}

const workersOf = (store: Store): Promise<readonly WorkerRow[]> =>
  store.query<{ [Key in keyof WorkerRow]: WorkerRow[Key] }>(
    `SELECT id, machine, folder, batch::float8 AS batch, ended_at IS NULL AS "isAlive", pictures FROM lait.workers WHERE batch > 0 ORDER BY id`,
  );

function checkLeftOut(without: readonly string[], workers: readonly WorkerRow[]): void {
  for (const id of without) {
    const worker = workers.find((one) => one.id === id);
    const advice = '`lait workers` names them';
    if (worker === undefined) throw expected('the number of a worker', '--without', id, advice);
    if (worker.isAlive) throw expected('a worker that has ended', '--without', id, `it is alive on ${worker.machine}`);
  }
}

/** The URL is done, under all its names; a later crawl of the folder visits it when it is due, by the last visit of its page. */
function enter(frontier: Frontier, outcome: RecordedOutcome, { isLast }: { readonly isLast: boolean }): void {
  const { kind, depth, priority, revisit, sitemapAlias, newSeed } = outcome;
  for (const url of namesOf(outcome)) {
    const id = frontier.finishAlias({ url, kind, depth, priority });
    if (isLast && url === outcome.url) frontier.noteFailure(id, comesAgain(kind, outcome), steadyNow());
    if (revisit && isLast && url !== sitemapAlias) frontier.setRevisit(id, revisit, steadyNow());
  }
  if (newSeed !== undefined) frontier.addSeed(newSeed);
}

/** As a folder's frontier has it. Hosts of an earlier lait have counted no pages as read so far. */
const imagesShownOften = (store: Store): Promise<readonly ShownOften[]> =>
  store.query<{ [Key in keyof ShownOften]: ShownOften[Key] }>(
    `SELECT s.url, bool_or(s.pages >= $2::float8 * coalesce(h.read_pages, h.pages)) AS "isRepeated"
     FROM lait.sightings s JOIN lait.hosts h ON h.id = s.host WHERE s.pages >= $1 GROUP BY s.url`,
    [minPages, minPageShare],
  );
