/**
 * Taking jobs and doing them, under a worker's lease. Who asks for jobs is a worker, too, so that what is asked for is made even where
 * nobody else is there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Defer } from '../../dataset/cleanup.ts';
import { UserError } from '../../dataset/user-error.ts';
import { steadyNow } from '../policy/clock.ts';
import { type Attempts, answered, openAttempts } from './attempts.ts';
import { type Job, type JobKind, type Jobs, jobsOf } from './jobs.ts';
import { countJobs, type JobCounts } from './overview.ts';
import { openPresence, type Presence } from './presence.ts';
import { openSharedCorpus } from './schema.ts';
import { openStore, type Store, storeFault } from './store.ts';

/**
 * Makes what a job is for. `signal` comes when it is wanted no more, or the run is stopped. Returns what takes it away again, where it was
 * withdrawn meanwhile.
 */
export type DoJob = (job: Job, signal: AbortSignal) => Promise<() => Promise<void>>;

export interface JobWorker {
  /** What the server answers, asked until it does. */
  ask<T>(question: (jobs: Jobs) => Promise<T>): Promise<T>;
  /** Does one job of these kinds; false where there was none. What the job throws ends it, and is told with the job. */
  doOne(kinds: readonly JobKind[], doJob: DoJob): Promise<boolean>;
  /** Waits a little for jobs, or for what becomes of them. */
  rest(): Promise<void>;
  readonly leaseSeconds: number;
  /** Its present number, and since its last sign of life that was taken. */
  place(): { readonly id: string; readonly beatAgeSeconds: number };
  /** Jobs of all that use the store. Throws while the server is away. */
  counts(): Promise<readonly JobCounts[]>;
}

export interface JobStore {
  readonly url: string;
  readonly corpusDir: string;
  readonly signal: AbortSignal;
  /** Of a database that is made now, in ms. */
  readonly leaseMs?: number | undefined;
  readonly say?: (line: string) => void;
}

/** How often jobs are looked for where there are none, and whether one that is done is still wanted, in ms. Ours. */
const restMs = 500;
const wantedMs = 2000;

/** Connects and enters. Throws UserErrors for what is wrong with the store. */
export async function openJobWorker(
  { url, corpusDir, signal, leaseMs, say }: JobStore,
  defer: Defer,
): Promise<JobWorker> {
  const store = await openStore({ url });
  defer(() => store.close());
  try {
    const corpus = await openSharedCorpus(store, { create: true, ...(leaseMs === undefined ? {} : { leaseMs }) });
    const jobs = jobsOf(store);
    const attempts = openAttempts(store.place, say);
    const options = { corpusDir, leaseMs: corpus.leaseMs, rests: () => [] };
    const presence = await openPresence(store, options, attempts, defer);
    return workerOf({ store, leaseMs: corpus.leaseMs, jobs, attempts, presence, signal });
  } catch (error) {
    throw storeFault(error, store.place);
  }
}

interface Parts {
  readonly store: Store;
  readonly leaseMs: number;
  readonly jobs: Jobs;
  readonly attempts: Attempts;
  readonly presence: Presence;
  readonly signal: AbortSignal;
}

function workerOf({ store, leaseMs, jobs, attempts, presence, signal }: Parts): JobWorker {
  const rest = (): Promise<void> => sleep(restMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  const ask = async <T>(question: (jobs: Jobs) => Promise<T>): Promise<T> => {
    presence.check();
    return answered(attempts, () => question(jobs), signal);
  };
  return {
    ask,
    rest,
    leaseSeconds: leaseMs / 1000,
    place() {
      const { id, beatMs } = presence.lease();
      return { id, beatAgeSeconds: (steadyNow() - beatMs) / 1000 };
    },
    counts: () => countJobs(store),
    async doOne(kinds, doJob) {
      presence.check();
      if (presence.lease().isOver && !(await presence.renew())) return false;
      const lease = presence.lease();
      const job = await ask(() => jobs.take(lease, kinds));
      if (job === null) return false;
      const wanted = new AbortController();
      const timer = setInterval(() => {
        void attempts
          .tried(() => jobs.isWanted(lease, job))
          .then((isWanted) => isWanted === false && wanted.abort(new Error(`${job.name} is wanted no more`)))
          .catch(() => {}); // whoever asks next is told
      }, wantedMs);
      let undo: () => Promise<void>;
      try {
        undo = await doJob(job, AbortSignal.any([signal, wanted.signal]));
      } catch (error) {
        // An operator's mistake is none of the job's.
        const isCounted = !signal.aborted && !(error instanceof UserError && error.exitCode === 2);
        const words = error instanceof Error ? error.message : String(error);
        await attempts.tried(() => jobs.giveBack(lease, job, isCounted ? words : undefined));
        if (wanted.signal.aborted && !signal.aborted) return true;
        throw error;
      } finally {
        clearInterval(timer);
      }
      if ((await ask(() => jobs.finish(lease, job))) !== 'withdrawn') return true;
      await undo();
      await ask(() => jobs.giveBack(lease, job));
      return true;
    },
  };
}
