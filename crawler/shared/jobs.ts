/**
 * Jobs that any worker may take: something is to be made under a name, by a plan that a hash stands for. A job belongs to its worker for as
 * long as that one's lease lasts, and is free again when it has ended, so nothing but leases has a clock. Doing one twice makes the same;
 * what was asked for anew, or is wanted no more, is not taken from who had begun it before.
 */
import type { Order } from '../../dataset/orders.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { Lease } from './lease.ts';
import type { Store } from './store.ts';

export const jobKinds = ['export', 'regions'] as const;
export type JobKind = (typeof jobKinds)[number];

/** What jobs that are asked for together have in common: `export` into `shards`. */
export interface JobSet {
  readonly kind: JobKind;
  /** `OWNER/shards`: two folders that use one store each have theirs. */
  readonly set: string;
}

/** The set of a ledger's jobs under a name without slashes. */
export const setOf = (kind: JobKind, ledgerId: string, name: string): JobSet => ({ kind, set: `${ledgerId}/${name}` });

/** The id of the ledger that a set is of. */
export const ownerOf = ({ set }: Pick<JobSet, 'set'>): string => set.slice(0, set.indexOf('/'));

export interface Job extends JobSet, Order {}

/** How a job ended: `anothers` where a lease was over meanwhile, `withdrawn` where it is wanted no more or as something else. */
export type Ending = 'finished' | 'anothers' | 'withdrawn';

export interface Jobs {
  /** Asks for exactly these of a set. What was asked for before and is the same stays as it is, done or not; others are withdrawn. */
  ask(set: JobSet, orders: readonly Order[]): Promise<void>;
  /** Some of a set that are done. */
  done(set: JobSet): Promise<readonly Order[]>;
  /** What is done was taken over, or is not there any more. */
  settle(set: JobSet, order: Order, what: 'taken' | 'again'): Promise<void>;
  /** Throws a UserError where a job of the set was given up, and where none is asked for. */
  check(set: JobSet): Promise<void>;
  /** Gives a free job to a worker; null where there is none, or its lease is over. */
  take(lease: Lease, kinds: readonly JobKind[]): Promise<Job | null>;
  isWanted(lease: Lease, job: Job): Promise<boolean>;
  finish(lease: Lease, job: Job): Promise<Ending>;
  /** Gives a job back; with a fault it counts as tried. */
  giveBack(lease: Lease, job: Job, fault?: string): Promise<void>;
  /** Takes back all that was asked for of a set; gives how many are still in the hands of workers that are alive. */
  withdraw(set: JobSet): Promise<number>;
}

/** So many workers may die over a job, or fail at it: one that breaks each of them must not go round for ever. As with URLs. */
const maxTries = 5;
const doneAtOnce = 100;

/** SQL: whether the worker of a job `j` may still finish it. */
const isHeld =
  '(j.worker IS NOT NULL AND EXISTS (SELECT FROM lait.workers w WHERE w.id = j.worker AND w.ended_at IS NULL))';
const isIt = 'j.kind = $1 AND j.job_set = $2 AND j.name = $3 AND j.plan = $4';
const keysOf = ({ kind, set, name, plan }: Job): string[] => [kind, set, name, plan];

/** The jobs of a shared corpus, whose tables are there. */
export function jobsOf(store: Store): Jobs {
  return {
    ask: (set, orders) => ask(store, set, orders),
    done: ({ kind, set }) =>
      store.query<{ name: string; plan: string }>(
        'SELECT name, plan FROM lait.jobs WHERE is_done AND kind = $1 AND job_set = $2 ORDER BY n LIMIT $3',
        [kind, set, doneAtOnce],
      ),
    async settle(set, order, what) {
      const change =
        what === 'taken' ? 'DELETE FROM lait.jobs j' : 'UPDATE lait.jobs j SET is_done = false, worker = NULL';
      await store.query(`${change} WHERE ${isIt} AND j.is_done`, keysOf({ ...set, ...order }));
    },
    async check({ kind, set }) {
      const [failed] = await store.query<{ name: string; fault: string | null }>(
        `SELECT name, fault FROM lait.jobs j WHERE kind = $1 AND job_set = $2 AND NOT is_done AND tries >= $3 AND NOT ${isHeld} LIMIT 1`,
        [kind, set, maxTries],
      );
      if (failed === undefined) {
        const asked = await store.query(
          'SELECT FROM lait.jobs WHERE kind = $1 AND job_set = $2 AND NOT is_withdrawn LIMIT 1',
          [kind, set],
        );
        if (asked.length > 0) return;
        throw takenBack({ kind, set });
      }
      throw new UserError(
        `Expected ${failed.name} of ${kind} to be made but received ${maxTries} attempts that failed (the last: ${failed.fault ?? 'its process died'}); see to it, and run the same command again.`,
        { exitCode: 1 },
      );
    },
    async take({ id }, kinds) {
      const [job] = await store.query<{ kind: JobKind; set: string; name: string; plan: string }>(
        `UPDATE lait.jobs t SET worker = $1, tries = t.tries + 1, fault = NULL
         FROM (SELECT j.kind, j.job_set, j.name FROM lait.jobs j
           WHERE NOT j.is_done AND NOT j.is_withdrawn AND j.kind = ANY ($2::text[]) AND j.tries < $3 AND NOT ${isHeld}
             AND EXISTS (SELECT FROM lait.workers WHERE id = $1 AND ended_at IS NULL)
           ORDER BY j.n LIMIT 1 FOR UPDATE OF j SKIP LOCKED) free
         WHERE t.kind = free.kind AND t.job_set = free.job_set AND t.name = free.name
         RETURNING t.kind, t.job_set AS set, t.name, t.plan`,
        [id, kinds, maxTries],
      );
      return job ?? null;
    },
    async isWanted({ id }, job) {
      const rows = await store.query(`SELECT FROM lait.jobs j WHERE ${isIt} AND j.worker = $5 AND NOT j.is_withdrawn`, [
        ...keysOf(job),
        id,
      ]);
      return rows.length > 0;
    },
    finish: (lease, job) => finish(store, lease, job),
    async giveBack({ id }, job, fault) {
      await store.query(
        `UPDATE lait.jobs j SET worker = NULL, tries = j.tries - CASE WHEN $6::text IS NULL THEN 1 ELSE 0 END, fault = $6
         WHERE ${isIt} AND j.worker = $5`,
        [...keysOf(job), id, fault ?? null],
      );
    },
    async withdraw({ kind, set }) {
      const isOf = 'kind = $1 AND job_set = $2';
      await store.query(`UPDATE lait.jobs SET is_withdrawn = true WHERE ${isOf} AND NOT is_withdrawn`, [kind, set]);
      await store.query(`DELETE FROM lait.jobs j WHERE ${isOf} AND is_withdrawn AND (is_done OR NOT ${isHeld})`, [
        kind,
        set,
      ]);
      const [left] = await store.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM lait.jobs WHERE ${isOf} AND is_withdrawn`,
        [kind, set],
      );
      return left!.n;
    },
  };
}

/** For who waits for what nobody will make. */
export const takenBack = ({ kind, set }: JobSet): UserError =>
  new UserError(
    `Expected the jobs of ${kind} for ${set} as they were asked for but another command has taken them back, perhaps of a copy of this corpus; see that only one runs, and run the same command again.`,
  );

async function ask(store: Store, { kind, set }: JobSet, orders: readonly Order[]): Promise<void> {
  const names = orders.map(({ name }) => name);
  await store.atomically(async (query) => {
    await query(
      `DELETE FROM lait.jobs j WHERE kind = $1 AND job_set = $2
         AND NOT EXISTS (SELECT FROM unnest($3::text[]) o (name) WHERE o.name = j.name)`,
      [kind, set, names],
    );
    await query(
      `INSERT INTO lait.jobs AS j (kind, job_set, name, plan)
       SELECT $1, $2, o.name, o.plan FROM unnest($3::text[], $4::text[]) WITH ORDINALITY o (name, plan, n) ORDER BY o.n
       ON CONFLICT (kind, job_set, name) DO UPDATE
       SET plan = excluded.plan, worker = NULL, tries = 0, fault = NULL, is_done = false, is_withdrawn = false
       WHERE j.plan <> excluded.plan OR j.is_withdrawn OR (j.tries >= $5 AND NOT j.is_done AND NOT ${isHeld})`,
      [kind, set, names, orders.map(({ plan }) => plan), maxTries],
    );
  });
}

async function finish(store: Store, { id }: Lease, job: Job): Promise<Ending> {
  const keys = keysOf(job);
  const finished = await store.query(
    `UPDATE lait.jobs j SET is_done = true WHERE ${isIt} AND j.worker = $5 AND NOT j.is_withdrawn AND ${isHeld} RETURNING j.name`,
    [...keys, id],
  );
  if (finished.length > 0) return 'finished';
  const wanted = await store.query(`SELECT FROM lait.jobs j WHERE ${isIt} AND NOT j.is_withdrawn`, keys);
  return wanted.length > 0 ? 'anothers' : 'withdrawn';
}
