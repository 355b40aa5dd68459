/**
 * Multi-stage pretraining (ImageBERT §4.3, Figure 5): the same network on one set of pairs after another, from large and noisy
 * to small and near the goal. Each stage is a run of its own that starts from the last one's weights.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../dataset/user-error.ts';
import { latestCheckpoint, readCheckpoint } from './checkpoint.ts';
import type { PretrainProgress, Watch } from './progress.ts';
import { type PretrainOptions, type PretrainSummary, pretrain } from './train.ts';

type Examples = Pick<PretrainOptions, 'source' | 'validation'>;

/** What a stage has of its own; everything else is the same in all. Its run is `runDir/NAME`. */
export interface Stage
  extends Pick<PretrainOptions, 'steps'>,
    Partial<Omit<PretrainOptions, 'runDir' | 'config' | 'steps' | keyof Examples>> {
  readonly name: string;
  /** Its examples, opened when it begins. */
  readonly open: () => Promise<Examples>;
}

export interface StageProgress extends PretrainProgress {
  readonly stage: string;
}

const listName = 'stages.json';

/**
 * Runs the stages in order; with `resume`, finished ones are passed over and a begun one goes on. Gives the last stage's summary.
 * Throws a UserError for no stages, for two of one name, and where the folder has a run without stages.
 */
export async function pretrainStages(
  base: Omit<PretrainOptions, 'steps' | keyof Examples>,
  stages: readonly Stage[],
  { onProgress, signal }: Watch<StageProgress> = {},
): Promise<PretrainSummary> {
  const names = stages.map(({ name }) => name);
  if (names.length === 0)
    throw new UserError('Expected at least one stage for pretraining but received none; list them.');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new UserError(`Expected stages of different names but received ${twice} twice; rename one.`);
  if (latestCheckpoint(base.runDir))
    throw new UserError(
      `Expected a run with stages at ${base.runDir} but received one without; go on without stages or choose another run.`,
    );
  mkdirSync(base.runDir, { recursive: true });
  writeFileSync(join(base.runDir, listName), `${JSON.stringify(names)}\n`);
  let from = base.startFrom;
  let summary: PretrainSummary | undefined;
  for (const { name, open, ...own } of stages) {
    const runDir = join(base.runDir, name);
    const before = base.resume ? latestCheckpoint(runDir) : undefined;
    const done = before ? readCheckpoint(before).state.step : 0;
    if (before && done >= own.steps) {
      summary = { steps: done, stopped: false, checkpoint: before, compiled: true };
    } else {
      summary = await pretrain(
        { ...base, ...own, ...(await open()), runDir, ...(from !== undefined && { startFrom: from }) },
        { ...(signal && { signal }), onProgress: (progress) => onProgress?.({ ...progress, stage: name }) },
      );
    }
    if (summary.stopped) return summary;
    from = join(summary.checkpoint, 'model.safetensors');
  }
  return summary as PretrainSummary;
}

/** The folder whose checkpoints stand for a run: its own, or of a run with stages the newest stage that has some. */
export function latestStage(runDir: string): string {
  const list = join(runDir, listName);
  if (!existsSync(list)) return runDir;
  const names = JSON.parse(readFileSync(list, 'utf8')) as string[];
  const begun = names.map((name) => join(runDir, name)).filter((dir) => latestCheckpoint(dir) !== undefined);
  return begun.at(-1) ?? runDir;
}
