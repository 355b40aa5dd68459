/** Where the runs of a corpus lie. */
import { join } from 'node:path';
import { runNamed } from '../dataset/run-names.ts';
import { UserError } from '../dataset/user-error.ts';
import { hubScheme } from '../model/formats/hub.ts';
import {
  bestCheckpoint,
  type Checkpoint,
  latestCheckpoint,
  readCheckpoint,
  type Which,
} from '../model/train/checkpoint.ts';
import type { Best } from '../model/train/progress.ts';
import { latestStage } from '../model/train/stages.ts';
import { requirePath } from './command.ts';
import { fetching } from './progress.ts';
import { percent } from './table.ts';
import { tell } from './tell.ts';

export const runDir = (corpusDir: string, run: string): string => join(corpusDir, 'runs', run);

/** The folder of a run that was trained, or of its newest stage; `hf://OWNER/NAME` is fetched first. Throws a UserError where there is none. */
export async function trainedDir(corpusDir: string, run: string, signal?: AbortSignal): Promise<string> {
  if (run.startsWith(hubScheme)) {
    const { ensureHubRun } = await import('../model/scorers/hub.ts');
    return ensureHubRun(run, { ...fetching, ...(signal && { signal }) });
  }
  const dir = runDir(corpusDir, runNamed(corpusDir, run));
  requirePath(dir, 'a run', 'run `lait pretrain` first');
  return latestStage(dir);
}

/**
 * Reads a checkpoint, or that of a run, and says which it took where a run has a best one, and where nothing tells whether its bytes
 * are those that were written.
 */
export function openCheckpoint(path: string, which: Which): Checkpoint {
  const checkpoint = readCheckpoint(path, which);
  const best = bestCheckpoint(path);
  const last = latestCheckpoint(path);
  if (best && last && best.checkpoint !== last) {
    const [taken, other] = which === 'best' ? ['best', 'last'] : ['last', 'best'];
    const stepOf = { best: best.step, last: readCheckpoint(last).state.step } as Record<string, number>;
    tell(
      `${path}: the ${taken} checkpoint, of step ${stepOf[taken]} (${other}: step ${stepOf[other]}; best by ${describeBest(best)})`,
    );
  }
  if (!checkpoint.verified) tell(`${checkpoint.dir} is of an older lait and has no checksums`);
  return checkpoint;
}

/** Throws a UserError where the data of a run is said to have changed and there is no run. */
export function requireRunFor(dataChanged: 'ok' | undefined, dir: string): void {
  if (dataChanged === undefined || latestCheckpoint(dir) !== undefined) return;
  throw new UserError(
    `--data-changed has no effect without a run that goes on, and ${dir} has no checkpoint; leave it out.`,
  );
}

/** The measure of a run's best checkpoint, and its value. */
export const describeBest = ({ by, value }: Pick<Best, 'by' | 'value'>): string =>
  by === 'retrieval'
    ? `held-out mean recall ${percent(value)}`
    : `held-out ${by === 'loss' ? '' : `${by} `}loss ${value.toFixed(3)}`;
