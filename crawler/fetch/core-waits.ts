/**
 * How long pages in the browser could have worked and had no core, as Linux tells it (run_delay of /proc/PID/schedstat): on a loaded machine
 * a page that takes a second takes ten, and its deadline is to be so much later. The pages' own waits for the network count as ever, and so
 * does what a page waits because of its own threads: two hundred busy workers wait for each other on any machine.
 */
import { readFileSync } from 'node:fs';
import { isRenderer, processesFrom } from './browser-memory.ts';

/** Looking costs some reads of /proc. */
const lookEveryMs = 250;

/** What the main threads of this process, of its browsers and of the page that waits longest have waited for a core since this call, in ms; 0 where the system does not tell. */
export function coreWaits(): () => number {
  const startMs = performance.now();
  const before = new Map<number, Times>();
  let [ms, lookedAtMs] = [0, Number.NEGATIVE_INFINITY];
  const look = (): number => {
    let [others, page] = [0, 0];
    for (const pid of processesFrom(process.pid)) {
      const now = timesOf(pid);
      if (!before.has(pid)) before.set(pid, lookedAtMs === Number.NEGATIVE_INFINITY ? now : { waitedMs: 0, ranMs: 0 });
      const { waitedMs, ranMs } = before.get(pid)!;
      const since = { waitedMs: now.waitedMs - waitedMs, ranMs: now.ranMs - ranMs };
      if (isRenderer(pid)) page = Math.max(page, waitedForOthers(since, performance.now() - startMs));
      else others = Math.max(others, since.waitedMs);
    }
    return others + page;
  };
  const waits = (): number => {
    const now = performance.now();
    if (now - lookedAtMs < lookEveryMs) return ms;
    ms = Math.max(ms, look());
    lookedAtMs = now;
    return ms;
  };
  waits();
  return waits;
}

/** Of a process, in ms. */
interface Times {
  /** For how long its main thread could have run and had no core. */
  readonly waitedMs: number;
  /** For how long all of its threads ran, together. */
  readonly ranMs: number;
}

/** What a process waited for a core that it did not have itself, of its times in so many ms. */
export const waitedForOthers = ({ waitedMs, ranMs }: Times, elapsedMs: number): number =>
  Math.min(waitedMs, Math.max(0, elapsedMs - ranMs));

/** USER_HZ, in which proc_pid_stat(5) counts: 100 on every architecture that Node.js runs on. */
const tickMs = 10;

function timesOf(pid: number): Times {
  try {
    // Of the main thread: on a core, and waiting for one, in ns.
    const waitedNs = Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]);
    // The name of the program comes second, in brackets, and may have spaces; the user's time is 14th, the system's 15th.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { waitedMs: waitedNs / 1e6 || 0, ranMs: (Number(fields[11]) + Number(fields[12])) * tickMs || 0 };
  } catch {
    return { waitedMs: 0, ranMs: 0 };
  }
}
