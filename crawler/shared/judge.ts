/**
 * A judge's place among the others: it takes one batch at a time, and who is not heard of for the length of a lease has none. What a batch
 * comes to is the same whoever judges it, so one that was frozen may bring its result late.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Defer } from '../../dataset/cleanup.ts';
import { UserError } from '../../dataset/user-error.ts';
import { answered, atLast, openAttempts } from './attempts.ts';
import { beating } from './beating.ts';
import { beatsPerLease } from './lease.ts';
import { type Store, storeFault } from './store.ts';

/** A batch to be judged. */
export interface Task {
  readonly job: string;
  readonly batch: number;
  readonly content: Buffer;
}

export interface Judge {
  /**
   * The next batch; `wait` while there is none to be had, `over` when a job was seen and none is left. Throws a UserError where who handed
   * out has not been heard of for an hour.
   */
  next(): Promise<Task | 'wait' | 'over'>;
  /** What the job's opener says of it; null when it is over, or was taken back. */
  specOf(job: string): Promise<Buffer | null>;
  /** Puts down what became of a batch; `pairs` are counted. */
  finish(task: Task, result: Buffer, pairs: number): Promise<void>;
  /** Lets somebody else have the batch, who need not wait for the lease to end; a server that is away is not waited for. */
  giveBack(task: Task): Promise<void>;
}

export interface JudgeOptions {
  readonly store: Store;
  readonly leaseMs: number;
  readonly corpusDir: string;
  /** Of the machine that hands out: its own job, of which it also takes what no other judge gets. */
  readonly ownJob?: string;
  readonly signal?: AbortSignal | undefined;
  readonly say?: (line: string) => void;
}

/** A batch that so many judges have begun and none has ended, as by a crash, is left to the machine that hands it out. */
const maxTries = 3;

/** One who was killed may begin again; after so long, in ms, nobody waits for it any more. */
const maxSilentMs = 3_600_000;

/** Enters a judge, which leaves with `defer`. */
export async function openJudge(
  { store, leaseMs, corpusDir, ownJob, signal, say }: JudgeOptions,
  defer: Defer,
): Promise<Judge> {
  const attempts = openAttempts(store.place, say);
  const about = [hostname(), resolve(corpusDir), process.pid];
  const id = await store
    .atomically(async (query) => {
      await query(`DELETE FROM lait.judges WHERE seen_at < now() - interval '1 day'`);
      const [row] = await query<{ id: string }>(
        'INSERT INTO lait.judges (machine, folder, pid) VALUES ($1, $2, $3) RETURNING id',
        about,
      );
      return row!.id;
    })
    .catch((error: unknown) => {
      throw storeFault(error, store.place);
    });
  defer(() =>
    atLast(async () => {
      await store.query('UPDATE lait.filter_batches SET judge = NULL WHERE judge = $1 AND result IS NULL', [id]);
      await store.query('DELETE FROM lait.judges WHERE id = $1', [id]);
    }),
  );
  const beat = async (): Promise<void> => {
    // One that was frozen for a day has no row any more.
    await store.query(
      `INSERT INTO lait.judges (id, machine, folder, pid) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET seen_at = now()`,
      [id, ...about],
    );
  };
  const check = beating({ beat, everyMs: leaseMs / beatsPerLease }, attempts, defer);
  const ask = <T>(work: () => Promise<T>): Promise<T> => {
    check();
    return answered(attempts, work, signal);
  };
  /** The last job that was alive when this judge looked. */
  let seenJob: string | null = null;
  let isSaid = false;
  return {
    async next() {
      const { task, last } = await ask(() =>
        store.atomically(async (query) => {
          const [taken] = await query<{ job: string; batch: number; content: Buffer }>(
            `WITH free AS (
               SELECT b.job, b.batch FROM lait.filter_batches b JOIN lait.filter_jobs j ON j.id = b.job
               WHERE b.result IS NULL AND j.seen_at > now() - $2 * interval '1 ms'
                 AND (b.judge IS NULL OR b.judge = $1 OR NOT EXISTS (
                   SELECT FROM lait.judges d WHERE d.id = b.judge AND d.seen_at > now() - $2 * interval '1 ms'))
                 AND CASE WHEN $3::bigint IS NULL THEN NOT b.only_here AND b.tries < $4 ELSE b.job = $3 END
               ORDER BY (b.only_here OR b.tries >= $4) DESC, b.job, b.batch LIMIT 1 FOR NO KEY UPDATE OF b SKIP LOCKED)
             UPDATE lait.filter_batches b SET judge = $1, tries = tries + 1 FROM free f
             WHERE b.job = f.job AND b.batch = f.batch RETURNING b.job, b.batch, b.content`,
            [id, leaseMs, ownJob ?? null, maxTries],
          );
          if (taken !== undefined) return { task: taken, last: null };
          const [row] = await query<LastJob>(
            `SELECT id, machine, folder, extract(epoch FROM now() - seen_at)::float8 * 1000 AS "silentMs" FROM lait.filter_jobs
             ORDER BY seen_at DESC LIMIT 1`,
          );
          return { task: null, last: row ?? null };
        }),
      );
      if (task === null && last === null) return seenJob === null ? 'wait' : 'over';
      const silentMs = last?.silentMs ?? 0;
      if (last !== null && silentMs > maxSilentMs) {
        // What was left behind before this judge came, or beside the job that it helped, is none.
        if (seenJob === null) return 'wait';
        if (seenJob !== last.id) return 'over';
        throw gone(last);
      }
      seenJob = last?.id ?? task?.job ?? seenJob;
      if (last !== null && silentMs > leaseMs && !isSaid) say?.(silence(last));
      isSaid = silentMs > leaseMs;
      return task ?? 'wait';
    },
    async specOf(job) {
      const [row] = await ask(() =>
        store.query<{ spec: Buffer }>('SELECT spec FROM lait.filter_jobs WHERE id = $1', [job]),
      );
      return row !== undefined && row.spec.length > 0 ? row.spec : null;
    },
    async finish({ job, batch }, result, pairs) {
      await ask(() =>
        store.query(
          `WITH done AS (UPDATE lait.filter_batches SET result = $4 WHERE job = $2 AND batch = $3 AND result IS NULL RETURNING 1)
           UPDATE lait.judges SET batches = batches + 1, pairs = pairs + $5 WHERE id = $1 AND EXISTS (SELECT FROM done)`,
          [id, job, batch, result, pairs],
        ),
      );
    },
    async giveBack({ job, batch }) {
      await atLast(() =>
        store.query(
          `UPDATE lait.filter_batches SET judge = NULL, tries = tries - 1
           WHERE job = $1 AND batch = $2 AND judge = $3 AND result IS NULL`,
          [job, batch, id],
        ),
      );
    },
  };
}

/** Who was the last to hand out, and how long ago it was heard of. */
interface LastJob {
  readonly id: string;
  readonly machine: string;
  readonly folder: string;
  readonly silentMs: number;
}

const silence = ({ machine, folder, silentMs }: LastJob): string =>
  `lait filter --share of ${machine}:${folder} was last heard of ${Math.round(silentMs / 1000)} s ago: waiting up to an hour until the same command goes on`;

const gone = ({ machine, folder }: LastJob): UserError =>
  new UserError(
    `Expected lait filter --share of ${machine}:${folder} to go on but it has not been heard of for an hour; start it again, and lait judge with it.`,
    { exitCode: 1 },
  );
