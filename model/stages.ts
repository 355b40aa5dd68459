/**
 * Multi-stage pretraining (ImageBERT §4.3, Figure 5): the same network and objectives on one set of pairs after another, from large and
 * noisy to small and near the goal. Each stage is a run of its own that starts from the last one's weights.
 */
import { join } from 'node:path';
import { UserError } from '../dataset/user-error.ts';
import { latestCheckpoint, readCheckpoint } from './checkpoint.ts';
import type { ExampleSource } from './data.ts';
import type { Example } from './example.ts';
import type { PretrainProgress, Watch } from './progress.ts';
import { random } from './random.ts';
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

/**
 * Examples of several sources by their shares. An epoch ends when each source has been read through once; shorter ones begin
 * again meanwhile, in another order.
 */
export function mixedSource(
  parts: readonly { readonly source: ExampleSource; readonly share: number }[],
  seed: number,
): ExampleSource {
  const total = parts.reduce((sum, { share }) => sum + share, 0);
  return {
    async *epoch(epoch) {
      const draw = random(seed, epoch, 0x3117ed);
      const open = parts.map(({ source, share }) => ({ source, share, rounds: 0, reader: readerOf(source, epoch, 0) }));
      while (open.some(({ rounds }) => rounds === 0)) {
        let at = draw.next() * total;
        const part = open.find(({ share }) => {
          at -= share;
          return at < 0;
        });
        if (!part) continue;
        let next = await part.reader.next();
        if (next.done) {
          part.rounds++;
          if (open.every(({ rounds }) => rounds > 0)) return;
          part.reader = readerOf(part.source, epoch, part.rounds);
          next = await part.reader.next();
          if (next.done)
            throw new UserError('Expected examples in every source of the mixture but one has none; leave it out.');
        }
        yield next.value;
      }
    },
  };
}

const readerOf = (source: ExampleSource, epoch: number, round: number): AsyncIterator<Example> =>
  source.epoch(epoch * 65_536 + round)[Symbol.asyncIterator]();
