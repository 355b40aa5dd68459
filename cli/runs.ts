/** Where the runs of a corpus lie. */
import { join } from 'node:path';
import { latestStage } from '../model/train/stages.ts';
import { requirePath } from './command.ts';

export const runDir = (corpusDir: string, run: string): string => join(corpusDir, 'runs', run);

/** The folder of a run that was trained, or of its newest stage. Throws a UserError where there is none. */
export function trainedDir(corpusDir: string, run: string): string {
  const dir = runDir(corpusDir, run);
  requirePath(dir, 'a run', 'run `lait pretrain` first');
  return latestStage(dir);
}
