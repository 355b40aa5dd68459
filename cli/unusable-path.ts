/**
 * Paths that the operator named and the system refuses: a folder that is a file, a list that is not there, a disk that may only be
 * read. Whatever part of lait meets them, it is the operator's mistake and no fault of ours.
 */
import { resolve, sep } from 'node:path';

/** Codes that speak of the path itself; they are the operator's only where the path is. */
const pathCodes = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG']);

/** Codes of what may not be read or written, wherever it lies. SQLite's carry no path. */
const permissionCodes = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'SQLITE_CANTOPEN',
  'SQLITE_READONLY',
  'SQLITE_READONLY_DIRECTORY',
]);

/** What to tell the operator when an error, or what caused it, is about a path of theirs; null when it is about something else. */
export function unusablePath(error: unknown, args: readonly string[]): string | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, path } = at as { code?: unknown; path?: unknown };
    if (typeof code !== 'string') continue;
    const isTheirs = pathCodes.has(code) && typeof path === 'string' && isNamed(path, args);
    if (!isTheirs && !permissionCodes.has(code)) continue;
    const name = typeof path === 'string' ? JSON.stringify(path) : 'the corpus';
    return `Expected a path that can be used but received ${name} (${at.message}); name another, or allow its use.`;
  }
  return null;
}

/** Whether a path is one of the words of the command line, the file that becomes it, or lies in it or on the way to it. */
function isNamed(path: string, args: readonly string[]): boolean {
  const full = resolve(path);
  return args.some((arg) => {
    const word = arg.startsWith('--') ? arg.slice(arg.indexOf('=') + 1) : arg;
    if (word === '') return path === '';
    const named = resolve(word);
    return full === named || full === `${named}.tmp` || full.startsWith(named + sep) || named.startsWith(full + sep);
  });
}
