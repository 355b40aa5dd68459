/**
 * Masked object classification (ImageBERT §4.2): 15 % of the regions are hidden, of which 90 % get a feature of zeros and 10 %
 * keep theirs; the model says the class that the detector gave. Boxes of one object overlap, so regions that overlap a hidden
 * one by more than 0.4 (intersection over union) lose their features as well, as ViLBERT (arXiv 1908.02265) does; without
 * that the hidden feature can be read off its neighbour.
 */

import type { Random } from '../../../dataset/random.ts';
import { iou } from '../../iou.ts';
import { type Scalar, type Tensor, tf } from '../../runtime/backend.ts';
import type { Parameters } from '../../runtime/traced-function.ts';
import { areSame, crossEntropy, linear, weightedMean } from '../layers.ts';
import type { ObjectiveResult } from '../objective.ts';

export const mocChance = 0.15;

export interface HiddenRegions {
  /** Regions that MOC and MRFR predict. */
  readonly predicted: number[];
  /** Regions whose feature becomes zeros. */
  readonly zeroed: Set<number>;
}

/**
 * Chooses among `count` regions with boxes [R, 4], at least one to predict and at most `limit`; but where that would hide all of
 * them, none in 85 % of the cases.
 */
export function hideRegions(
  boxes: Float32Array,
  count: number,
  { maxOverlap, limit }: { readonly maxOverlap: number; readonly limit: number },
  draw: Random,
): HiddenRegions {
  const predicted: number[] = [];
  for (let index = 0; index < count; index++) if (draw.next() < mocChance) predicted.push(index);
  if (predicted.length === 0) predicted.push(draw.below(count));
  if (predicted.length > limit) draw.shuffle(predicted).length = limit;
  const zeroed = new Set<number>();
  const kept = new Set<number>();
  for (const index of predicted) (draw.next() < 0.9 ? zeroed : kept).add(index);
  for (const index of [...zeroed]) {
    for (let other = 0; other < count; other++) {
      if (!kept.has(other) && iou(boxes, index, boxes, other) > maxOverlap) zeroed.add(other);
    }
  }
  // An image of few or overlapping regions would nearly always lose them all, and nothing could be learned about it.
  if (zeroed.size === count && draw.next() >= mocChance) return { predicted: [], zeroed: new Set() };
  return { predicted, zeroed };
}

/** From hidden states [G, H] to logits of the detector's classes [G, K]. */
export const classLogits = (parameters: Parameters, hidden: Tensor): Tensor => linear(parameters, 'cls.moc', hidden);

/** From hidden states [G, H] of hidden regions to the detector's classes [G]. */
export function moc(parameters: Parameters, hidden: Tensor, labels: Tensor, counts: Tensor): ObjectiveResult {
  const logits = classLogits(parameters, hidden); // [G, K]
  const right = areSame(tf.argMax(logits, -1), labels);
  return {
    loss: weightedMean(crossEntropy(logits, labels), counts) as Scalar,
    accuracy: weightedMean(right, counts) as Scalar,
  };
}
