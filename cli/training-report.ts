/** What training tells a person while it runs, and at its end. */
import type { TrainingProgress, TrainingSummary } from '../model/train/progress.ts';
import { clock, type Progress } from './progress.ts';
import { count, percent } from './table.ts';

/** Shows a step on the bar, and twenty of a run and every checkpoint as lines that stay; `stage` names what it belongs to. */
export const showStep =
  (progress: Progress) =>
  (state: TrainingProgress, stage?: string): void => {
    const { step, totalSteps, samplesPerSecond, tokensPerSecond, secondsLeft, waitShare, checkpoint } = state;
    const speed = `${samplesPerSecond.toFixed(0)} samples/s, ${count(Math.round(tokensPerSecond))} tokens/s, ${describeSpeed(state)}`;
    const left = `${clock(secondsLeft * 1000)} left, ${percent(waitShare)} waiting for data`;
    const whose = stage === undefined ? '' : `${stage}, `;
    progress.update({ done: step, total: totalSteps, detail: `${whose}${speed}, ${left}` });
    const everySteps = Math.max(10, Math.ceil(totalSteps / 200) * 10);
    if (checkpoint !== undefined || step % everySteps === 0)
      progress.line(`${stage === undefined ? '' : `${stage}  `}${describeLosses(state)}`);
  };

function describeSpeed({ flopsPerSecond, peakShare }: TrainingProgress): string {
  const speed = `${(flopsPerSecond / 1e9).toFixed(0)} GFLOP/s`;
  return peakShare === undefined ? speed : `${speed} (${percent(peakShare)} of peak)`;
}

function describeLosses({ step, losses, accuracies, validation }: TrainingProgress): string {
  const one = (name: keyof typeof losses): string => {
    const share = accuracies[name];
    return `${name} ${losses[name]?.toFixed(3)}${share === undefined ? '' : ` (${percent(share)})`}`;
  };
  const names = (Object.keys(losses) as (keyof typeof losses)[]).map(one).join('  ');
  const held = validation ? `  held out ${validation.loss.toFixed(3)}` : '';
  return `step ${String(step).padStart(6)}  ${names}${held}`;
}

/** How often a run of so many updates meets each image. */
export function describeEpochs(
  { steps, batchSize, accumulate }: { steps: number; batchSize: number; accumulate: number },
  images: number,
): string {
  const pairs = batchSize * accumulate;
  const epochs = (steps * pairs) / Math.max(1, images);
  return `${count(steps)} steps of ${count(pairs)} pairs, ${epochs.toFixed(1)} epochs`;
}

/** Where the run lies when it ends. */
export const describeEnd = ({ checkpoint, compiled }: TrainingSummary): string =>
  `${checkpoint}${compiled ? '' : ' (steps ran op by op: this backend cannot compile them)'}`;
