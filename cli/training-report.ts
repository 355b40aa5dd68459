/** What training tells a person while it runs, and at its end. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pictureName } from '../model/train/learning-picture.ts';
import type { HeldOutMeasures, TrainingProgress, TrainingSummary } from '../model/train/progress.ts';
import type { TakenWeights } from '../model/train/start-weights.ts';
import { clock, type Progress } from './progress.ts';
import { describeBest } from './runs.ts';
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
    for (const sign of state.signs ?? []) progress.line(`${stage === undefined ? '' : `${stage}  `}${sign}`);
    const everySteps = Math.max(10, Math.ceil(totalSteps / 200) * 10);
    if (checkpoint !== undefined || state.validation !== undefined || step % everySteps === 0)
      progress.line(`${stage === undefined ? '' : `${stage}  `}${describeLosses(state)}`);
  };

/** Says how much of a new run is from the weights that it starts from. */
export const showStartWeights =
  (progress: Progress) =>
  ({ taken, of, anew }: TakenWeights): void =>
    progress.line(`${taken} of ${of} tensors are from the weights to start from; anew begin ${anew.join(', ')}`);

/** Shows what a run still does behind its last step. */
export const showRankingAids =
  (progress: Progress) =>
  (done: number, total: number): void =>
    progress.update({ done, total, detail: 'images, texts and pairs that tell how to rank by a checkpoint' });

function describeSpeed({ flopsPerSecond, peakShare }: TrainingProgress): string {
  const speed = `${(flopsPerSecond / 1e9).toFixed(0)} GFLOP/s`;
  return peakShare === undefined ? speed : `${speed} (${percent(peakShare)} of peak)`;
}

function describeLosses({ step, losses, accuracies, validation, best }: TrainingProgress): string {
  const one = (name: keyof typeof losses): string => {
    const share = accuracies[name];
    return `${name} ${losses[name]?.toFixed(3)}${share === undefined ? '' : ` (${percent(share)})`}`;
  };
  const names = (Object.keys(losses) as (keyof typeof losses)[]).map(one).join('  ');
  const held = validation ? `  ${describeHeldOut(validation)}${best?.step === step ? ', the best so far' : ''}` : '';
  return `step ${String(step).padStart(6)}  ${names}${held}`;
}

/** The loss on held-out pairs and, where it is measured, recall at 1 and 10: an image for a text / a text for an image. */
function describeHeldOut({ loss, retrieval }: HeldOutMeasures): string {
  if (!retrieval) return `held out ${loss.toFixed(3)}`;
  const { image, text, among } = retrieval;
  const both = (at: 'r1' | 'r10'): string => `${percent(image[at])}/${percent(text[at])}`;
  return `held out ${loss.toFixed(3)}, R@1 ${both('r1')} R@10 ${both('r10')} of ${among}`;
}

/** How often a run of so many updates meets each image. */
export function describeEpochs(
  { steps, batchSize, accumulate }: { steps: number; batchSize: number; accumulate: number },
  samples: number,
): string {
  const pairs = batchSize * accumulate;
  const epochs = (steps * pairs) / Math.max(1, samples);
  return `${count(steps)} steps of ${count(pairs)} pairs, ${epochs.toFixed(1)} epochs`;
}

/** Says by which settings a run goes on that has learned by others. */
export const showChangedSettings =
  (progress: Progress) =>
  (changed: readonly string[]): void =>
    progress.line(`the run goes on with other settings: ${changed.join(', ')}`);

/** What a run says that was stopped before its last step. */
export const describeStop = ({ steps }: Pick<TrainingSummary, 'steps'>): string =>
  `stopped at step ${count(steps)}, saved; the same command goes on`;

/** Where the run lies when it ends, which checkpoint is the best, and why it ended before its last step. */
export function describeEnd({
  checkpoint,
  compiled,
  best,
  outOfPatience,
  stopped,
  steps,
  last,
}: TrainingSummary): string {
  const isDone = last === undefined && !outOfPatience && !stopped;
  const lines = [
    ...(isDone ? [`nothing to do: the run has its ${count(steps)} steps; a larger --steps goes on`] : []),
    `${checkpoint}${compiled ? '' : ' (steps ran op by op: this backend cannot compile them)'}`,
  ];
  if (last?.evaluationShare !== undefined) {
    lines.push(`evaluations of held-out pairs took ${percent(last.evaluationShare)} of the time`);
  }
  if (best) {
    lines.push(`the best is of step ${best.step}, by ${describeBest(best)}: ${best.checkpoint}`);
  }
  const picture = join(dirname(dirname(checkpoint)), pictureName);
  if (existsSync(picture)) lines.push(`how it learned: ${picture}`);
  if (stopped) lines.push(describeStop({ steps }));
  if (outOfPatience && best) {
    lines.push(
      `finished at step ${steps}: ${best.evaluationsSince} evaluations without a better one; a larger --patience, or none, goes on`,
    );
  }
  return lines.join('\n');
}
