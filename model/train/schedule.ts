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
