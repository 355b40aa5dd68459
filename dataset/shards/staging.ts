/**
 * An export or an import is written beside what is there and taken over when it is whole: until then the earlier version stays as it
 * is, and readable. `.next/` in its folder holds what is new under the names it will have. `.next/commit.json`, written last, says that it
 * is whole: from then on only renames and deletions are left, which whoever comes next finishes after a kill (settle-in-turn.ts).
 */
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { isWithin } from '../is-within.ts';
import { makeFolder } from '../make-folder.ts';
import { expected } from '../user-error.ts';
import { manifestName } from './manifest.ts';

const stagingName = '.next';

/** Folder with what is being written. No reader of shards looks into a folder whose name begins with a dot. */
export const stagingDir = (outDir: string): string => join(outDir, stagingName);

const commitPath = (outDir: string): string => join(stagingDir(outDir), 'commit.json');

/** Whether a folder has nothing, or nothing but what is being written for it. */
export const isEmpty = (outDir: string): boolean =>
  !existsSync(outDir) || readdirSync(outDir).every((name) => name === stagingName);

/** Whether its writer was killed while the files were taken over, or is taking them over now: `settle` does the rest. */
export const isHalfTaken = (outDir: string): boolean => existsSync(commitPath(outDir));

/** Takes over what lies in the staging folder; `removed` are paths below the set's folder that go. */
export function takeOver(outDir: string, removed: readonly string[]): void {
  writeFileAtomic(commitPath(outDir), `${JSON.stringify({ removed })}\n`);
  settle(outDir);
}

/**
 * Finishes a taking over that was cut short; does nothing where there was none. To be called by who holds the lock of the folder.
 * Throws a UserError for a staging folder that would touch what lies outside of the set.
 */
export function settle(outDir: string): void {
  if (!isHalfTaken(outDir)) return;
  const staging = stagingDir(outDir);
  const place = placesWithin(outDir);
  for (const path of [staging, commitPath(outDir)]) if (lstatSync(path).isSymbolicLink()) throw foreignStaging(outDir);
  const removed = removedPaths(outDir);
  for (const path of removed) rmSync(place(path), { recursive: true, force: true });
  const staged = readdirSync(staging, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(staging.length + 1))
    .filter((path) => path !== 'commit.json' && !path.endsWith('.tmp') && !path.endsWith(rewritingNote))
    .sort((a, b) => Number(a === manifestName) - Number(b === manifestName) || (a < b ? -1 : 1));
  for (const path of staged) {
    const target = place(path);
    makeFolder(dirname(target));
    renameSync(join(staging, path), target);
  }
  for (const folder of new Set(removed.map((path) => dirname(path)))) removeIfEmpty(join(outDir, folder));
  rmSync(staging, { recursive: true });
}

/** Throws away what was written and is not whole. */
export function discardStaged(outDir: string): void {
  if (!isHalfTaken(outDir)) rmSync(stagingDir(outDir), { recursive: true, force: true });
}

/** Ends the name of a note that says what a staged shard was rewritten from, and without what. It is not taken over. */
export const rewritingNote = '_rewritten.txt';

/** A set may come from anywhere: what it asks to delete, and where its files go, lies in it. */
function removedPaths(outDir: string): readonly string[] {
  const { removed } = JSON.parse(readFileSync(commitPath(outDir), 'utf8')) as { readonly removed?: unknown };
  const isPathOfSet = (path: unknown) =>
    typeof path === 'string' && path.split(/[\\/]/).every((part) => /^\w/.test(part));
  if (!Array.isArray(removed) || !removed.every(isPathOfSet)) throw foreignStaging(outDir);
  return removed;
}

/** Gives the place of a path of the set. Throws where a link leads out of it. */
function placesWithin(outDir: string): (path: string) => string {
  const root = realpathSync(outDir);
  const known = new Set<string>([outDir]);
  return (path) => {
    const full = join(outDir, path);
    let folder = dirname(full);
    while (!known.has(folder) && !existsSync(folder)) folder = dirname(folder);
    if (!known.has(folder) && !isWithin(root, realpathSync(folder))) throw foreignStaging(outDir);
    known.add(folder);
    return full;
  };
}

const foreignStaging = (outDir: string) =>
  expected('paths of this set', stagingDir(outDir), 'others', 'delete that folder and export or import again');

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}
