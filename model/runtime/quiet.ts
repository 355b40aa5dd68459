/**
 * Keeps a native library quiet while it loads. TensorFlow's libraries write to standard error from their static
 * initialisers, before any log level can be set, so for that moment file descriptor 2 leads to nowhere.
 */
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';

const standardError = 2;

/** What is used of koffi, which may not be installed. */
interface Koffi {
  load(path: null): { func(declaration: string): (...args: number[]) => number };
}

/**
 * Runs `load` with standard error silenced, then puts it back. By the system's own `dup` and `dup2`, which keep what the descriptor
 * leads to, its position in a file included; Node.js has neither, so without koffi `load` runs as it is.
 */
export function quietly<Result>(load: () => Result): Result {
  const system = duplicating();
  const saved = system?.dup(standardError) ?? -1;
  if (system === null || saved < 0) return load();
  const nowhere = openSync('/dev/null', 'w');
  try {
    system.dup2(nowhere, standardError);
    return load();
  } finally {
    system.dup2(saved, standardError);
    closeSync(saved);
    closeSync(nowhere);
  }
}

function duplicating(): { dup: (from: number) => number; dup2: (from: number, to: number) => number } | null {
  if (process.platform === 'win32') return null;
  try {
    const library = (createRequire(import.meta.url)('koffi') as Koffi).load(null);
    return { dup: library.func('int dup(int)'), dup2: library.func('int dup2(int, int)') };
  } catch {
    return null;
  }
}
