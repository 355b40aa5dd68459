/**
 * Which of a run's checkpoints is the best, by one held-out measure, and when the measure has not improved for so long that the run
 * ends (early stopping, as Hugging Face's `EarlyStoppingCallback` counts it: evaluations, not steps).
 */
import { expected } from '../../dataset/user-error.ts';
import type { ObjectiveName, ObjectiveWeights } from '../net/objective.ts';
import type { BestBy } from './defaults.ts';
import { meanRecall } from './held-out.ts';
import type { Best, BestMeasure, HeldOutMeasures } from './progress.ts';

/** The measure that a setting stands for. Throws a UserError where what is learned does not have it. */
export function bestMeasure(bestBy: BestBy, weights: Partial<ObjectiveWeights>): BestMeasure {
  const learns = (name: ObjectiveName): boolean => (weights[name] ?? 0) > 0;
  const ranks = learns('itc') || learns('itm');
  if (bestBy === 'auto') return ranks ? 'retrieval' : 'loss';
  if (bestBy === 'retrieval' ? ranks : bestBy === 'loss' || learns(bestBy)) return bestBy;
  const needed = bestBy === 'retrieval' ? 'itc or itm' : bestBy;
  throw expected('a measure of what is learned', 'bestBy', bestBy, `give ${needed} a weight above 0, or take another`);
}

/** The best after an evaluation at `step`: that one where it is better than all before, else the one before. */
export function bestAfter(
  best: Best | undefined,
  by: BestMeasure,
  step: number,
  measured: HeldOutMeasures,
): Best | undefined {
  const before = best?.by === by ? best : undefined;
  const value = valueBy(by, measured);
  const better = by === 'retrieval' ? value > (before?.value ?? -1) : value < (before?.value ?? Infinity);
  if (better) return { step, by, value, evaluationsSince: 0 };
  return before && { ...before, evaluationsSince: before.evaluationsSince + 1 };
}

function valueBy(by: BestMeasure, { loss, losses, retrieval }: HeldOutMeasures): number {
  if (by === 'retrieval') return retrieval ? meanRecall(retrieval) : Number.NaN;
  return (by === 'loss' ? loss : losses[by]) ?? Number.NaN;
}

/** Whether so many evaluations have passed without a better one that a run with this patience ends. */
export const patienceSpent = (best: Best | undefined, patience: number | undefined): boolean =>
  patience !== undefined && best !== undefined && best.evaluationsSince >= patience;
