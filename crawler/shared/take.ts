/** Takes hosts whose time has come, with the first of their URLs. Who takes a host is the only one to ask it until it lets go. */
import { kinds, type UrlKind } from '../frontier/schema.ts';
import { steadyNow } from '../policy/clock.ts';
import type { ReferrerPolicy } from '../policy/referrer.ts';
import type { Lease } from './lease.ts';
import type { Store } from './store.ts';

/** A URL of the queue. */
export interface TakenUrl {
  readonly urlHost: string;
  readonly hash: string;
  readonly kind: UrlKind;
  readonly url: string;
  readonly at: string;
  readonly written: string | null;
  readonly page: string | null;
  readonly referrerPolicy: ReferrerPolicy | null;
  readonly hops: number;
  readonly depth: number;
  readonly priority: number;
  tries: number;
}

export interface TakenHost {
  readonly id: string;
  readonly name: string;
  readonly failures: number;
  readonly pages: number;
  readonly renderTries: number;
  readonly renderGains: number;
  readonly urls: TakenUrl[];
}

/** Up to `hosts` of them with up to `perHost` URLs each; none for a worker that was declared dead. */
export async function takeHosts(
  store: Store,
  lease: Lease,
  { hosts, perHost }: { readonly hosts: number; readonly perHost: number },
): Promise<TakenHost[]> {
  const taken = await store.query<Omit<TakenHost, 'urls'> & { readonly alive: boolean }>(
    `WITH me AS MATERIALIZED (SELECT id FROM lait.workers WHERE id = $1 AND ended_at IS NULL FOR KEY SHARE),
     ready AS MATERIALIZED (
       SELECT id FROM lait.hosts WHERE waiting AND worker IS NULL AND next_at <= now() AND EXISTS (SELECT FROM me)
       ORDER BY next_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE lait.hosts h SET worker = $1 FROM ready WHERE h.id = ready.id
     RETURNING h.id, h.name, h.failures, h.pages, h.render_tries AS "renderTries", h.render_gains AS "renderGains"`,
    [lease.id, hosts],
  );
  if (taken.length === 0) return [];
  const byId = new Map(taken.map((host) => [host.id, { ...host, urls: [] as TakenUrl[] }]));
  // A statement of its own: what the one before saw of the queue may be older than its hosts.
  const rows = await store.query<TakenUrl & { readonly host: string; readonly kindNumber: number }>(
    `SELECT q.host, q.url_host AS "urlHost", q.hash, u.kind AS "kindNumber", u.url, coalesce(q.at, u.written, u.url) AS at, u.written, u.page,
       u.referrer_policy AS "referrerPolicy", q.hops, u.depth, q.priority, q.tries
     FROM unnest($1::bigint[]) h (id) CROSS JOIN LATERAL (
       SELECT * FROM lait.queue q WHERE q.host = h.id AND (q.not_before IS NULL OR q.not_before <= now())
       ORDER BY q.priority DESC, q.seq LIMIT $2) q
     JOIN lait.urls u ON u.host = q.url_host AND u.hash = q.hash
     ORDER BY q.priority DESC, q.seq`,
    [[...byId.keys()], perHost],
  );
  for (const { host, kindNumber, ...url } of rows) byId.get(host)!.urls.push({ ...url, kind: kinds[kindNumber]! });
  const empty = [...byId.values()].filter(({ urls }) => urls.length === 0).map(({ id }) => id);
  if (empty.length > 0) await idle(store, lease, empty);
  return [...byId.values()].filter(({ urls }) => urls.length > 0);
}

/**
 * Lets go of hosts without a URL that may be fetched now. Who is queueing one holds a lock on its host (the foreign key), for which
 * the first statement waits; the second sees what it queued.
 */
async function idle(store: Store, lease: Lease, hosts: readonly string[]): Promise<void> {
  await store.atomically(async (query) => {
    const held = await query<{ id: string }>(
      'SELECT id FROM lait.hosts WHERE id = ANY ($1::bigint[]) AND worker = $2 ORDER BY id FOR UPDATE',
      [hosts, lease.id],
    );
    await query(
      `UPDATE lait.hosts h SET worker = NULL,
         waiting = EXISTS (SELECT FROM lait.queue q WHERE q.host = h.id AND (q.not_before IS NULL OR q.not_before <= now())),
         wake_at = (SELECT min(q.not_before) FROM lait.queue q WHERE q.host = h.id AND q.not_before > now())
       WHERE id = ANY ($1::bigint[])`,
      [held.map(({ id }) => id)],
    );
  });
}

/** Frees hosts that this worker has taken without knowing. */
export async function letGoOfOthers(store: Store, { id }: Lease, held: readonly string[]): Promise<void> {
  await store.query('UPDATE lait.hosts SET worker = NULL WHERE worker = $1 AND NOT id = ANY ($2::bigint[])', [
    id,
    held,
  ]);
}

/** While others may find some, in ms. */
const othersMs = 250;

/** When the next free host is ready, by the steady clock; soon while other workers have hosts, which may lead to more. */
export async function nextReady(store: Store, { id }: Lease): Promise<number> {
  const [row] = await store.query<{ others: boolean; ms: number | null }>(
    `SELECT EXISTS (SELECT FROM lait.hosts WHERE worker IS NOT NULL AND worker <> $1) AS others,
       extract(epoch FROM least(
         (SELECT min(next_at) FROM lait.hosts WHERE waiting AND worker IS NULL),
         (SELECT min(wake_at) FROM lait.hosts WHERE wake_at IS NOT NULL)) - clock_timestamp())::float8 * 1000 AS ms`,
    [id],
  );
  const { others, ms } = row!;
  if (others) return steadyNow() + othersMs;
  return ms === null ? Number.POSITIVE_INFINITY : steadyNow() + Math.max(ms, 0);
}
