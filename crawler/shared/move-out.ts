/**
 * Moves a shared crawl back into the folder that has collected it: what waits, the clocks of hosts, and what is known of origins. The frontier is
 * written as one transaction; then the store is put aside under another name, so that no worker goes on with what is elsewhere. Killed
 * in between, the same again does the rest.
 */
import type Database from 'better-sqlite3';
import { withCleanup } from '../../dataset/cleanup.ts';
import { collectedBatches } from '../../dataset/ledger/collected.ts';
import { corpusMark } from '../../dataset/ledger/corpus-mark.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { Frontier } from '../frontier/frontier.ts';
import { holdFrontier } from '../frontier/open.ts';
import { suspendedMs } from '../frontier/schema.ts';
import { steadyNow } from '../policy/clock.ts';
import { withoutHosts } from '../policy/url.ts';
import { reap } from './lease.ts';
import { keepWorkersOut, type Moved, type MoveWatch, openForMove, rowsOf, stoppable } from './move.ts';
import { openSharedCorpus } from './schema.ts';
import { type Query, type Store, storeFault } from './store.ts';

/** To be called when all is collected. Throws a UserError while workers are alive, or some of what they have found is not in the folder. */
export async function moveOut(
  { corpusDir, url }: { readonly corpusDir: string; readonly url: string },
  { ledger, onProgress = () => {}, signal }: MoveWatch,
): Promise<Moved & { /** The schema in which the store is kept. */ readonly keptIn: string }> {
  return withCleanup(async (defer) => {
    const frontier = holdFrontier(corpusDir, ledger, defer);
    const store = await openForMove(url);
    defer(() => store.close());
    const corpus = await openSharedCorpus(store, { create: false });
    try {
      await checkWorkers(store, corpus.leaseMs);
      return await store.atomically(async (unstopped) => {
        const query = stoppable(unstopped, signal);
        await keepWorkersOut(query);
        // One may have entered since.
        await refuseAlive(query, store, corpus.leaseMs);
        await checkCollected(query, store, { ledger, id: corpus.id });
        const moved = await inOneTransaction(frontier, () => bring(query, frontier, onProgress));
        await query('UPDATE lait.corpus SET ledger = $1', [corpusMark(ledger).id]);
        const keptIn = `lait_moved_${corpus.id.slice(0, 8)}`;
        await query(`ALTER SCHEMA lait RENAME TO ${keptIn}`);
        return { ...moved, isKnown: false, keptIn };
      });
    } catch (error) {
      throw storeFault(error, store.place, { isRunning: true });
    }
  });
}

/**
 * The schema in which a crawl is kept that was moved out of this store into the folder of this ledger; null where one is still in the store, or
 * none ever was.
 */
export async function movedOutTo(url: string, ledger: Ledger): Promise<string | null> {
  const store = await openForMove(url);
  try {
    const { id } = corpusMark(ledger);
    const kept = await store.query<{ name: string; quoted: string }>(
      `SELECT nspname AS name, quote_ident(nspname) AS quoted FROM pg_namespace
       WHERE nspname LIKE 'lait\\_moved\\_%' AND to_regnamespace('lait') IS NULL ORDER BY oid DESC`,
    );
    for (const { name, quoted } of kept) {
      const [row] = await store.query<{ ledger: string | null }>(`SELECT ledger FROM ${quoted}.corpus`);
      // An earlier version of lait did not say of all into which folder they went.
      if (row !== undefined && (row.ledger ?? id) === id) return name;
    }
    return null;
  } catch (error) {
    throw storeFault(error, store.place);
  } finally {
    await store.close();
  }
}

async function checkWorkers(store: Store, leaseMs: number): Promise<void> {
  await reap(store, leaseMs);
  await refuseAlive(store.query, store, leaseMs);
}

async function refuseAlive(query: Query, store: Store, leaseMs: number): Promise<void> {
  const alive = await query<{ machine: string }>('SELECT machine FROM lait.workers WHERE ended_at IS NULL LIMIT 3');
  if (alive.length === 0) return;
  const machines = alive.map(({ machine }) => machine).join(', ');
  throw new UserError(
    `Expected no worker of ${store.place} at work but received one on ${machines}; stop them (Ctrl-C), or wait ${leaseMs / 1000} s for one that was killed.`,
  );
}

/** With the workers kept out: what none of them can add to any more. */
async function checkCollected(
  query: Query,
  { place }: Store,
  { ledger, id }: { readonly ledger: Ledger; readonly id: string },
): Promise<void> {
  const workers = await query<{ id: string; batch: number }>('SELECT id, batch::float8 AS batch FROM lait.workers');
  const known = collectedBatches(ledger, id);
  const left = workers.filter((one) => one.batch > (known.get(one.id) ?? 0)).map((one) => one.id);
  if (left.length > 0) {
    throw new UserError(
      `Expected all that workers of ${place} have found in the folder but received some that is not (workers ${left.join(', ')}); run \`lait collect\`, then the same command again.`,
    );
  }
  const [row] = await query<{ ledger: string | null }>('SELECT ledger FROM lait.corpus');
  if (row!.ledger === null || row!.ledger === corpusMark(ledger).id) return;
  throw new UserError(
    `Expected the folder from which the crawl of ${place} was moved but received another corpus; use the folder that it came from.`,
  );
}

async function inOneTransaction<T>({ db }: Frontier, work: () => Promise<T>): Promise<T> {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = await work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

async function bring(
  query: Query,
  frontier: Frontier,
  onProgress: (urls: number) => void,
): Promise<Omit<Moved, 'isKnown'>> {
  const { db } = frontier;
  const hosts = await bringHosts(query, db);
  // Of equals the one that was found first is asked first: those that wait get their numbers in the order of the queue.
  const queued = await bringQueue(query, db);
  const urls = queued + (await bringFinished(query, db, onProgress));
  const origins = await bringOrigins(query, frontier);
  await bringSigns(query, db);
  const [row] = await query<{ followed: string | null }>('SELECT followed FROM lait.corpus');
  const [theirs, own] = [row!.followed, frontier.followed()];
  // Workers compare their settings without the hosts of seeds: where nothing else differs the folder's own stay, with its hosts.
  if (theirs !== null && (own === null || withoutHosts(own) !== theirs)) frontier.setFollowed(theirs);
  return { hosts, urls, queued, origins };
}

/** By the clock of this machine; 0 for what is over. */
const atMs = (leftMs: number): number => (leftMs > 0 ? Math.round(steadyNow() + leftMs) : 0);

async function bringHosts(query: Query, db: Database.Database): Promise<number> {
  const write = db.prepare(
    `INSERT INTO hosts (name, next_at_ms, pages, failures, render_tries, render_gains, read_pages) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET next_at_ms = excluded.next_at_ms, pages = excluded.pages, failures = excluded.failures,
       render_tries = excluded.render_tries, render_gains = excluded.render_gains,
       read_pages = excluded.read_pages`,
  );
  let hosts = 0;
  const sql = `SELECT name, extract(epoch FROM next_at - now())::float8 * 1000 AS ms, pages, failures, render_tries, render_gains,
     coalesce(read_pages, pages) AS read_pages FROM lait.hosts`;
  for await (const row of rowsOf<Record<string, number>>(query, 'hosts', sql)) {
    write.run(row.name, atMs(row.ms!), row.pages, row.failures, row.render_tries, row.render_gains, row.read_pages);
    hosts += 1;
  }
  return hosts;
}

/** A URL as the store has it, for `insertUrl`. */
type UrlRow = { readonly name: string; readonly ms: number | null } & Record<string, unknown>;

const urlColumns = 'u.url, u.kind, u.depth, u.written, u.referrer_policy AS "referrerPolicy"';

/** What is due again and does not wait in the store waits in the folder still: it was not moved. */
const insertUrl = (db: Database.Database): Database.Statement =>
  db.prepare(
    `INSERT INTO urls (url, kind, host_id, depth, priority, state, tries, at, hops, written, referrer_policy)
     VALUES (@url, @kind, (SELECT id FROM hosts WHERE name = @name), @depth, @priority, @state, @tries, @at, @hops, @written, @referrerPolicy)
     ON CONFLICT (url, kind) DO UPDATE SET
       state = iif(excluded.state = 2 AND EXISTS (SELECT 1 FROM revisits WHERE url_id = urls.id AND due_at_ms = ${suspendedMs}), state, excluded.state),
       tries = excluded.tries, at = excluded.at, hops = excluded.hops, priority = excluded.priority, host_id = excluded.host_id`,
  );

async function bringQueue(query: Query, db: Database.Database): Promise<number> {
  const write = insertUrl(db);
  const untilMs = new Map<string, number>();
  let queued = 0;
  const sql = `SELECT ${urlColumns}, h.name, q.tries, q.hops, q.at, q.priority, extract(epoch FROM q.not_before - now())::float8 * 1000 AS ms
     FROM lait.queue q JOIN lait.urls u ON u.host = q.url_host AND u.hash = q.hash JOIN lait.hosts h ON h.id = q.host ORDER BY q.seq`;
  for await (const { ms, ...row } of rowsOf<UrlRow>(query, 'queue', sql)) {
    const isPutOff = ms !== null && ms > 0;
    write.run({ ...row, state: isPutOff ? 3 : 0 });
    if (isPutOff) untilMs.set(row.name, Math.min(atMs(ms), untilMs.get(row.name) ?? Number.POSITIVE_INFINITY));
    queued += 1;
  }
  const putOff = db.prepare('UPDATE hosts SET put_off_until_ms = ? WHERE name = ?');
  db.exec('UPDATE hosts SET put_off_until_ms = 0');
  for (const [name, ms] of untilMs) putOff.run(ms, name);
  return queued;
}

/** What the store knows and does not wait in it; then hosts are told how many of their URLs wait. */
async function bringFinished(query: Query, db: Database.Database, onProgress: (urls: number) => void): Promise<number> {
  const write = insertUrl(db);
  let urls = 0;
  const sql = `SELECT ${urlColumns}, h.name, 0 AS tries, 0 AS hops, NULL AS at, u.priority FROM lait.urls u JOIN lait.hosts h ON h.id = u.host
     WHERE NOT EXISTS (SELECT FROM lait.queue q WHERE q.url_host = u.host AND q.hash = u.hash)`;
  for await (const row of rowsOf<UrlRow>(query, 'finished', sql)) {
    write.run({ ...row, state: 2 });
    urls += 1;
    if (urls % 5000 === 0) onProgress(urls);
  }
  db.exec(`UPDATE hosts SET active = 0, queued = (SELECT count(*) FROM urls WHERE host_id = hosts.id AND state = 0),
    put_off = (SELECT count(*) FROM urls WHERE host_id = hosts.id AND state = 3)`);
  return urls;
}

async function bringOrigins(query: Query, frontier: Frontier): Promise<number> {
  let origins = 0;
  const sql = `SELECT key, rules, extract(epoch FROM until_at - now())::float8 * 1000 AS ms FROM lait.origins WHERE key IS NOT NULL`;
  for await (const { key, rules, ms } of rowsOf<{ key: string; rules: string; ms: number }>(query, 'origins', sql)) {
    frontier.setOrigin(key, rules, Math.round(steadyNow() + ms));
    origins += 1;
  }
  return origins;
}

async function bringSigns(query: Query, db: Database.Database): Promise<void> {
  const sighting = db.prepare(
    `INSERT INTO sightings (host_id, url, pages) VALUES ((SELECT id FROM hosts WHERE name = ?), ?, ?)
     ON CONFLICT DO UPDATE SET pages = excluded.pages`,
  );
  const sightings = `SELECT h.name, s.url, s.pages FROM lait.sightings s JOIN lait.hosts h ON h.id = s.host`;
  for await (const row of rowsOf<Record<string, unknown>>(query, 'sightings', sightings)) {
    sighting.run(row.name, row.url, row.pages);
  }
  const pattern = db.prepare(
    `INSERT INTO patterns (key, fertile, barren, pictured, pictureless) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET fertile = excluded.fertile, barren = excluded.barren, pictured = excluded.pictured,
       pictureless = excluded.pictureless`,
  );
  for await (const row of rowsOf<Record<string, string>>(query, 'patterns', 'SELECT * FROM lait.patterns')) {
    pattern.run(BigInt(row.key!), row.fertile, row.barren, row.pictured, row.pictureless);
  }
  const text = db.prepare('INSERT INTO page_texts (key) VALUES (?) ON CONFLICT DO NOTHING');
  for await (const { key } of rowsOf<{ key: string }>(query, 'page_texts', 'SELECT key FROM lait.page_texts')) {
    text.run(BigInt(key));
  }
  const sitemap = db.prepare(
    'INSERT INTO sitemap_texts (page_url, image_url, text, image_written) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const sitemaps = 'SELECT page_url, image_url, text, image_written FROM lait.sitemap_texts';
  for await (const row of rowsOf<Record<string, unknown>>(query, 'sitemap_texts', sitemaps)) {
    sitemap.run(row.page_url, row.image_url, row.text, row.image_written);
  }
}
