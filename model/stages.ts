/**
 * Multi-stage pretraining (ImageBERT §4.3, Figure 5): the same network and objectives on one set of pairs after another, from large and
 * noisy to small and near the goal. Each stage is a run of its own that starts from the last one's weights.
 */
import { join } from 'node:path';
import { UserError } from '../dataset/user-error.ts';
import { latestCheckpoint, readCheckpoint } from './checkpoint.ts';
import type { PretrainProgress, Watch } from './progress.ts';
import { type PretrainOptions, type PretrainSummary, pretrain } from './train.ts';

/** What a stage has of its own; everything else is the same in all. Its run is `runDir/NAME`. */
export interface Stage
  extends Pick<PretrainOptions, 'source' | 'steps'>,
    Partial<Omit<PretrainOptions, 'runDir' | 'config' | 'source' | 'steps'>> {
  readonly name: string;
}

export interface StageProgress extends PretrainProgress {
  readonly stage: string;
}

/** Runs the stages in order; with `resume`, finished ones are passed over. Gives the last stage's summary. */
export async function pretrainStages(
  base: Omit<PretrainOptions, 'source' | 'steps'>,
  stages: readonly Stage[],
  { onProgress, signal }: Watch<StageProgress> = {},
): Promise<PretrainSummary> {
  if (stages.length === 0)
    throw new UserError('Expected at least one stage for pretraining but received none; list them.');
  let from = base.startFrom;
  let summary: PretrainSummary | undefined;
  for (const { name, ...own } of stages) {
    const runDir = join(base.runDir, name);
    const before = base.resume ? latestCheckpoint(runDir) : undefined;
    const done = before ? readCheckpoint(before).state.step : 0;
    if (before && done >= own.steps) {
      summary = { steps: done, stopped: false, checkpoint: before, compiled: true };
    } else {
      summary = await pretrain(
        { ...base, ...own, runDir, ...(from !== undefined && { startFrom: from }) },
        { ...(signal && { signal }), onProgress: (progress) => onProgress?.({ ...progress, stage: name }) },
      );
    }
    if (summary.stopped) return summary;
    from = join(summary.checkpoint, 'model.safetensors');
  }
  return summary as PretrainSummary;
}
