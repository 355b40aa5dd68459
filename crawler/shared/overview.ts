/** What is going on in a shared crawl: who holds what, and what waits. */
import { openSharedCorpus } from './schema.ts';
import { openStore, type Store, storeFault } from './store.ts';

export interface WorkerState {
  readonly id: string;
  readonly machine: string;
  readonly folder: string;
  readonly pid: number;
  readonly isAlive: boolean;
  /** Since the last sign of life, and since the beginning, in seconds of the server's clock. */
  readonly silentSeconds: number;
  readonly ageSeconds: number;
  /** Hosts that nobody else may ask. */
  readonly hosts: number;
  readonly pages: number;
  readonly images: number;
  readonly bytes: number;
}

export interface Overview {
  readonly place: string;
  readonly leaseSeconds: number;
  /** Those that are alive, and the last ones that ended. */
  readonly workers: readonly WorkerState[];
  readonly hosts: { readonly known: number; readonly ready: number; readonly resting: number; readonly held: number };
  /** URLs that wait, `maxCounted` at most, and that are known. */
  readonly queued: number;
  readonly known: number;
  /** Rows of the queue and the hosts that are dead and not cleaned up yet: many of them mean that some transaction stays open. */
  readonly deadRows: number;
}

const endedShown = 10;

/** Throws a UserError when there is no shared corpus. */
export async function overviewOf(url: string): Promise<Overview> {
  const store = await openStore({ url, connections: 1 });
  try {
    const { leaseMs } = await openSharedCorpus(store, { create: false });
    const workers = await store.query<Record<keyof WorkerState, never>>(
      `(SELECT w.*, (SELECT count(*) FROM lait.hosts h WHERE h.worker = w.id)::int AS hosts FROM (
          SELECT id, machine, folder, pid, ended_at IS NULL AS "isAlive", pages::float8, images::float8, bytes::float8,
            extract(epoch FROM now() - seen_at)::float8 AS "silentSeconds",
            extract(epoch FROM coalesce(ended_at, now()) - started_at)::float8 AS "ageSeconds",
            row_number() OVER (PARTITION BY ended_at IS NULL ORDER BY id DESC) AS n
          FROM lait.workers) w WHERE "isAlive" OR n <= $1) ORDER BY "isAlive" DESC, id`,
      [endedShown],
    );
    const [counts] = await store.query<Record<'all' | 'ready' | 'resting' | 'held' | 'known' | 'dead', number>>(
      `SELECT count(*)::float8 AS "all", count(*) FILTER (WHERE waiting AND worker IS NULL AND next_at <= now())::float8 AS ready,
         count(*) FILTER (WHERE worker IS NULL AND (wake_at IS NOT NULL OR (waiting AND next_at > now())))::float8 AS resting,
         count(worker)::float8 AS held,
         (SELECT coalesce(sum(greatest(n_live_tup, 0)), 0) FROM pg_stat_user_tables
            WHERE schemaname = 'lait' AND relname LIKE 'urls\\_%')::float8 AS known,
         (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables
            WHERE schemaname = 'lait' AND relname IN ('queue', 'hosts'))::float8 AS dead
       FROM lait.hosts`,
    );
    const { all, ready, resting, held, known, dead } = counts!;
    return {
      place: store.place,
      leaseSeconds: leaseMs / 1000,
      workers: workers as unknown as WorkerState[],
      hosts: { known: all, ready, resting, held },
      queued: await countQueued(store),
      known,
      deadRows: dead,
    };
  } catch (error) {
    throw storeFault(error, store.place);
  } finally {
    await store.close();
  }
}

/** Counting more would take the server seconds. */
export const maxCounted = 1_000_000;

/** URLs that wait, `maxCounted` at most. */
export async function countQueued(store: Store): Promise<number> {
  const [row] = await store.query<{ n: string }>('SELECT count(*) AS n FROM (SELECT FROM lait.queue LIMIT $1) q', [
    maxCounted,
  ]);
  return Number(row!.n);
}
