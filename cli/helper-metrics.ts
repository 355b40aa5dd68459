/** What machines tell Prometheus that help others: with the jobs of an export or of regions, and with judging pairs. */
import type { JobWorker } from '../crawler/shared/job-work.ts';
import type { JobKind } from '../crawler/shared/jobs.ts';
import type { FilterCounts } from '../crawler/shared/overview.ts';
import { askedAtTimes, type Teller, tellStore } from './metrics.ts';

export interface JobMetrics {
  tell(teller: Teller): void;
  observe(worker: JobWorker): void;
  /** A job of this kind was begun; gives what says that it was done. */
  began(kind: JobKind): (isDone: boolean) => void;
}

/** Of a worker that does jobs of these kinds. */
export function jobMetrics(kinds: readonly JobKind[]): JobMetrics {
  let worker: JobWorker | undefined;
  let begunMs: number | undefined;
  const done = new Map(kinds.map((kind) => [kind, 0]));
  const jobs = askedAtTimes(() => worker?.counts() ?? null);
  return {
    observe: (one) => {
      worker = one;
    },
    began: (kind) => {
      begunMs = performance.now();
      return (isDone) => {
        begunMs = undefined;
        if (isDone) done.set(kind, done.get(kind)! + 1);
      };
    },
    tell(teller) {
      const { counter, gauge, gauges } = teller;
      counter('lait_jobs_done_total', 'Jobs that this worker has done', ['kind'], () =>
        [...done].map(([kind, n]) => [{ kind }, n]),
      );
      gauge('lait_job_age_seconds', 'For how long this worker has been at its present job; 0 while it has none', () =>
        begunMs === undefined ? 0 : (performance.now() - begunMs) / 1000,
      );
      gauges('lait_jobs', 'Jobs of all that use the store, by what becomes of them', ['kind', 'state'], async () =>
        ((await jobs()) ?? []).flatMap(({ kind, waiting, held, done: made }) =>
          Object.entries({ waiting, held, done: made }).map(([state, n]) => [{ kind, state }, n] as const),
        ),
      );
      gauge('lait_worker_number', 'The number of this worker, as in lait workers', () =>
        worker === undefined ? null : Number(worker.place().id),
      );
      gauge(
        'lait_beat_age_seconds',
        'Since the last sign of life of this worker that PostgreSQL took',
        () => worker?.place().beatAgeSeconds ?? null,
      );
      gauge(
        'lait_lease_seconds',
        'A worker that is silent for longer loses its job',
        () => worker?.leaseSeconds ?? null,
      );
      tellStore(teller, jobs);
    },
  };
}

export interface JudgeMetrics {
  tell(teller: Teller): void;
  /** What counts the batches of all that use the store; called once there is one. */
  observe(counts: () => Promise<FilterCounts>): void;
  judged(done: { readonly batches: number; readonly pairs: number }): void;
}

/** Of a judge. */
export function judgeMetrics(): JudgeMetrics {
  let count: (() => Promise<FilterCounts>) | undefined;
  let own = { batches: 0, pairs: 0 };
  const all = askedAtTimes(() => count?.() ?? null);
  return {
    observe: (counts) => {
      count = counts;
    },
    judged: (done) => {
      own = done;
    },
    tell(teller) {
      const { counter, gauge, gauges } = teller;
      counter('lait_judged_pairs_total', 'Pairs that this judge has judged', [], () => [[{}, own.pairs]]);
      counter('lait_judged_batches_total', 'Batches that this judge has judged', [], () => [[{}, own.batches]]);
      gauges('lait_filter_batches', 'Batches that are handed out, by what becomes of them', ['state'], async () => {
        const counted = await all();
        if (counted === null) return [];
        const { waiting, held, judged } = counted;
        return Object.entries({ waiting, held, judged }).map(([state, n]) => [{ state }, n] as const);
      });
      gauge('lait_judges', 'Judges that were heard of within the lease', async () => (await all())?.judges ?? null);
      tellStore(teller, all);
    },
  };
}
