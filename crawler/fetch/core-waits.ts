/**
 * How long pages in the browser could have worked and had no core, as Linux tells it (run_delay of /proc/PID/schedstat): on a loaded machine
 * a page that takes a second takes ten, and its deadline is to be so much later. The pages' own waits for the network count as ever.
 */
import { readFileSync } from 'node:fs';
import { isRenderer, processesFrom } from './browser-memory.ts';

/** Looking costs some reads of /proc. */
const lookEveryMs = 250;

/** What the main threads of this process, of its browsers and of the page that waits longest have waited for a core since this call, in ms; 0 where the system does not tell. */
export function coreWaits(): () => number {
  const before = new Map<number, number>();
  let [ms, lookedAtMs] = [0, Number.NEGATIVE_INFINITY];
  const look = (): number => {
    let [others, page] = [0, 0];
    for (const pid of processesFrom(process.pid)) {
      const now = waitedMs(pid);
      if (!before.has(pid)) before.set(pid, lookedAtMs === Number.NEGATIVE_INFINITY ? now : 0);
      const since = now - before.get(pid)!;
      if (isRenderer(pid)) page = Math.max(page, since);
      else others = Math.max(others, since);
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

/** Of a process' main thread: on a core, and waiting for one, in ns. */
function waitedMs(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[1]) / 1e6 || 0;
  } catch {
    return 0;
  }
}
