/**
 * A scheduled run of a shared crawl queues the pages whose next visit is due, whichever machines are there, each of them as if it were
 * alone: what one has queued is not due for the others, so any of them may be missing, or die on the way.
 */
import type { NewUrl } from '../frontier/schema.ts';
import { retryLockKey } from './move.ts';
import { hostIdOf, hostNameIn, urlHashOf } from './names.ts';
import type { Query, Store } from './store.ts';
import { wake } from './write.ts';

/** A run of a schedule. */
export interface ScheduledRun {
  /** When it was to begin: the same on all machines, whatever their clocks say. */
  readonly at: Date;
  /** All pages that were not visited since, not only those whose time has come. */
  readonly all: boolean;
}

const dueAtOnce = 5000;

/** Queues what is due when a run begins, and was not queued since; gives how many pages, sitemaps and pictures. */
export async function queueDue(store: Store, run: ScheduledRun): Promise<number> {
  return (await queueDueOf(store, 'revisits', run)) + (await queueDueOf(store, 'failures', run));
}

async function queueDueOf(store: Store, table: 'revisits' | 'failures', { at, all }: ScheduledRun): Promise<number> {
  let queued = 0;
  for (;;) {
    const due = await store.atomically(async (query) => {
      await query('SELECT pg_advisory_xact_lock($1)', [retryLockKey]);
      const begunAt = await beginningOf(query, at);
      const rows = await query<Key>(
        `SELECT host, hash FROM lait.${table} WHERE due_at < 'infinity' AND (due_at <= $1 OR ($2::boolean AND read_at < $1))
         ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED`,
        [begunAt, all, dueAtOnce],
      );
      queued += await queueAgain(query, table, rows);
      return rows.length;
    });
    if (due < dueAtOnce) return queued;
  }
}

/** Queues again what earlier visits did not get; with `atOnce` also what is not due. */
export async function queueUnread(
  store: Store,
  urls: readonly Pick<NewUrl, 'kind' | 'url'>[],
  { atOnce = false }: { readonly atOnce?: boolean } = {},
): Promise<void> {
  const [hosts, hashes] = [
    urls.map(({ url }) => hostIdOf(hostNameIn(url))),
    urls.map(({ kind, url }) => urlHashOf(kind, url)),
  ];
  if (urls.length === 0) return;
  await store.atomically(async (query) => {
    await query('SELECT pg_advisory_xact_lock($1)', [retryLockKey]);
    const rows = await query<Key>(
      `SELECT f.host, f.hash FROM lait.failures f JOIN unnest($1::bigint[], $2::uuid[]) d (host, hash) USING (host, hash)
       WHERE f.due_at < 'infinity' AND (f.due_at <= now() OR $3::boolean)`,
      [hosts, hashes, atOnce],
    );
    await queueAgain(query, 'failures', rows);
  });
}

interface Key {
  readonly host: string;
  readonly hash: string;
}

async function queueAgain(query: Query, table: 'revisits' | 'failures', rows: readonly Key[]): Promise<number> {
  if (rows.length === 0) return 0;
  const keys = [rows.map(({ host }) => host), rows.map(({ hash }) => hash)];
  await query(
    `UPDATE lait.${table} r SET due_at = 'infinity' FROM unnest($1::bigint[], $2::uuid[]) d (host, hash)
     WHERE r.host = d.host AND r.hash = d.hash`,
    keys,
  );
  const fresh = await query<{ host: string }>(
    `INSERT INTO lait.queue (host, url_host, hash, priority)
     SELECT u.host, u.host, u.hash, u.priority FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY d (host, hash, n)
       JOIN lait.urls u ON u.host = d.host AND u.hash = d.hash ORDER BY d.n ON CONFLICT DO NOTHING RETURNING host`,
    keys,
  );
  await wake(query, [...new Set(fresh.map(({ host }) => host))]);
  return fresh.length;
}

/**
 * When the first machine came to a run, by the server's clock, as the times of visits are: one of a machine that is ahead of it would take
 * visits of this run for ones before it. With microseconds, which a Date has not.
 */
async function beginningOf(query: Query, at: Date): Promise<string> {
  await query("DELETE FROM lait.runs WHERE begun_at < now() - interval '30 days' AND at <> $1", [at]);
  const [run] = await query<{ begun: string }>(
    `INSERT INTO lait.runs AS r (at) VALUES ($1) ON CONFLICT (at) DO UPDATE SET begun_at = r.begun_at RETURNING begun_at::text AS begun`,
    [at],
  );
  return run!.begun;
}
