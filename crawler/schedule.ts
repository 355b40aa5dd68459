/** Runs a crawl again and again by a cron pattern, one at a time, until it is stopped. No run ends the schedule. */
import { Cron } from 'croner';
import { expected } from '../dataset/user-error.ts';
import { CorpusBusy } from './frontier/run-lock.ts';

export interface ScheduleOptions {
  /** Five or six fields, as croner reads them: `0 3 * * *` is every night at three. */
  readonly cron: string;
  /** IANA name; the system's when left out. */
  readonly timezone?: string;
  /** One crawl and what follows it, at the time when it was to begin. */
  readonly run: (at: Date) => Promise<void>;
  /** Told when the next run will be, at the start and after each run. */
  readonly onWait?: (nextRunAt: Date) => void;
  /** Told of a run that was left out because another crawl is running on the corpus. */
  readonly onSkip: (why: CorpusBusy) => void;
  /** Told what a run threw; the next one comes all the same. */
  readonly onError: (error: unknown, startedAt: Date) => void;
  readonly signal?: AbortSignal;
}

/**
 * Resolves when the signal stops it (after a run in progress has ended) or no run is left. A run that is due while one is
 * going is left out. Throws a UserError for a pattern that is none, or that no day matches.
 */
export async function schedule(options: ScheduleOptions): Promise<void> {
  const { run, onWait, onSkip, onError, signal } = options;
  const pattern = patternOf(options);
  while (!signal?.aborted) {
    const next = pattern.nextRun();
    if (next === null) return;
    onWait?.(next);
    await until(next.getTime(), signal);
    if (signal?.aborted) return;
    const startedAt = new Date();
    try {
      await run(next);
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof CorpusBusy) onSkip(error);
      else onError(error, startedAt);
    }
  }
}

function patternOf({ cron, timezone }: ScheduleOptions): Cron {
  let pattern: Cron;
  let next: Date | null;
  try {
    pattern = new Cron(cron, { paused: true, ...(timezone === undefined ? {} : { timezone }) });
    next = pattern.nextRun();
  } catch (error) {
    throw expected('a cron pattern', 'cron', cron, `write it as in "0 3 * * *" (${(error as Error).message})`);
  }
  if (next === null) throw expected('a cron pattern that some day to come matches', 'cron', cron, 'correct its date');
  return pattern;
}

/** Timers count at most 2³¹ ms, and a sleeping machine's stand still: so it looks at the clock at least once a minute. */
function until(timeMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout;
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const look = (): void => {
      const leftMs = timeMs - Date.now();
      if (leftMs <= 0) done();
      else timer = setTimeout(look, Math.min(leftMs, 60_000));
    };
    signal?.addEventListener('abort', done);
    look();
  });
}
