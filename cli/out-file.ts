/** The file that a command is to write at its end, looked at before it begins: a mistake in its name must not cost hours of work. */
import { realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { headOf } from '../dataset/export/own-files.ts';
import { expected } from '../dataset/user-error.ts';

/** What a command writes to such a file. */
export interface OutKind {
  /** With its article: "a report of lait". */
  readonly what: string;
  /** Whether a file that begins so is one. */
  readonly isOne: (head: string) => boolean;
}

/**
 * Gives back a path that a file of this kind may be written to: a new one, an empty one, one of the kind, or what is no file
 * (`/dev/stdout`). Throws a UserError for a folder, for no name, where its folder is none, and for a file of anything else.
 */
export function checkOutFile(path: string, { what, isOne }: OutKind): string {
  if (path === '') throw expected('a file to write', 'out', '""', 'name one');
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw expected('a file to write', 'out', `the folder ${path}`, 'name a file in it');
  const folder = dirname(path);
  if (!isFolder(folder)) throw expected('a file in a folder that is there', 'out', path, `make ${folder} first`);
  if (found?.isFile() && found.size > 0 && !isOne(headOf(path))) {
    const received = `${path}, a file of something else`;
    throw expected(`a new file or ${what}`, 'out', received, 'name another --out, or move that file away');
  }
  return path;
}

/** Writes the file whole or not at all, where a link leads if it is one; what is no file (`/dev/stdout`) is written to as it is. */
export function writeOutFile(path: string, text: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) writeFileAtomic(path, text);
  else if (found.isFile()) writeFileAtomic(realpathSync(path), text, found.mode & 0o777);
  else writeFileSync(path, text);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
