/**
 * Ends pages that need too much memory. V8's own limit (`--max-old-space-size`) holds for objects of scripts; array buffers,
 * elements and pictures lie outside of it, so the renderer processes are watched too. Every page has its own browser context,
 * contexts share no renderer process, and frames are in that of their page: the process that ends is that of the page. What
 * a page has the browser keep for it (blobs, databases, caches, states of its history) lies in processes of all pages: where these
 * take too much, the browser ends. Nothing is asked of the browser itself, which a page may keep busy.
 */
import { readdirSync, readFileSync } from 'node:fs';

const watchEveryMs = 200;

/** Watches a browser and its processes until the returned function is called. On systems without /proc only V8's limit holds. */
export function watchMemory(browserPid: number, maxBytes: number): () => void {
  const look = (): void => {
    let sharedBytes = 0;
    const processes = processesFrom(browserPid);
    for (const pid of processes) {
      const bytes = ownBytes(pid);
      if (!isRenderer(pid)) sharedBytes += bytes;
      else if (bytes > maxBytes) end(pid);
    }
    if (sharedBytes > maxBytes) for (const pid of processes) end(pid);
  };
  const timer = setInterval(look, watchEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** A process and all that it started (proc_pid_children(5)). */
export function processesFrom(pid: number): number[] {
  const found = [pid];
  for (const parent of found) {
    for (const thread of list(`/proc/${parent}/task`)) {
      found.push(...read(`/proc/${parent}/task/${thread}/children`).split(' ').filter(Boolean).map(Number));
    }
  }
  return found;
}

/** Chromium writes a renderer's type over the command line of the process that it was forked from. */
export const isRenderer = (pid: number): boolean => commandLineOf(pid).includes('--type=renderer');

/** What a process was started with, as proc_pid_cmdline(5) has it; '' where there is none, or no /proc. */
export const commandLineOf = (pid: number): string => read(`/proc/${pid}/cmdline`);

/** Resident memory of no file, in bytes; 0 when it cannot be told. */
function ownBytes(pid: number): number {
  const status = read(`/proc/${pid}/status`);
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return (kilobytes('RssAnon') + kilobytes('RssShmem')) * 1024;
}

/** '' for a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
