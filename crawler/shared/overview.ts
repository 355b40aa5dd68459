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

/** Who judges pairs for a filter that machines share. */
export interface JudgeState {
  readonly id: string;
  readonly machine: string;
  readonly folder: string;
  readonly pid: number;
  readonly silentSeconds: number;
  readonly batches: number;
  readonly pairs: number;
}

export interface Overview {
  readonly place: string;
  readonly leaseSeconds: number;
  /** Those that were heard of within the lease. */
  readonly judges: readonly JudgeState[];
  /** Those that are alive, and the last ones that ended. */
  readonly workers: readonly WorkerState[];
  readonly hosts: { readonly known: number; readonly ready: number; readonly resting: number; readonly held: number };
  /** URLs that wait, `maxCounted` at most, and that are known. */
  readonly queued: number;
  readonly known: number;
  /** Jobs that were asked for, of each kind that there are any of. */
  readonly jobs: readonly JobCounts[];
  /** Rows of the queue and the hosts that are dead and not cleaned up yet: many of them mean that some transaction stays open. */
  readonly deadRows: number;
  /** For how long the oldest snapshot of this database has been held, as far as this user may see: what has died since stays. Null where there is none. */
  readonly snapshotSeconds: number | null;
}

export interface JobCounts {
  readonly kind: string;
  readonly waiting: number;
  /** In the hands of workers that are alive. */
  readonly held: number;
  /** Done, and not taken over by who asked. */
  readonly done: number;
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
    const judges = await store.query<Record<keyof JudgeState, never>>(
      `SELECT id, machine, folder, pid, extract(epoch FROM now() - seen_at)::float8 AS "silentSeconds", batches::float8, pairs::float8
       FROM lait.judges WHERE seen_at > now() - $1 * interval '1 ms' ORDER BY id`,
      [leaseMs],
    );
    const [counts] = await store.query<
      Record<'all' | 'ready' | 'resting' | 'held' | 'known' | 'dead' | 'snapshot', number>
    >(
      `SELECT count(*)::float8 AS "all", count(*) FILTER (WHERE waiting AND worker IS NULL AND next_at <= now())::float8 AS ready,
         count(*) FILTER (WHERE worker IS NULL AND (wake_at IS NOT NULL OR (waiting AND next_at > now())))::float8 AS resting,
         count(worker)::float8 AS held,
         (SELECT coalesce(sum(greatest(n_live_tup, 0)), 0) FROM pg_stat_user_tables
            WHERE schemaname = 'lait' AND relname LIKE 'urls\\_%')::float8 AS known,
         (SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables
            WHERE schemaname = 'lait' AND relname IN ('queue', 'hosts'))::float8 AS dead,
         (SELECT extract(epoch FROM clock_timestamp() - min(xact_start)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
              AND backend_xmin IS NOT NULL)::float8 AS snapshot
       FROM lait.hosts`,
    );
    const { all, ready, resting, held, known, dead, snapshot } = counts!;
    return {
      place: store.place,
      leaseSeconds: leaseMs / 1000,
      workers: workers as unknown as WorkerState[],
      judges: judges as unknown as JudgeState[],
      hosts: { known: all, ready, resting, held },
      queued: await countQueued(store),
      known,
      jobs: await countJobs(store),
      deadRows: dead,
      snapshotSeconds: snapshot,
    };
  } catch (error) {
    throw storeFault(error, store.place);
  } finally {
    await store.close();
  }
}

/** Jobs of all that use the store. */
export const countJobs = (store: Store): Promise<readonly JobCounts[]> =>
  store.query<{ kind: string; waiting: number; held: number; done: number }>(
    `SELECT kind, count(*) FILTER (WHERE NOT is_done AND w.id IS NULL)::float8 AS waiting,
       count(*) FILTER (WHERE NOT is_done AND w.id IS NOT NULL)::float8 AS held, count(*) FILTER (WHERE is_done)::float8 AS done
     FROM lait.jobs j LEFT JOIN lait.workers w ON w.id = j.worker AND w.ended_at IS NULL GROUP BY kind ORDER BY kind`,
  );

/** Batches of pairs that are handed out by filters that are alive, those whose verdicts are not recorded yet, and who judges. */
export interface FilterCounts {
  readonly waiting: number;
  readonly held: number;
  readonly judged: number;
  /** Those that were heard of within the lease. */
  readonly judges: number;
}

export async function countBatches({ query }: Store, leaseMs: number): Promise<FilterCounts> {
  const [row] = await query<{ [Key in keyof FilterCounts]: FilterCounts[Key] }>(
    `WITH alive AS MATERIALIZED (SELECT id FROM lait.judges WHERE seen_at > now() - $1 * interval '1 ms')
     SELECT (SELECT count(*) FROM alive)::float8 AS judges, count(*) FILTER (WHERE result IS NOT NULL)::float8 AS judged,
       count(*) FILTER (WHERE result IS NULL AND a.id IS NOT NULL)::float8 AS held,
       count(*) FILTER (WHERE result IS NULL AND a.id IS NULL)::float8 AS waiting
     FROM lait.filter_batches b JOIN lait.filter_jobs j ON j.id = b.job AND j.seen_at > now() - $1 * interval '1 ms'
       LEFT JOIN alive a ON a.id = b.judge`,
    [leaseMs],
  );
  return row!;
}

/** What is asked for again and again: hosts of the whole crawl, each number `maxHostsCounted` at most. */
export interface HostCounts {
  /** They have URLs, and may be asked now. */
  readonly ready: number;
  /** They have URLs, and their pause is not over. */
  readonly resting: number;
  /** All their URLs wait for a time that they named. */
  readonly putOff: number;
  /** They are some worker's. */
  readonly held: number;
  /** For how long the one that has waited longest for a worker has been ready, in seconds; 0 while none waits. */
  readonly lagSeconds: number;
}

/** Counting goes through indexes: so many take the server milliseconds, however many hosts there are. */
export const maxHostsCounted = 10_000;

export async function countHosts({ query }: Store): Promise<HostCounts> {
  const counted = (where: string): string =>
    `(SELECT count(*) FROM (SELECT FROM lait.hosts WHERE ${where} LIMIT $1) h)::float8`;
  const [row] = await query<{ [Key in keyof HostCounts]: HostCounts[Key] }>(
    `SELECT ${counted('waiting AND worker IS NULL AND next_at <= now()')} AS ready,
       ${counted('waiting AND worker IS NULL AND next_at > now()')} AS resting,
       ${counted('wake_at IS NOT NULL')} AS "putOff", ${counted('worker IS NOT NULL')} AS held,
       greatest(0, coalesce(extract(epoch FROM now() - (
         SELECT min(next_at) FROM lait.hosts WHERE waiting AND worker IS NULL)), 0))::float8 AS "lagSeconds"`,
    [maxHostsCounted],
  );
  return row!;
}

/** So many are counted with each sign of life. */
const maxExact = 1000;

/** Counting more would take the server seconds. */
export const maxCounted = 1_000_000;

/** URLs that wait, `maxCounted` at most. */
export async function countQueued(store: Store): Promise<number> {
  const [row] = await store.query<{ n: string }>('SELECT count(*) AS n FROM (SELECT FROM lait.queue LIMIT $1) q', [
    maxCounted,
  ]);
  return Number(row!.n);
}

/** About how many URLs wait: exact while they are few. */
export async function estimateQueued(store: Store): Promise<number> {
  const [row] = await store.query<{ few: string; all: string }>(
    `SELECT (SELECT count(*) FROM (SELECT FROM lait.queue LIMIT $1) q) AS few,
       (SELECT n_live_tup FROM pg_stat_user_tables WHERE relid = 'lait.queue'::regclass) AS "all"`,
    [maxExact],
  );
  return Number(row!.few) < maxExact ? Number(row!.few) : Math.max(maxExact, Number(row!.all));
}
