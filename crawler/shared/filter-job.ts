/**
 * Batches of pairs that a machine hands out to be judged, and what comes back. What lies in the store is gone when the job is over: the
 * ledger of who hands out is the record, and a job that was cut off is begun anew with what is not judged there.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Defer } from '../../dataset/cleanup.ts';
import { UserError } from '../../dataset/user-error.ts';
import { answered, atLast, openAttempts } from './attempts.ts';
import { beating } from './beating.ts';
import { beatsPerLease } from './lease.ts';
import { openSharedCorpus } from './schema.ts';
import { openStore, type Store, storeFault } from './store.ts';

/** A result, by the batch's number. */
export interface Judged {
  readonly batch: number;
  readonly result: Buffer;
}

export interface FilterJob {
  readonly id: string;
  readonly store: Store;
  readonly leaseMs: number;
  /** With `onlyHere` no judge but this machine's own gets it. */
  offer(batch: number, content: Buffer, options: { readonly onlyHere: boolean }): Promise<void>;
  /** Judges that were heard of within the lease, and batches that no judge has: those for any, and those for this machine's own. */
  state(): Promise<{ readonly judges: number; readonly waiting: number; readonly waitingHere: number }>;
  /** Some of the batches that are judged. */
  judged(): Promise<readonly Judged[]>;
  /** Removes batches whose verdicts are recorded. */
  forget(batches: readonly number[]): Promise<void>;
}

export interface FilterJobOptions {
  readonly url: string;
  readonly corpusDir: string;
  /** What tells the ledger from all others: its earlier jobs, which were cut off, are removed. */
  readonly ledgerId: string;
  /** What judges need to know of the job. */
  readonly spec: Buffer;
  readonly signal?: AbortSignal | undefined;
  readonly say?: (line: string) => void;
  /** Hears that nothing of it is in the store any more: not where the server was away at the end. */
  readonly onRemoved?: () => void;
}

/** Results that are read at once. */
const resultsAtOnce = 32;

/** SQL: what is told of a job while it is not taken back. */
const isWanted = "spec <> ''";

/**
 * Removes what a ledger has handed out: to be called by who holds its filter. Who it was that handed out stays known, so that judges wait for
 * the same command to go on. Throws a UserError where there is no such store.
 */
export async function removeFilterJobs({
  url,
  ledgerId,
}: {
  readonly url: string;
  readonly ledgerId: string;
}): Promise<void> {
  const store = await openStore({ url });
  try {
    await openSharedCorpus(store, { create: false });
    await store.atomically(async (query) => {
      // First, so that a copy of the folder hands out nothing more.
      const jobs = await query<{ id: string }>(`UPDATE lait.filter_jobs SET spec = '' WHERE ledger = $1 RETURNING id`, [
        ledgerId,
      ]);
      await query('DELETE FROM lait.filter_batches WHERE job = ANY ($1::bigint[])', [jobs.map(({ id }) => id)]);
    });
  } catch (error) {
    throw storeFault(error, store.place);
  } finally {
    await store.close();
  }
}

/** Opens a job, which ends with `defer`. Throws a UserError where there is no shared corpus. */
export async function openFilterJob(
  { url, corpusDir, ledgerId, spec, signal, say, onRemoved }: FilterJobOptions,
  defer: Defer,
): Promise<FilterJob> {
  const store = await openStore({ url });
  defer(() => store.close());
  const { leaseMs } = await openSharedCorpus(store, { create: false });
  const attempts = openAttempts(store.place, say);
  const id = await store
    .atomically(async (query) => {
      // In one transaction, so that judges who wait for a job to go on never find none.
      await query(`DELETE FROM lait.filter_jobs WHERE ledger = $1 OR seen_at < now() - interval '1 day'`, [ledgerId]);
      const [row] = await query<{ id: string }>(
        'INSERT INTO lait.filter_jobs (ledger, machine, folder, pid, spec) VALUES ($1, $2, $3, $4, $5) RETURNING id',
        [ledgerId, hostname(), resolve(corpusDir), process.pid, spec],
      );
      return row!.id;
    })
    .catch((error: unknown) => {
      throw storeFault(error, store.place);
    });
  defer(() =>
    atLast(async () => {
      await store.query('DELETE FROM lait.filter_jobs WHERE id = $1', [id]);
      onRemoved?.();
    }),
  );
  const gone = (): UserError =>
    new UserError(
      `Expected the batches that ${resolve(corpusDir)} has handed out in ${store.place} but they are gone: a copy of this corpus is filtered there too, or something was taken down in it; use one of them at a time.`,
    );
  const beat = async (): Promise<void> => {
    const rows = await store.query(
      `UPDATE lait.filter_jobs SET seen_at = now() WHERE id = $1 AND ${isWanted} RETURNING id`,
      [id],
    );
    if (rows.length === 0) throw gone();
  };
  const check = beating({ beat, everyMs: leaseMs / beatsPerLease }, attempts, defer);
  const ask = <T>(work: () => Promise<T>): Promise<T> => {
    check();
    return answered(attempts, work, signal);
  };
  return {
    ...{ id, store, leaseMs },
    offer: async (batch, content, { onlyHere }) => {
      // Whose answer was lost is there already.
      const [job] = await ask(() =>
        store.query(
          `WITH job AS MATERIALIZED (SELECT id FROM lait.filter_jobs WHERE id = $1 AND ${isWanted} FOR SHARE),
           new AS (INSERT INTO lait.filter_batches (job, batch, only_here, content)
             SELECT id, $2, $3, $4 FROM job ON CONFLICT DO NOTHING)
           SELECT FROM job`,
          [id, batch, onlyHere, content],
        ),
      );
      if (job === undefined) throw gone();
    },
    state: async () => {
      const [row] = await ask(() =>
        store.query<{ judges: number; waiting: number; waitingHere: number }>(
          `SELECT (SELECT count(*) FROM lait.judges WHERE seen_at > now() - $2 * interval '1 ms')::int AS judges,
             count(*) FILTER (WHERE NOT only_here)::int AS waiting, count(*) FILTER (WHERE only_here)::int AS "waitingHere"
           FROM lait.filter_batches WHERE job = $1 AND judge IS NULL AND result IS NULL`,
          [id, leaseMs],
        ),
      );
      return row!;
    },
    judged: () =>
      ask(() =>
        store.query<{ batch: number; result: Buffer }>(
          'SELECT batch, result FROM lait.filter_batches WHERE job = $1 AND result IS NOT NULL ORDER BY batch LIMIT $2',
          [id, resultsAtOnce],
        ),
      ),
    forget: async (batches) => {
      await ask(() =>
        store.query('DELETE FROM lait.filter_batches WHERE job = $1 AND batch = ANY ($2::int[])', [id, batches]),
      );
    },
  };
}
