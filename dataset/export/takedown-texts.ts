/** What a takedown does to the texts that training keeps beside its runs, as word pieces: a run that goes on makes them anew. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where a run keeps the texts that it learns from, as word pieces, while it goes on. No stage has a name that begins with a dot. */
export const runTexts = (runDir: string): string => join(runDir, '.texts');

/** Deletes those of all runs of a corpus; gives the folders. */
export function deleteRunTexts(corpusDir: string): string[] {
  const runs = join(corpusDir, 'runs');
  if (!existsSync(runs)) return [];
  const folders = readdirSync(runs).map((run) => runTexts(join(runs, run)));
  const there = folders.filter((folder) => existsSync(folder));
  for (const folder of there) rmSync(folder, { recursive: true, force: true });
  return there;
}
