/**
 * An export is written beside what is there and taken over when it is whole: until then the earlier version stays as it is, and
 * readable. `.next/` in the export's folder holds what is new under the names it will have. `.next/commit.json`, written last, says
 * that it is whole: from then on only renames and deletions are left, which whoever comes next finishes after a kill.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
import { manifestName } from '../shards/manifest.ts';
import { expected } from '../user-error.ts';

/** Folder with what an export is writing. No reader of shards looks into a folder whose name begins with a dot. */
export const stagingDir = (outDir: string): string => join(outDir, '.next');

const commitPath = (outDir: string): string => join(stagingDir(outDir), 'commit.json');

/** Whether an export was killed while its files were taken over: `settle` does the rest. */
export const isHalfTaken = (outDir: string): boolean => existsSync(commitPath(outDir));

/** Takes over what lies in the staging folder; `removed` are paths below the export's folder that go. */
export function takeOver(outDir: string, removed: readonly string[]): void {
  writeFileAtomic(commitPath(outDir), `${JSON.stringify({ removed })}\n`);
  settle(outDir);
}

/** Finishes a taking over that was cut short; does nothing where there was none. */
export function settle(outDir: string): void {
  if (!isHalfTaken(outDir)) return;
  const staging = stagingDir(outDir);
  const { removed } = JSON.parse(readFileSync(commitPath(outDir), 'utf8')) as { removed: readonly string[] };
  // A set may come from anywhere: what it asks to delete lies in it.
  const isWithin = (path: unknown) => typeof path === 'string' && path.split(/[\\/]/).every((part) => /^\w/.test(part));
  if (!removed.every(isWithin)) throw expected('paths of this set', commitPath(outDir), 'others', 'delete that file');
  for (const path of removed) rmSync(join(outDir, path), { recursive: true, force: true });
  const staged = readdirSync(staging, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(staging.length + 1))
    .filter((path) => path !== 'commit.json' && !path.endsWith('.tmp') && !path.endsWith(rewritingNote))
    .sort((a, b) => Number(a === manifestName) - Number(b === manifestName) || (a < b ? -1 : 1));
  const folders = new Set<string>();
  for (const path of staged) {
    const folder = dirname(join(outDir, path));
    if (!folders.has(folder)) makeFolder(folder);
    folders.add(folder);
    renameSync(join(staging, path), join(outDir, path));
  }
  for (const folder of new Set(removed.map((path) => dirname(path)))) removeIfEmpty(join(outDir, folder));
  rmSync(staging, { recursive: true });
}

/** Removes staged files that belong to none of these shards (`train/00000`): of a killed export that had planned something else. */
export function pruneStaged(outDir: string, shards: ReadonlySet<string>): void {
  const staging = stagingDir(outDir);
  if (!existsSync(staging)) return;
  for (const entry of readdirSync(staging, { withFileTypes: true })) {
    if (!entry.isDirectory()) rmSync(join(staging, entry.name));
    else {
      for (const name of readdirSync(join(staging, entry.name))) {
        const [, shard = ''] = /^(\d+)(?:[._]|$)/.exec(name) ?? [];
        if (!shards.has(`${entry.name}/${shard}`)) rmSync(join(staging, entry.name, name), { recursive: true });
      }
    }
  }
}

/** Throws away what a killed export had written and not taken over. */
export function discardStaged(outDir: string): void {
  if (!isHalfTaken(outDir)) rmSync(stagingDir(outDir), { recursive: true, force: true });
}

/** Ends the name of a note that says what a staged shard was rewritten from, and without what. */
export const rewritingNote = '_rewritten.txt';

function removeIfEmpty(folder: string): void {
  if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}
