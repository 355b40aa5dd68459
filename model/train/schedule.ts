/** Learning rate over a run: linear warm-up, then linear decay to 0, as BERT and ViLT (the paper gives only the peak). */

export interface Schedule {
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/** The rate of step 0, 1, …, totalSteps − 1; above 0 at each of them. */
export function learningRate(step: number, { peak, warmupSteps, totalSteps }: Schedule): number {
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  return (peak * Math.max(0, totalSteps - step)) / Math.max(1, totalSteps - warmupSteps);
}

/** The share of the steps before hard negatives begin. Ours: docs/learning.md. */
const easyShare = 0.2;

/**
 * How far wrong pairs are chosen by similarity at a step: 0, any pair, at first, and then more and more up to 1 at the end. Matching that
 * meets the hardest early learns to say no to all.
 */
export const hardnessAt = (step: number, totalSteps: number): number =>
  Math.max(0, (step / totalSteps - easyShare) / (1 - easyShare));
