/** An evaluation of a run: what the held-out pairs say, which step is the best by them, and what a person should know of it. */
import { bestAfter } from './best.ts';
import type { TrainingState } from './checkpoint.ts';
import type { HeldOut } from './held-out.ts';
import type { Metrics } from './metrics.ts';
import type { BestMeasure, TrainingProgress } from './progress.ts';
import { noSigns, signsAfter } from './signs.ts';

/**
 * The function that measures the held-out pairs and notes in the state which step is the best and what signs there are; it takes what
 * training measured since it was last called, and empties it. Gives nothing where there are no held-out pairs.
 */
export function evaluation(heldOut: HeldOut | undefined, by: BestMeasure, state: TrainingState) {
  const startedAt = performance.now();
  let tookMs = 0;
  return (sinceLast: Metrics): Partial<TrainingProgress> | undefined => {
    if (heldOut === undefined) return undefined;
    const beganAt = performance.now();
    const validation = heldOut.measure();
    const { losses } = sinceLast.measures();
    const training = { losses, ...(sinceLast.has('itmEntropy') && { itmEntropy: sinceLast.mean('itmEntropy') }) };
    sinceLast.reset();
    const { signs, lines } = signsAfter(state.signs ?? noSigns, { step: state.step, training, heldOut: validation });
    const best = bestAfter(state.best, by, state.step, validation);
    state.signs = signs;
    if (best) state.best = best;
    tookMs += performance.now() - beganAt;
    return {
      validation,
      ...(best && { best }),
      ...(lines.length > 0 && { signs: lines }),
      evaluationShare: tookMs / (performance.now() - startedAt),
    };
  };
}
