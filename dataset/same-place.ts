/**
 * What is written through a file that is open goes on being written when its folder is deleted, moved or replaced, and nobody finds it
 * again. SQLite looks for that only without a write-ahead log.
 */
import { closeSync, openSync, statSync } from 'node:fs';
import type { Defer } from './cleanup.ts';
import { UserError } from './user-error.ts';

/** Notes what lies at a path, which stays open; what it returns throws a UserError once that is something else, or nothing. */
export function samePlace(path: string): () => void {
  const { dev, ino } = statSync(path);
  return () => {
    const now = statSync(path, { throwIfNoEntry: false });
    if (now?.dev === dev && now.ino === ino) return;
    throw new UserError(
      `Expected ${path} as it was opened but ${now === undefined ? 'it was moved or deleted' : 'another was put in its place'} meanwhile; ` +
        'put it back, and run the same command again.',
    );
  };
}

/** The same for a folder, which is kept open until the end: some file systems give a folder that nobody holds another number. */
export function heldFolder(path: string, defer: Defer): () => void {
  const folder = openSync(path, 'r');
  defer(() => closeSync(folder));
  return samePlace(path);
}
