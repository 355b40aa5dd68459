/** Takes hosts whose time has come, with the first of their URLs. Who takes a host is the only one to ask it until it lets go. */
import { readAnew } from '../frontier/revisit.ts';
import { kinds, type UrlKind } from '../frontier/schema.ts';
import { steadyNow } from '../policy/clock.ts';
import { priority } from '../policy/priority.ts';
import type { ReferrerPolicy } from '../policy/referrer.ts';
import type { Lease } from './lease.ts';
import type { Visited } from './revisits.ts';
import type { Store } from './store.ts';
import { takenDownAmong } from './taken-down.ts';

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
  /** Of a page or sitemap that was visited before. */
  readonly visited: Visited | null;
  /** Some folder that collects has taken it down. */
  readonly isTakenDown: boolean;
  tries: number;
  /** Of workers, by what is known (suspects.ts). */
  readonly deaths: number;
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

export interface Wanted {
  /** Hosts and URLs of each, at most. */
  readonly hosts: number;
  readonly perHost: number;
  /** No URLs but pictures and sitemaps of these hosts. */
  readonly onlyPicturesOf?: readonly string[];
}

/** Every priority is above. */
const anyPriority = -32_768;

/** Hosts whose time has come, with URLs; none for a worker that was declared dead. */
export async function takeHosts(
  store: Store,
  lease: Lease,
  { hosts, perHost, onlyPicturesOf }: Wanted,
): Promise<TakenHost[]> {
  const [of, values] = onlyPicturesOf === undefined ? ['', []] : ['AND id = ANY ($3::bigint[])', [onlyPicturesOf]];
  const taken = await store.query<Omit<TakenHost, 'urls'> & { readonly isAnyTakenDown: boolean }>(
    `WITH me AS MATERIALIZED (SELECT id FROM lait.workers WHERE id = $1 AND ended_at IS NULL FOR SHARE),
     ready AS MATERIALIZED (
       SELECT id FROM lait.hosts WHERE waiting AND worker IS NULL AND next_at <= now() AND EXISTS (SELECT FROM me) ${of}
       ORDER BY next_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE lait.hosts h SET worker = $1 FROM ready WHERE h.id = ready.id
     RETURNING h.id, h.name, h.failures, h.pages, h.render_tries AS "renderTries", h.render_gains AS "renderGains",
       EXISTS (SELECT FROM lait.taken_down) AS "isAnyTakenDown"`,
    [lease.id, hosts, ...values],
  );
  if (taken.length === 0) return [];
  const byId = new Map(taken.map(({ isAnyTakenDown: _, ...host }) => [host.id, { ...host, urls: [] as TakenUrl[] }]));
  // A statement of its own: what the one before saw of the queue may be older than its hosts.
  const rows = await store.query<
    Omit<TakenUrl, 'kind' | 'visited' | 'isTakenDown'> & {
      readonly host: string;
      readonly kindNumber: number;
      readonly intervalMs: number | null;
      readonly body: string;
      readonly known: Visited['page'];
      readonly isOfOtherSettings: boolean | null;
    }
  >(
    `SELECT q.host, q.url_host AS "urlHost", q.hash, u.kind AS "kindNumber", u.url, coalesce(q.at, u.written, u.url) AS at, u.written, u.page,
       u.referrer_policy AS "referrerPolicy", q.hops, u.depth, q.priority, q.tries, q.deaths, r.interval_ms AS "intervalMs", r.body, r.page AS known,
       r.read_at < (SELECT whole_at FROM lait.corpus) AS "isOfOtherSettings"
     FROM unnest($1::bigint[]) h (id) CROSS JOIN LATERAL (
       SELECT * FROM lait.queue q WHERE q.host = h.id AND q.priority > $3 AND (q.not_before IS NULL OR q.not_before <= now())
       ORDER BY q.priority DESC, q.seq LIMIT $2) q
     JOIN lait.urls u ON u.host = q.url_host AND u.hash = q.hash
     LEFT JOIN lait.revisits r ON r.host = q.url_host AND r.hash = q.hash
     ORDER BY q.priority DESC, q.seq`,
    [[...byId.keys()], perHost, onlyPicturesOf === undefined ? anyPriority : priority.seed],
  );
  const refused = taken.some(({ isAnyTakenDown }) => isAnyTakenDown) ? await takenDownAmong(store.query, rows) : null;
  for (const row of rows) {
    const { host, kindNumber, intervalMs, body, known, isOfOtherSettings, ...url } = row;
    const isTakenDown = refused?.has(row) ?? false;
    const visit = intervalMs === null ? null : { revisit: { intervalMs, hash: body }, page: known };
    const visited = visit?.page && isOfOtherSettings ? readAnew(visit.page, visit.revisit) : visit;
    byId.get(host)!.urls.push({ ...url, kind: kinds[kindNumber]!, visited, isTakenDown });
  }
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

/** Of these hosts those that have pictures to be fetched, and when the first of them may be asked, by the steady clock. */
export async function picturesLeft(
  store: Store,
  hosts: readonly string[],
): Promise<{ readonly hosts: readonly string[]; readonly readyMs: number }> {
  if (hosts.length === 0) return { hosts, readyMs: Number.POSITIVE_INFINITY };
  const rows = await store.query<{ id: string; held: boolean; ms: number }>(
    `SELECT id, worker IS NOT NULL AS held, extract(epoch FROM next_at - clock_timestamp())::float8 * 1000 AS ms
     FROM lait.hosts h WHERE id = ANY ($1::bigint[]) AND waiting AND EXISTS (
       SELECT FROM lait.queue q WHERE q.host = h.id AND q.priority > $2 AND (q.not_before IS NULL OR q.not_before <= now()))`,
    [hosts, priority.seed],
  );
  const waits = rows.map(({ held, ms }) => Math.max(held ? othersMs : 0, ms));
  return { hosts: rows.map(({ id }) => id), readyMs: steadyNow() + Math.min(...waits) };
}
