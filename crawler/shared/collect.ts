/**
 * Brings the record of a shared crawl into a corpus folder, as if it had been crawled there: rows and pairs into the ledger, pictures
 * from the workers' folders into `raw/`, and into the frontier that it is done. It may run while workers crawl, and again: then it
 * brings what is new. Killed, it goes on where it was.
 */
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { withCleanup } from '../../dataset/cleanup.ts';
import { collectedBatches, noteCollected } from '../../dataset/ledger/collected.ts';
import { makeDurable } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { committedRawEnd, openRawStore, type RawStore } from '../../dataset/ledger/raw-store.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { Frontier } from '../frontier/frontier.ts';
import { holdFrontier } from '../frontier/open.ts';
import { openRecord, type Recordable } from '../frontier/record.ts';
import { minPageShare, minPages, refuseRepeated } from '../frontier/repeated-images.ts';
import { steadyNow } from '../policy/clock.ts';
import type { RecordedOutcome } from './batch.ts';
import { partName } from './names.ts';
import { countQueued } from './overview.ts';
import { openSharedCorpus } from './schema.ts';
import { openStore, type Store, storeFault } from './store.ts';

const unpack = promisify(gunzip);

/** Of a batch, unpacked: far more than 64 outcomes have. */
const maxBatchBytes = 512_000_000;

export interface CollectSummary {
  readonly batches: number;
  readonly pages: number;
  readonly images: number;
  /** URLs that wait in the store, a million at most. */
  readonly queued: number;
}

interface WorkerRow {
  readonly id: string;
  readonly machine: string;
  readonly folder: string;
  readonly batch: number;
  readonly images: number;
}

interface BatchKey {
  readonly worker: string;
  readonly batch: string;
}

/** Throws a UserError when there is no shared corpus, or when the pictures of a worker are not here; what came before is kept. */
export async function collect(
  { corpusDir, url }: { readonly corpusDir: string; readonly url: string },
  {
    ledger,
    onProgress,
    signal,
  }: {
    readonly ledger: Ledger;
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
      const workers = await newBatches(store, collectedBatches(ledger, corpus.id));
      const parts = new Map(workers.map(({ id }) => [id, join(corpusDir, 'work', partName(corpus.id, id))]));
      const away = workers.filter(({ id, images }) => images > 0 && !existsSync(join(parts.get(id)!, 'raw')));
      if (away.length > 0) throw picturesExpected(away, parts);
      const readers = new Map<string, RawStore>();
      defer(() => {
        for (const reader of readers.values()) reader.close();
      });
      const readerOf = (worker: string): RawStore => {
        const reader = readers.get(worker) ?? openRawStore(parts.get(worker)!);
        readers.set(worker, reader);
        return reader;
      };
      const keys = await batchKeys(store, workers);
      let [batches, pages, images] = [0, 0, 0];
      for await (const { key, outcomes } of inOrder(store, keys)) {
        if (signal?.aborted) break;
        const recordable = outcomes.map((one) => recordableOf(one, () => readerOf(key.worker), parts.get(key.worker)!));
        const { commits } = await ledger.writeWhenFree(() => {
          noteCollected(ledger, corpus.id, key.worker, Number(key.batch));
          return record(recordable);
        });
        frontier.atomically(() => {
          frontier.setClock(steadyNow());
          frontier.setCommits(commits);
          for (const one of outcomes) enter(frontier, one);
        });
        batches += 1;
        pages += outcomes.filter(({ page }) => page?.status === 'fetched').length;
        images += outcomes.filter(({ image }) => image?.status === 'success').length;
        onProgress?.(batches, keys.length);
      }
      const repeated = await repeatedImages(store);
      await ledger.writeWhenFree(() => refuseRepeated(ledger, repeated));
      const seeds = await store.query<{ url: string }>('SELECT url FROM lait.seeds');
      for (const seed of seeds) frontier.addSeed(seed.url);
      // What is queued stays in the database: a crawl of this folder reads pages whole once more, and finds it again.
      if (frontier.followed() === null) frontier.setFollowed('');
      return { batches, pages, images, queued: await countQueued(store) };
    } catch (error) {
      throw storeFault(error, store.place, { isRunning: true });
    }
  });
}

/** Workers that have committed more than is here. */
async function newBatches(store: Store, known: ReadonlyMap<string, number>): Promise<(WorkerRow & { from: number })[]> {
  const rows = await store.query<Omit<WorkerRow, 'batch' | 'images'> & { batch: string; images: string }>(
    'SELECT id, machine, folder, batch, images FROM lait.workers WHERE batch > 0 ORDER BY id',
  );
  return rows
    .map((row) => ({ ...row, batch: Number(row.batch), images: Number(row.images), from: known.get(row.id) ?? 0 }))
    .filter(({ batch, from }) => batch > from);
}

/** All that is new, in the order in which it was committed: of two visits to a page the later one counts. */
async function batchKeys(
  store: Store,
  workers: readonly (WorkerRow & { from: number })[],
): Promise<readonly BatchKey[]> {
  return store.query<BatchKey & { [column: string]: unknown }>(
    `SELECT b.worker, b.batch FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) w (id, a, z)
     JOIN lait.batches b ON b.worker = w.id AND b.batch > w.a AND b.batch <= w.z ORDER BY b.at, b.worker, b.batch`,
    [workers.map(({ id }) => id), workers.map(({ from }) => from), workers.map(({ batch }) => batch)],
  );
}

const batchesPerRead = 16;

async function* inOrder(
  store: Store,
  keys: readonly BatchKey[],
): AsyncGenerator<{ readonly key: BatchKey; readonly outcomes: readonly RecordedOutcome[] }> {
  for (let at = 0; at < keys.length; at += batchesPerRead) {
    const some = keys.slice(at, at + batchesPerRead);
    const rows = await store.query<BatchKey & { outcomes: Buffer }>(
      `SELECT b.worker, b.batch, b.outcomes FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY k (worker, batch, n)
       JOIN lait.batches b USING (worker, batch) ORDER BY k.n`,
      [some.map(({ worker }) => worker), some.map(({ batch }) => batch)],
    );
    for (const { worker, batch, outcomes } of rows) {
      const json = await unpack(outcomes, { maxOutputLength: maxBatchBytes });
      yield { key: { worker, batch }, outcomes: JSON.parse(json.toString('utf8')) as RecordedOutcome[] };
    }
  }
}

/** The outcome as the ledger records it, with its picture's bytes. */
function recordableOf(outcome: RecordedOutcome, reader: () => RawStore, part: string): Recordable {
  const { writtenUrl, depth, image, stored, ...rest } = outcome;
  const claim = { writtenUrl, depth };
  if (image === undefined) return { ...rest, claim };
  const row = image as NonNullable<Recordable['image']>;
  if (stored === undefined) return { ...rest, claim, image: row };
  const { measured, resized, place } = stored;
  const bytes = bytesOf(reader, place, part);
  if (hash('sha256', bytes) !== (resized?.sha256 ?? measured.sha256)) throw otherBytes(part);
  return { ...rest, claim, image: row, decoded: { bytes, measured, smaller: resized && { bytes, resized } } };
}

function bytesOf(reader: () => RawStore, place: Parameters<RawStore['read']>[0], part: string): Buffer {
  try {
    return reader().read(place);
  } catch {
    throw otherBytes(part);
  }
}

/** The URL is done, under all its names; a later crawl of the folder visits it when it is due. */
function enter(frontier: Frontier, { url, kind, depth, priority, isDone, revisit, ...more }: RecordedOutcome): void {
  const { redirected, page, sitemapAlias, newSeed } = more;
  const names = [
    ...(isDone ? [url] : []),
    ...(redirected && page ? [page.url] : []),
    ...(sitemapAlias === undefined ? [] : [sitemapAlias]),
  ];
  for (const name of names) {
    const id = frontier.finishAlias({ url: name, kind, depth, priority });
    if (revisit && name !== sitemapAlias) frontier.setRevisit(id, revisit, steadyNow());
  }
  if (newSeed !== undefined) frontier.addSeed(newSeed);
}

async function repeatedImages(store: Store): Promise<string[]> {
  const rows = await store.query<{ url: string }>(
    `SELECT s.url FROM lait.sightings s JOIN lait.hosts h ON h.id = s.host WHERE s.pages >= $1 AND s.pages >= $2::float8 * h.pages`,
    [minPages, minPageShare],
  );
  return rows.map(({ url }) => url);
}

const maxShown = 5;

function picturesExpected(away: readonly WorkerRow[], parts: ReadonlyMap<string, string>): UserError {
  const shown = away.slice(0, maxShown).map(({ id, machine, folder }) => `${parts.get(id)} (of ${machine}:${folder})`);
  const rest = away.length > maxShown ? ` and ${away.length - maxShown} more` : '';
  return new UserError(
    `Expected the pictures of every worker but received none in ${shown.join(', ')}${rest}; copy the folders work/ of those machines into this corpus, then collect again.`,
  );
}

const otherBytes = (part: string): UserError =>
  new UserError(
    `Expected the pictures of a worker in ${part} but received only a part, or others; copy that folder once more, then collect again.`,
  );
