/**
 * Keeps a native library quiet while it loads. TensorFlow's libraries write to standard error from their static
 * initialisers, before any log level can be set, so for that moment file descriptor 2 leads to nowhere.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';

const standardError = 2;

/**
 * Runs `load` with standard error silenced, then puts it back. It is put back by opening it a second time, which serves a terminal
 * and a pipe; a file would get a second position, at which output would overwrite output, and a socket cannot be opened. For
 * those `load` runs as it is: two lines too many are better than one lost. Call it before other threads open files: the
 * lowest free descriptor must be the one just closed.
 */
export function quietly<Result>(load: () => Result): Result {
  const path = process.platform === 'linux' ? `/proc/self/fd/${standardError}` : `/dev/fd/${standardError}`;
  let saved: number;
  try {
    saved = fstatSync(standardError).isFile() ? -1 : openSync(path, 'a');
  } catch {
    saved = -1;
  }
  if (saved < 0) return load();
  const savedPath = path.replace(/\d+$/, String(saved));
  moveStandardError('/dev/null', 'w');
  try {
    return load();
  } finally {
    moveStandardError(savedPath, 'a');
    closeSync(saved);
  }
}

function moveStandardError(path: string, flags: string): void {
  closeSync(standardError);
  const opened = openSync(path, flags);
  if (opened !== standardError) throw new Error(`Expected ${path} as descriptor ${standardError} but it is ${opened}`);
}
