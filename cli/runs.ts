/** Where the runs of a corpus lie. */
import { join } from 'node:path';
import { UserError } from '../dataset/user-error.ts';
import { type Checkpoint, latestCheckpoint, readCheckpoint } from '../model/train/checkpoint.ts';
import { latestStage } from '../model/train/stages.ts';
import { requirePath } from './command.ts';

export const runDir = (corpusDir: string, run: string): string => join(corpusDir, 'runs', run);

/** The folder of a run that was trained, or of its newest stage. Throws a UserError where there is none. */
export function trainedDir(corpusDir: string, run: string): string {
  const dir = runDir(corpusDir, run);
  requirePath(dir, 'a run', 'run `lait pretrain` first');
  return latestStage(dir);
}

/** Reads a checkpoint, or the newest of a run, and says so where nothing tells whether its bytes are those that were written. */
export function openCheckpoint(path: string): Checkpoint {
  const checkpoint = readCheckpoint(path);
  if (!checkpoint.verified) console.error(`${checkpoint.dir} is of an older lait and has no checksums`);
  return checkpoint;
}

/** Throws a UserError where the data of a run is said to have changed and there is no run. */
export function requireRunFor(dataChanged: 'ok' | undefined, dir: string): void {
  if (dataChanged === undefined || latestCheckpoint(dir) !== undefined) return;
  throw new UserError(
    `--data-changed has no effect without a run that goes on, and ${dir} has no checkpoint; leave it out.`,
  );
}
