/** What a takedown does to the texts that training keeps beside its runs, as word pieces: a run that goes on makes them anew. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where a run keeps the texts that it learns from, as word pieces, while it goes on. No stage has a name that begins with a dot. */
export const runTexts = (runDir: string): string => join(runDir, '.texts');

/** Deletes those of one run, where there are any. */
export const deleteTextsOf = (runDir: string): void => rmSync(runTexts(runDir), { recursive: true, force: true });

/** Deletes those of all runs of a corpus; gives the folders. */
export function deleteRunTexts(corpusDir: string): string[] {
  const there = findRunTexts(corpusDir);
  for (const folder of there) rmSync(folder, { recursive: true, force: true });
  return there;
}

/** The folders of those of all runs of a corpus. */
export function findRunTexts(corpusDir: string): string[] {
  const runs = join(corpusDir, 'runs');
  if (!existsSync(runs)) return [];
  const there = readdirSync(runs)
    .map((run) => join(runs, run))
    .filter((run) => existsSync(runTexts(run)));
  return there.map(runTexts);
}
