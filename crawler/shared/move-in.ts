/**
 * Moves what a folder is still to fetch into a store, for many machines: queue, clocks of hosts, what is known of origins, and what traps and
 * decoration are recognised by. One transaction: killed, nothing of it is there. The folder keeps its ledger, into which the workers'
 * finds are collected, and its frontier as it is, which the way back brings up to date.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { withCleanup } from '../../dataset/cleanup.ts';
import { corpusMark } from '../../dataset/ledger/corpus-mark.ts';
import { pageOfImage } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { UserError } from '../../dataset/user-error.ts';
import { holdFrontier } from '../frontier/open.ts';
import { kinds, suspendedMs } from '../frontier/schema.ts';
import { steadyNow } from '../policy/clock.ts';
import { inParts, keepWorkersOut, type Moved, type MoveWatch, openForMove, stoppable } from './move.ts';
import { hostIdOf, hostNameIn, urlHashOf, uuidOf } from './names.ts';
import { openSharedCorpus } from './schema.ts';
import { type Query, type Store, storeFault } from './store.ts';
import { tellTakenDown } from './taken-down.ts';
import { addSeeds } from './write.ts';

/** Moves a folder's frontier into an empty store. Throws a UserError for a store that has another crawl. */
export async function moveIn(
  { corpusDir, url, leaseMs }: { readonly corpusDir: string; readonly url: string; readonly leaseMs?: number },
  { ledger, onProgress = () => {}, signal }: MoveWatch,
): Promise<Moved> {
  return withCleanup(async (defer) => {
    const frontier = holdFrontier(corpusDir, ledger, defer);
    if (frontier.isEmpty()) {
      throw new UserError(`Expected a crawl in ${corpusDir} but there is none; \`lait work\` begins one in the store.`);
    }
    const db = new Database(join(corpusDir, 'frontier.db'), { readonly: true });
    defer(() => db.close());
    const store = await openForMove(url);
    defer(() => store.close());
    await openSharedCorpus(store, { create: 'again', ...(leaseMs === undefined ? {} : { leaseMs }) });
    try {
      return await store.atomically(async (unstopped) => {
        const query = stoppable(unstopped, signal);
        await keepWorkersOut(query);
        const { id } = corpusMark(ledger);
        if (await isMoved(query, store, id)) return { ...(await countsOf(query)), isKnown: true };
        await moveHosts(query, db);
        await moveUrls(query, db, ledger, onProgress);
        await moveOrigins(query, db);
        await moveSigns(query, db, ledger);
        await addSeeds(query, frontier.seeds());
        await tellTakenDown(query, ledger);
        await query('UPDATE lait.corpus SET ledger = $1', [id]);
        return { ...(await countsOf(query)), isKnown: false };
      });
    } catch (error) {
      throw storeFault(error, store.place, { isRunning: true });
    }
  });
}

/** Whether the store has this folder's crawl already. */
async function isMoved(query: Query, { place }: Store, id: string): Promise<boolean> {
  const [row] = await query<{ ledger: string | null; used: boolean }>(
    'SELECT ledger, EXISTS (SELECT FROM lait.urls) OR EXISTS (SELECT FROM lait.workers) AS used FROM lait.corpus',
  );
  if (row!.ledger === id) return true;
  if (!row!.used) return false;
  throw new UserError(
    `Expected an empty store at ${place} but received one with another crawl; name another database.`,
  );
}

async function countsOf(query: Query): Promise<Omit<Moved, 'isKnown'>> {
  const [row] = await query<{ [Key in keyof Omit<Moved, 'isKnown'>]: number }>(
    `SELECT (SELECT count(*) FROM lait.hosts)::float8 AS hosts, (SELECT count(*) FROM lait.urls)::float8 AS urls,
       (SELECT count(*) FROM lait.queue)::float8 AS queued, (SELECT count(*) FROM lait.origins)::float8 AS origins`,
  );
  return row!;
}

type Row = Readonly<Record<string, string | number | null>>;

const rowsIn = (db: Database.Database, sql: string): Iterable<Row> => db.prepare(sql).iterate() as Iterable<Row>;

/** From now on, in ms; what lies in the far future belonged to a request that is over. */
const leftMs = (atMs: number): number => (atMs >= suspendedMs ? 0 : Math.max(0, atMs - steadyNow()));

async function moveHosts(query: Query, db: Database.Database): Promise<void> {
  for (const part of inParts(rowsIn(db, 'SELECT * FROM hosts'))) {
    await query(
      `INSERT INTO lait.hosts (id, name, next_at, pages, failures, render_tries, render_gains, read_pages)
       SELECT id, name, now() + ms * interval '1 ms', pages, failures, tries, gains, read
       FROM unnest($1::bigint[], $2::text[], $3::float8[], $4::int[], $5::int[], $6::int[], $7::int[], $8::int[])
         h (id, name, ms, pages, failures, tries, gains, read)`,
      [
        part.map(({ name }) => hostIdOf(String(name))),
        part.map(({ name }) => name),
        part.map(({ next_at_ms }) => leftMs(Number(next_at_ms))),
        part.map(({ pages }) => pages),
        part.map(({ failures }) => failures),
        part.map(({ render_tries }) => render_tries),
        part.map(({ render_gains }) => render_gains),
        part.map(({ read_pages }) => read_pages),
      ],
    );
  }
}

async function moveUrls(
  query: Query,
  db: Database.Database,
  ledger: Ledger,
  onProgress: (urls: number) => void,
): Promise<void> {
  let moved = 0;
  // The queue keeps the order in which URLs were found.
  const sql = `SELECT u.*, h.name, h.put_off_until_ms, r.url_id IS NOT NULL AS is_due_again FROM urls u JOIN hosts h ON h.id = u.host_id
    LEFT JOIN revisits r ON r.url_id = u.id AND r.due_at_ms = ${suspendedMs} ORDER BY u.id`;
  for (const part of inParts(rowsIn(db, sql))) {
    const keyed = part.map((row) => ({
      ...row,
      url: String(row.url),
      host: hostIdOf(hostNameIn(String(row.url))),
      hash: urlHashOf(kinds[Number(row.kind)]!, String(row.url)),
    })) as readonly (Row & { readonly url: string; readonly host: string; readonly hash: string })[];
    // One that moved to another host may be of one that nothing else is of.
    await query(
      `INSERT INTO lait.hosts (id, name) SELECT DISTINCT ON (id) id, name FROM unnest($1::bigint[], $2::text[]) n (id, name)
       ON CONFLICT DO NOTHING`,
      [keyed.map(({ host }) => host), keyed.map(({ url }) => hostNameIn(url))],
    );
    await query(
      `INSERT INTO lait.urls (host, hash, kind, url, depth, priority, written, referrer_policy, page)
       SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::text[], $5::smallint[], $6::smallint[], $7::text[], $8::text[], $9::text[])`,
      [
        keyed.map(({ host }) => host),
        keyed.map(({ hash }) => hash),
        keyed.map(({ kind }) => kind),
        keyed.map(({ url }) => url),
        keyed.map(({ depth }) => depth),
        keyed.map((row) => row.priority),
        keyed.map(({ written }) => written),
        keyed.map(({ referrer_policy }) => referrer_policy),
        keyed.map(({ kind, url }) => (kinds[Number(kind)] === 'image' ? (pageOfImage(ledger, url) ?? null) : null)),
      ],
    );
    // Workers know no earlier visit: what is due again waits in the folder for the way back.
    const queued = keyed.filter(({ state, is_due_again }) => state !== finished && is_due_again === 0);
    await query(
      `INSERT INTO lait.queue (url_host, hash, host, priority, tries, hops, at, not_before)
       SELECT url_host, hash, host, priority, tries, hops, at, now() + ms * interval '1 ms'
       FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::smallint[], $5::smallint[], $6::smallint[], $7::text[], $8::float8[])
         WITH ORDINALITY q (url_host, hash, host, priority, tries, hops, at, ms, n) ORDER BY n`,
      [
        queued.map(({ host }) => host),
        queued.map(({ hash }) => hash),
        queued.map(({ name }) => hostIdOf(String(name))),
        queued.map((row) => row.priority),
        queued.map(({ tries }) => tries),
        queued.map(({ hops }) => hops),
        queued.map(({ at }) => at),
        queued.map(({ state, put_off_until_ms }) => (state === putOff ? leftMs(Number(put_off_until_ms)) : null)),
      ],
    );
    moved += part.length;
    onProgress(moved);
  }
  await query(
    `UPDATE lait.hosts h SET waiting = q.waiting, wake_at = q.wake_at FROM (
       SELECT host, bool_or(not_before IS NULL) AS waiting, min(not_before) AS wake_at FROM lait.queue GROUP BY host) q
     WHERE h.id = q.host`,
  );
}

/** States of a URL in a frontier. */
const [finished, putOff] = [2, 3];

async function moveOrigins(query: Query, db: Database.Database): Promise<void> {
  for (const part of inParts(rowsIn(db, 'SELECT origin, rules, until_ms FROM origins'))) {
    await query(
      `INSERT INTO lait.origins (hash, key, rules, until_at)
       SELECT hash, key, rules, now() + ms * interval '1 ms' FROM unnest($1::uuid[], $2::text[], $3::text[], $4::float8[]) o (hash, key, rules, ms)`,
      [
        part.map(({ origin }) => uuidOf(String(origin))),
        part.map(({ origin }) => origin),
        part.map(({ rules }) => String(rules).replaceAll('\0', '')),
        part.map(({ until_ms }) => Number(until_ms) - steadyNow()),
      ],
    );
  }
}

/** What decoration and traps are recognised by, and what sitemaps say. */
async function moveSigns(query: Query, db: Database.Database, ledger: Ledger): Promise<void> {
  const sightings = 'SELECT h.name, s.url, s.pages FROM sightings s JOIN hosts h ON h.id = s.host_id';
  for (const part of inParts(rowsIn(db, sightings))) {
    await query(
      'INSERT INTO lait.sightings (host, hash, url, pages) SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::int[])',
      [
        part.map(({ name }) => hostIdOf(String(name))),
        part.map(({ url }) => uuidOf(String(url))),
        part.map(({ url }) => url),
        part.map(({ pages }) => pages),
      ],
    );
  }
  for (const part of inParts(rowsIn(db, 'SELECT * FROM patterns'))) {
    await query(
      `INSERT INTO lait.patterns (key, fertile, barren, pictured, pictureless)
       SELECT * FROM unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::int[])`,
      ['key', 'fertile', 'barren', 'pictured', 'pictureless'].map((column) => part.map((row) => row[column])),
    );
  }
  for (const part of inParts(rowsIn(db, 'SELECT key FROM page_texts'))) {
    await query('INSERT INTO lait.page_texts (key) SELECT * FROM unnest($1::bigint[])', [part.map(({ key }) => key)]);
  }
  for (const part of inParts(rowsIn(db, 'SELECT * FROM sitemap_texts'))) {
    await query(
      `INSERT INTO lait.sitemap_texts (page, hash, page_url, image_url, text, image_written)
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) ON CONFLICT DO NOTHING`,
      [
        part.map(({ page_url }) => uuidOf(String(page_url))),
        part.map(({ image_url, text }) => uuidOf(`${image_url}\n${text}`)),
        part.map(({ page_url }) => page_url),
        part.map(({ image_url }) => image_url),
        part.map(({ text }) => String(text).replaceAll('\0', '')),
        part.map(({ image_written }) => image_written),
      ],
    );
  }
  const pages = `SELECT url FROM pages WHERE status IN ('fetched', 'unchanged') AND url >= 'http' AND url < 'httq'`;
  for (const part of inParts(rowsIn(ledger.db, pages))) {
    await query('INSERT INTO lait.read_pages (hash) SELECT * FROM unnest($1::uuid[]) ON CONFLICT DO NOTHING', [
      part.map(({ url }) => uuidOf(String(url))),
    ]);
  }
}
