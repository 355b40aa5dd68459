/**
 * A folder's new state is built beside it and put in its place when it is whole. Where there was nothing, that is one rename. Where files
 * stay, a list of what is to be moved and removed is written first: whoever comes after a kill does the rest of it.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
import { manifestName } from './manifest.ts';

/** Paths below the folder, `/` between parts. */
interface Switch {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

const switchName = 'switch.json';

const stagingOf = (folder: string): string => `${folder}.importing`;

/** Does what a killed `putInPlace` left undone, and removes what was begun and never whole. */
export function finishSwitch(folder: string): void {
  const staging = stagingOf(folder);
  const list = join(staging, switchName);
  if (existsSync(list)) apply(folder, staging, JSON.parse(readFileSync(list, 'utf8')) as Switch);
  rmSync(staging, { recursive: true, force: true });
}

/** An empty folder in which the new state is built; what an earlier one left is finished or removed first. */
export function openStaging(folder: string): string {
  finishSwitch(folder);
  const staging = stagingOf(folder);
  makeFolder(staging);
  return staging;
}

/** Gives the new state up. */
export const abandonStaging = (folder: string): void => rmSync(stagingOf(folder), { recursive: true, force: true });

/** Puts all staged files into the folder, the manifest last, and removes `remove` from it. */
export function putInPlace(folder: string, remove: readonly string[]): void {
  const staging = stagingOf(folder);
  if (isEmpty(folder)) {
    // Renamed onto an empty folder, or where none is.
    if (existsSync(folder)) rmdirSync(folder);
    makeFolder(dirname(folder));
    renameSync(staging, folder);
    return;
  }
  const staged = readdirSync(staging, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(staging, join(entry.parentPath, entry.name)))
    .sort((a, b) => Number(a === manifestName) - Number(b === manifestName) || (a < b ? -1 : 1));
  const list: Switch = { add: staged, remove };
  writeFileAtomic(join(staging, switchName), JSON.stringify(list));
  apply(folder, staging, list);
  rmSync(staging, { recursive: true, force: true });
}

export const isEmpty = (folder: string): boolean => !existsSync(folder) || readdirSync(folder).length === 0;

function apply(folder: string, staging: string, { add, remove }: Switch): void {
  for (const path of add) {
    if (!existsSync(join(staging, path))) continue;
    makeFolder(dirname(join(folder, path)));
    renameSync(join(staging, path), join(folder, path));
  }
  for (const path of remove) rmSync(join(folder, path), { force: true });
}
