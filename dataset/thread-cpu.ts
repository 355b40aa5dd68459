/** CPU time of single threads, as Linux tells it (proc_pid_stat(5)). Node itself can do so from 24.6 on only. */
import { readFileSync, readlinkSync } from 'node:fs';

/** The system's number of the calling thread; null where it has none. */
export function threadNumber(): number | null {
  try {
    return Number(/\d+$/.exec(readlinkSync('/proc/thread-self'))?.[0]) || null;
  } catch {
    return null;
  }
}

/** Linux counts CPU time in hundredths of a second for all programs (USER_HZ). */
const tickMs = 10;

/** CPU time that a thread of this process has used, in ms; null where the system does not tell. */
export function threadCpuMs(thread: number): number | null {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    // The name in brackets may hold anything; user and system time are the 12th and 13th field behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return null;
  }
}
