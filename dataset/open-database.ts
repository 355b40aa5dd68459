/**
 * Opens databases that are written, and says why one cannot be opened. SQLite says "unable to open database file" of everything that keeps it from a file or from making one
 * beside it; the system's own words say what to do about it.
 */
import { accessSync, closeSync, constants, openSync, type StatsFs, statfsSync } from 'node:fs';
import { devNull } from 'node:os';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';

/** Opens or creates a database and prepares it; where one of both throws, the database is closed, and the system's reason is thrown where there is one. */
export function openDatabase<Prepared>(
  path: string,
  options: Database.Options,
  prepare: (db: Database.Database) => Prepared,
): Prepared {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, options);
    return prepare(db);
  } catch (error) {
    // Before anything is closed: what is lacking may be files that a process can have open.
    const reason = whyNotOpened(error, path);
    db?.close();
    throw reason;
  }
}

/** The system's error where it can be found out; else the error as it came. */
function whyNotOpened(error: unknown, path: string): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string' || !code.startsWith('SQLITE_CANTOPEN')) return error;
  const folder = dirname(path);
  try {
    closeSync(openSync(devNull, 'r'));
    accessSync(folder, constants.W_OK);
    if (hasFiles(statfsSync(folder), 1)) return error;
    const noRoom = new Error(`no more files can be made in ${folder}`, { cause: error });
    return Object.assign(noRoom, { code: 'ENOSPC' });
  } catch (reason) {
    return reason;
  }
}

/** Whether a file system can hold so many files more. One that tells of no files at all (btrfs, FUSE) makes them as they come. */
export const hasFiles = ({ files, ffree }: Pick<StatsFs, 'files' | 'ffree'>, count: number): boolean =>
  files === 0 || ffree >= count;
