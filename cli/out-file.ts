/** The file that a command is to write at its end, looked at before it begins: a mistake in its name must not cost hours of work. */
import { realpathSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { expected } from '../dataset/user-error.ts';

/** Gives back a path that a file may be written to. Throws a UserError for a folder, for no name, and where its folder is none. */
export function checkOutFile(path: string): string {
  if (path === '') throw expected('a file to write', 'out', '""', 'name one');
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw expected('a file to write', 'out', `the folder ${path}`, 'name a file in it');
  }
  const folder = dirname(path);
  if (!isFolder(folder)) throw expected('a file in a folder that is there', 'out', path, `make ${folder} first`);
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
