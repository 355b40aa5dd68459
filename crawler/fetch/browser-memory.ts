/**
 * Ends pages that need too much memory. V8's own limit (`--max-old-space-size`) holds for objects of scripts; array buffers,
 * elements and pictures lie outside of it, so the renderer processes are watched too. Every page has its own browser context,
 * and contexts share no renderer process: the process that ends is that of the page.
 */
import { readFileSync } from 'node:fs';
import type { CDPSession } from 'playwright';

const watchEveryMs = 200;

/** Watches until the returned function is called. On systems without /proc only V8's limit holds. */
export function watchMemory(browser: CDPSession, maxBytes: number): () => void {
  let isBusy = false;
  const look = async (): Promise<void> => {
    const { processInfo } = await browser.send('SystemInfo.getProcessInfo');
    for (const { type, id } of processInfo) {
      if (type === 'renderer' && ownBytes(id) > maxBytes) process.kill(id, 'SIGKILL');
    }
  };
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    // A browser or process that has ended meanwhile needs no watching.
    void look()
      .catch(() => {})
      .finally(() => {
        isBusy = false;
      });
  }, watchEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** Resident memory that a process shares with no other, in bytes; 0 when it cannot be told. */
function ownBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
