/**
 * Features of regions inside the graph. They come as a batch has them, halves widened and nothing hidden. Here they are put on the
 * model's scale, and what is hidden or padding becomes zeros: after the product with the layer's weights, of which nothing but zeros is left
 * then, so that one product serves those who see a region and those who do not.
 */
import { type Tensor, tf } from '../runtime/backend.ts';
import type { Inputs, Parameters } from '../runtime/traced-function.ts';
import { addBias, layerOf } from './layers.ts';

/** The regions of a batch. */
export interface RegionFeatures {
  /** [N, R, D] on the standard scale, nothing hidden. Nothing but targets may be read from it without `shown`. */
  readonly standard: Tensor;
  /** [N, R] 1, or 0 for padding and for regions that are hidden from every objective. */
  readonly shown: Tensor;
  /** [N, R] as `shown`, and 0 for regions that are hidden from the masked objectives alone; where there are such. */
  readonly maskedShown?: Tensor;
}

/** Of the inputs `features` [N, R, D], `featureMean` and `featureScale` [D], `regionMask` and perhaps `regionShown` or `maskedShown` [N, R]. */
export function regionFeatures(inputs: Inputs): RegionFeatures {
  const { features, featureMean, featureScale, regionMask, regionShown, maskedShown } = inputs;
  if (!features || !featureMean || !featureScale || !regionMask) throw new Error('The batch has no features.');
  return {
    standard: tf.mul(tf.sub(features, featureMean), featureScale),
    shown: regionShown ? tf.mul(regionMask, regionShown) : regionMask,
    ...(maskedShown && { maskedShown: tf.mul(regionMask, maskedShown) }),
  };
}

/** The layer `visual.feature` before its bias, nothing hidden: [N, R, D] to [N R, H]. */
export function projectFeatures(parameters: Parameters, standard: Tensor): Tensor {
  const [N, R, D] = standard.shape as [number, number, number];
  return tf.matMul(tf.reshape(standard, [N * R, D]), layerOf(parameters, 'visual.feature').weight, false, true);
}

/** What the layer `visual.feature` gives [N R, H] where regions that are not shown [N, R] have features of zeros. */
export const hideProjected = (parameters: Parameters, projected: Tensor, shown: Tensor): Tensor =>
  addBias(tf.mul(projected, tf.reshape(shown, [-1, 1])), layerOf(parameters, 'visual.feature').bias);

/** The rows [G] of regions, `N R` in all, that the model is asked for, as they are unhidden: [G, D]. */
export function targetFeatures({ standard }: RegionFeatures, rows: Tensor): Tensor {
  const [N, R, D] = standard.shape as [number, number, number];
  return tf.gather(tf.reshape(standard, [N * R, D]), rows as never);
}

/** How many of a batch's images have a feature that is infinite or no number. */
export function notFinite(features: Tensor): Tensor {
  // A sum of halves stays far below what float32 holds: it is finite where all of them are.
  const sums = tf.sum(features, [1, 2]); // [N]
  return tf.sum(tf.cast(tf.logicalNot(tf.isFinite(sums)), 'float32'));
}
