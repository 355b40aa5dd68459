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

/** The share of the steps over which hard negatives become as hard as they will be. Ours: docs/learning.md. */
const hardeningShare = 0.3;

/**
 * How far wrong pairs are chosen by similarity at a step: from 0, any pair, to 1. Matching that meets the hardest from the first step
 * learns to say no to all.
 */
export const hardnessAt = (step: number, totalSteps: number): number =>
  Math.min(1, step / Math.max(1, hardeningShare * totalSteps));
