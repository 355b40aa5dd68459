/**
 * What the system and SQLite say when there is no more room: a full disk, a quota, a limit on the size of files
 * (`ulimit -f`). SQLite reports the last two, and a memory map it cannot grow, as input/output errors.
 */
import { causesOf } from './causes.ts';

const codes = new Set([
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'SQLITE_FULL',
  'SQLITE_IOERR_WRITE',
  'SQLITE_IOERR_FSYNC',
  'SQLITE_IOERR_SHMSIZE',
  'SQLITE_IOERR_TRUNCATE',
]);

/** The error, or what caused it, that says that nothing more can be written; null when it says something else. */
export function diskFullError(error: unknown): (Error & { readonly code: string }) | null {
  const isFull = (one: Error): one is Error & { readonly code: string } =>
    codes.has(String((one as { code?: unknown }).code));
  return causesOf(error).find(isFull) ?? null;
}

/** The code of that error. */
export const diskFullCode = (error: unknown): string | null => diskFullError(error)?.code ?? null;
