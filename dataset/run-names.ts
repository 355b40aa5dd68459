/** Runs of training and their stages, by the names of their folders in a corpus' `runs/`: what is read of them without the model. */
import { readdirSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/** `pretrain`, `staged`, and `staged/close` of a stage; what else lies in a run's folder is among them too. */
export function runNames(corpusDir: string): string[] {
  const runs = join(corpusDir, 'runs');
  return foldersIn(runs).flatMap((run) => [run, ...foldersIn(join(runs, run)).map((stage) => `${run}/${stage}`)]);
}

/** Names of the folders in a folder, links to some among them; none where it is none, cannot be read, or is deleted meanwhile. */
export function foldersIn(path: string): string[] {
  try {
    return readdirSync(path).filter((name) => statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory());
  } catch {
    return [];
  }
}

/**
 * The name of a run, or of its stage, that is given as its path: `birds/runs/pretrain`, as commands print it, is `pretrain` in the corpus
 * birds. Anything else stays.
 */
export function runNamed(corpusDir: string, given: string): string {
  const parts = relative(resolve(corpusDir, 'runs'), resolve(given)).split(sep);
  return parts.length <= 2 && parts[0] !== '' && parts[0] !== '..' ? parts.join('/') : given;
}
