/**
 * A worker's place among the others: a number that is never given twice, and a heartbeat. Who is not heard of for the length of a
 * lease is declared dead by whoever notices; its hosts are free then, and nothing that it commits later is taken. Between
 * processes only the database's clock counts, and on this machine only time that has passed.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { expected, UserError } from '../../dataset/user-error.ts';
import { steadyNow } from '../policy/clock.ts';
import { isTransient, type Store } from './store.ts';
import { countDeaths } from './suspects.ts';

export interface Lease {
  /** The worker's number. */
  readonly id: string;
  /** Batches committed. */
  batch: number;
  /** When the last sign of life that was taken was sent, by the steady clock. */
  beatMs: number;
  /** It was declared dead, or has left. */
  isOver: boolean;
}

/** A clock that is more wrong than this would give wrong times of fetches; NTP keeps within a second. */
const maxSkewMs = 60_000;

/** Signs of life during a lease, and what of it is left for the last request. */
export const beatsPerLease = 12;
const askedShare = 0.9;

/** Whether a request that starts now, and takes so long at most, is over before the lease can be. */
export const isInLease = (
  { isOver, beatMs }: Lease,
  { leaseMs, timeoutMs }: { leaseMs: number; timeoutMs: number },
): boolean => !isOver && steadyNow() - beatMs < askedShare * leaseMs - timeoutMs;

/** Throws a UserError for requests that may take so long that none would fit into a lease between two signs of life and one that is lost. */
export function checkTimeout({ leaseMs, timeoutMs }: { readonly leaseMs: number; readonly timeoutMs: number }): void {
  const maxMs = Math.floor(askedShare * leaseMs - (2 * leaseMs) / beatsPerLease);
  if (timeoutMs <= maxMs) return;
  throw expected(`${maxMs} ms or less`, 'timeoutMs', timeoutMs, `a lease of the shared corpus is ${leaseMs / 1000} s`);
}

/** What others are to know of a worker: where in S3 it is going to put pictures, and how many URLs of a host it takes at once. */
export interface Told {
  readonly pictures?: string | undefined;
  readonly perHost?: number | undefined;
}

/** Enters a worker. Throws a UserError when the clocks of machine and server are too far apart. */
export async function enter(store: Store, corpusDir: string, { pictures, perHost }: Told = {}): Promise<Lease> {
  const sentMs = steadyNow();
  const [row] = await store.query<{ id: string; now_ms: number }>(
    `INSERT INTO lait.workers (machine, folder, pid, pictures, per_host) VALUES ($1, $2, $3, $4, $5)
     RETURNING id, extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms`,
    [hostname(), resolve(corpusDir), process.pid, pictures ?? null, perHost ?? null],
  );
  const lease: Lease = { id: row!.id, batch: 0, beatMs: sentMs, isOver: false };
  const fault = skewFault(store, row!.now_ms, sentMs);
  if (fault === null) return lease;
  await leave(store, lease);
  throw fault;
}

/** Throws a UserError when the clocks of machine and server are too far apart. */
export async function checkClock(store: Store): Promise<void> {
  const sentMs = steadyNow();
  const [row] = await store.query<{ now_ms: number }>(
    'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now_ms',
  );
  const fault = skewFault(store, row!.now_ms, sentMs);
  if (fault !== null) throw fault;
}

function skewFault({ place }: Store, serverMs: number, sentMs: number): UserError | null {
  const skewMs = Date.now() - serverMs;
  if (Math.abs(skewMs) - (steadyNow() - sentMs) <= maxSkewMs) return null;
  return new UserError(
    `Expected this machine's clock within ${maxSkewMs / 1000} s of that of ${place} but received ${Math.round(skewMs / 1000)} s of difference; set both by NTP.`,
  );
}

/** One sign of life. Without an answer of the server the lease stays as it was. */
export async function beat(store: Store, lease: Lease): Promise<void> {
  const sentMs = steadyNow();
  const rows = await store.query(
    'UPDATE lait.workers SET seen_at = now() WHERE id = $1 AND ended_at IS NULL RETURNING id',
    [lease.id],
  );
  if (rows.length === 0) lease.isOver = true;
  else lease.beatMs = Math.max(lease.beatMs, sentMs);
}

/**
 * Ends the leases of workers that were not heard of for so long and frees their hosts, and wakes hosts whose put-off URLs are due. One who is
 * just committing is alive.
 */
export async function reap(store: Store, leaseMs: number): Promise<number> {
  const dead = await store.atomically(async (query) => {
    const rows = await query<{ id: string }>(
      `SELECT id FROM lait.workers WHERE ended_at IS NULL AND seen_at < now() - $1 * interval '1 ms' FOR UPDATE SKIP LOCKED`,
      [leaseMs],
    );
    if (rows.length === 0) return 0;
    const ids = rows.map(({ id }) => id);
    await query('UPDATE lait.workers SET ended_at = now() WHERE id = ANY ($1::bigint[])', [ids]);
    await countDeaths(query, ids);
    return ids.length;
  });
  // What was under way when one died is over: a lease is longer than every pause. Who has ended never comes back, so the numbers may be old.
  await store.query(
    `WITH left_over AS (
       SELECT id FROM lait.hosts WHERE worker = ANY (ARRAY(
         SELECT DISTINCT h.worker FROM lait.hosts h JOIN lait.workers w ON w.id = h.worker AND w.ended_at IS NOT NULL
         WHERE h.worker IS NOT NULL))
       ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE lait.hosts h SET worker = NULL FROM left_over l WHERE h.id = l.id`,
  );
  await store.query(
    `WITH due AS (SELECT id FROM lait.hosts WHERE wake_at <= now() ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE lait.hosts h SET waiting = true, wake_at = NULL FROM due WHERE h.id = due.id`,
  );
  return dead;
}

/** A host that was asked, and how long it is to be left alone, in ms from now. */
export interface Rest {
  readonly id: string;
  readonly pauseMs: number;
}

/** Ends a lease of one's own accord; the server may be away. `rests` are those of requests that no batch has told of. */
export async function leave(store: Store, lease: Lease, rests: readonly Rest[] = []): Promise<void> {
  lease.isOver = true;
  try {
    await store.atomically(async (query) => {
      const ended = await query(
        'UPDATE lait.workers SET ended_at = now() WHERE id = $1 AND ended_at IS NULL RETURNING id',
        [lease.id],
      );
      if (ended.length === 0) return;
      await query(
        `UPDATE lait.hosts h SET next_at = greatest(h.next_at, now() + r.ms * interval '1 ms')
         FROM unnest($2::bigint[], $3::float8[]) r (id, ms) WHERE h.id = r.id AND h.worker = $1`,
        [lease.id, rests.map(({ id }) => id), rests.map(({ pauseMs }) => pauseMs)],
      );
      await query('UPDATE lait.hosts SET worker = NULL WHERE worker = $1', [lease.id]);
    });
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
}
