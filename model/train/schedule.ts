/** Learning rate over a run: linear warm-up, then linear decay to 0, as BERT and ViLT (the paper gives only the peak), or half a cosine, as CLIP. */

export interface Schedule {
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
  /** How the rate falls after the warm-up. cosine: arXiv 1608.03983 without restarts, as CLIP (arXiv 2103.00020 §2.5). */
  readonly decay: Decay;
}

export type Decay = 'linear' | 'cosine';

/** The rate of step 0, 1, …, totalSteps − 1; above 0 at each of them. */
export function learningRate(step: number, { peak, warmupSteps, totalSteps, decay }: Schedule): number {
  if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
  const left = Math.max(0, totalSteps - step) / Math.max(1, totalSteps - warmupSteps);
  return decay === 'linear' ? peak * left : (peak * (1 - Math.cos(Math.PI * left))) / 2;
}

/** The share of the steps before hard negatives begin. Ours: docs/learning.md. */
const easyShare = 0.2;

/**
 * How far wrong pairs are chosen by similarity at a step: 0, any pair, at first, and then more and more up to 1 at the end. Matching that
 * meets the hardest early learns to say no to all.
 */
export const hardnessAt = (step: number, totalSteps: number): number =>
  Math.max(0, (step / totalSteps - easyShare) / (1 - easyShare));
