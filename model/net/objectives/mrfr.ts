/**
 * Masked region feature regression (ImageBERT §4.2): for the regions that MOC hides, the model gives back the feature; squared
 * L2 distance. It is divided by the feature's width D, so that its weight means the same for every detector.
 */
import { type Scalar, type Tensor, tf } from '../../runtime/backend.ts';
import type { Parameters } from '../../runtime/traced-function.ts';
import { linear, weightedMean } from '../layers.ts';
import type { ObjectiveResult } from '../objective.ts';

/** From hidden states [G, H] of hidden regions to their features [G, D]. */
export function mrfr(parameters: Parameters, hidden: Tensor, features: Tensor, counts: Tensor): ObjectiveResult {
  const distance = tf.mean(tf.squaredDifference(linear(parameters, 'cls.mrfr', hidden), features), -1); // [G]
  return { loss: weightedMean(distance, counts) as Scalar };
}
