/** Queues again, for the workers of a shared crawl, what the ledger of a folder that has collected it calls failed for certain reasons. */
import { collectedBatches } from '../../dataset/ledger/collected.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { UrlKind } from '../frontier/schema.ts';
import { urlsToRetry } from '../retry.ts';
import { namesOf } from './batch.ts';
import { retryLockKey } from './move.ts';
import { hostIdOf, hostNameIn, urlHashOf } from './names.ts';
import { batchesInOrder } from './record.ts';
import { openSharedCorpus } from './schema.ts';
import { openStore, type Query, type Store, storeFault } from './store.ts';
import { wake } from './write.ts';

const urlsPerStatement = 5000;

/**
 * Returns how many pages (and sitemaps) and images were queued. What waits already stays as it is, and so does what workers have fetched
 * since the folder collected: whether that failed too is known when it is collected. Throws UserErrors as `retry` of a folder does.
 */
export async function retryShared(
  { url, reasons }: { readonly url: string; readonly reasons: readonly string[] },
  { ledger }: { readonly ledger: Ledger },
): Promise<{ readonly pages: number; readonly images: number }> {
  const { pages, images } = urlsToRetry(ledger, reasons);
  const store = await openStore({ url, connections: 1, isKept: true, onlyLookups: true });
  try {
    // Of the connection, of which there is one. A crawl that is moved out meanwhile is there no more.
    await store.query('SELECT pg_advisory_lock($1)', [retryLockKey]);
    const corpus = await openSharedCorpus(store, { create: false });
    const wanted = [...named(pages, 'page'), ...named(pages, 'sitemap'), ...named(images, 'image')];
    const queued = await queuedAmong(store, wanted);
    // Read after the queue: what has left it since was fetched in a batch that this sees.
    const fetched = await fetchedSince(store, collectedBatches(ledger, corpus.id));
    const left = wanted.filter(({ hash }) => !queued.has(hash) && !fetched.has(hash));
    // What says that a file of an origin could not be had is asked for again, as in a folder.
    await store.query(
      `DELETE FROM lait.origins WHERE rules::json #>> '{robots,kind}' = 'unavailable' OR (rules::json ->> 'failures')::float8 > 0`,
    );
    return {
      pages: await requeue(
        store,
        left.filter(({ kind }) => kind !== 'image'),
      ),
      images: await requeue(
        store,
        left.filter(({ kind }) => kind === 'image'),
      ),
    };
  } catch (error) {
    throw storeFault(error, store.place, { isRunning: true });
  } finally {
    await store.close();
  }
}

/** A URL by its key in the tables. */
interface Named {
  readonly kind: UrlKind;
  readonly host: string;
  readonly hash: string;
}

const named = (urls: readonly string[], kind: UrlKind): Named[] =>
  urls.map((url) => ({ kind, host: hostIdOf(hostNameIn(url)), hash: urlHashOf(kind, url) }));

function* some<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += urlsPerStatement) yield all.slice(at, at + urlsPerStatement);
}

/** The hashes of those that wait. */
async function queuedAmong({ query }: Store, all: readonly Named[]): Promise<ReadonlySet<string>> {
  const queued = new Set<string>();
  for (const part of some(all)) {
    const rows = await query<{ hash: string }>(
      `SELECT hash FROM unnest($1::bigint[], $2::uuid[]) r (host, hash)
       WHERE EXISTS (SELECT FROM lait.queue q WHERE q.url_host = r.host AND q.hash = r.hash)`,
      [part.map(({ host }) => host), part.map(({ hash }) => hash)],
    );
    for (const { hash } of rows) queued.add(hash);
  }
  return queued;
}

/** The hashes of all that is finished in batches after those that were collected. */
async function fetchedSince(store: Store, collected: ReadonlyMap<string, number>): Promise<ReadonlySet<string>> {
  const workers = await store.query<{ worker: string; to: number }>(
    'SELECT id AS worker, batch::float8 AS "to" FROM lait.workers WHERE batch > 0',
  );
  const fetched = new Set<string>();
  const spans = workers.map(({ worker, to }) => ({ worker, from: collected.get(worker) ?? 0, to }));
  for await (const { outcomes } of batchesInOrder(store, spans)) {
    for (const one of outcomes) for (const url of namesOf(one)) fetched.add(urlHashOf(one.kind, url));
  }
  return fetched;
}

async function requeue(store: Store, all: readonly Named[]): Promise<number> {
  let queued = 0;
  for (const part of some(all)) queued += await store.atomically((query) => requeueSome(query, part));
  return queued;
}

/** A host that failed so often that it rests goes on resting; its failures count from none then. */
async function requeueSome(query: Query, urls: readonly Named[]): Promise<number> {
  const rows = await query<{ host: string }>(
    `INSERT INTO lait.queue (host, url_host, hash, priority)
     SELECT u.host, u.host, u.hash, u.priority FROM unnest($1::bigint[], $2::uuid[]) r (host, hash)
       JOIN lait.urls u ON u.host = r.host AND u.hash = r.hash
     WHERE NOT EXISTS (SELECT FROM lait.queue q WHERE q.url_host = r.host AND q.hash = r.hash)
     ORDER BY u.host, u.hash ON CONFLICT DO NOTHING RETURNING host`,
    [urls.map(({ host }) => host), urls.map(({ hash }) => hash)],
  );
  const hosts = [...new Set(rows.map(({ host }) => host))];
  // Pages are read whole, also where they have not changed.
  await query(
    `UPDATE lait.revisits r SET body = '', page = (r.page::jsonb || '{"etag": null, "lastModified": null}')::json
     FROM unnest($1::bigint[], $2::uuid[]) u (host, hash) WHERE r.host = u.host AND r.hash = u.hash`,
    [urls.map(({ host }) => host), urls.map(({ hash }) => hash)],
  );
  await query(
    `WITH failed AS (
       SELECT id FROM lait.hosts WHERE id = ANY ($1::bigint[]) AND failures > 0 ORDER BY id FOR NO KEY UPDATE)
     UPDATE lait.hosts h SET failures = 0 FROM failed f WHERE h.id = f.id`,
    [hosts],
  );
  await wake(query, hosts);
  return rows.length;
}
