/** Runs a crawl again and again by a cron pattern, one at a time, until it is stopped. */
import { Cron } from 'croner';
import { expected } from '../dataset/user-error.ts';

export interface ScheduleOptions {
  /** Five or six fields, as croner reads them: `0 3 * * *` is every night at three. */
  readonly cron: string;
  /** IANA name; the system's when left out. */
  readonly timezone?: string;
  /** One crawl; a run that throws ends the schedule with that error. */
  readonly run: () => Promise<void>;
  /** Told when the next run will be, at the start and after each run. */
  readonly onWait?: (nextRunAt: Date) => void;
  readonly signal?: AbortSignal;
}

/** Resolves when the signal stops it (after a run in progress has ended) or no run is left. A run that is due while one is going is left out. */
export async function schedule({ cron, timezone, run, onWait, signal }: ScheduleOptions): Promise<void> {
  let pattern: Cron;
  try {
    pattern = new Cron(cron, { paused: true, ...(timezone === undefined ? {} : { timezone }) });
    pattern.nextRun();
  } catch (error) {
    throw expected('a cron pattern', 'cron', cron, `write it as in "0 3 * * *" (${(error as Error).message})`);
  }
  while (!signal?.aborted) {
    const next = pattern.nextRun();
    if (next === null) return;
    onWait?.(next);
    await until(next.getTime(), signal);
    if (signal?.aborted) return;
    await run();
  }
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
