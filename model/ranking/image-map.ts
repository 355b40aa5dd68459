/**
 * What the whole image says by itself of the texts that a run has learned to place. Contrast begins at such a map, and learns away from it:
 * fitted once more when the texts have their places, by a kernel in place of a straight line, it knows what contrast's embedding of an
 * image does not. The embedding becomes the sum of both.
 */
import { itcSize } from '../net/parameters.ts';
import type { Regions } from '../regions/region.ts';
import { type KernelMap, openKernelMap } from '../runtime/kernel-ridge.ts';
import { matrixOf } from '../runtime/ridge.ts';
import { leastLosses } from './contrast-loss.ts';
import { sureGain } from './gain.ts';
import { cosinesOf } from './hubs.ts';
import { wholeImageFeature } from './linear-map.ts';
import type { Scoring } from './scoring.ts';
import { normalized } from './vectors.ts';

export interface ImageMap {
  /** From features of whole images to the mean of what their texts are embedded as. */
  readonly kernel: KernelMap;
  /** Of its prediction at length 1, beside contrast's embedding at length 1. */
  readonly weight: number;
}

/** Tried, beside nothing: from a quarter of contrast's embedding to twice. Ours. */
export const triedMapWeights: readonly number[] = [0.25, 0.5, 0.75, 1, 1.5, 2];

export interface OpenImageMap {
  /** What images are predicted as, [N, itcSize], each at length 1. Those that the map learned from: as if it had not. */
  predict(images: readonly Regions[]): Float32Array;
  /** Embeddings [N, itcSize] of contrast, and what is predicted for their images, as one at length 1. */
  add(embedded: Float32Array, images: readonly Regions[]): Float32Array;
  dispose(): void;
}

export function openImageMap({ kernel, weight }: ImageMap): OpenImageMap {
  const open = openKernelMap(kernel);
  const predict = (images: readonly Regions[]): Float32Array =>
    eachAtLengthOne(open.predict(matrixOf(images.map(wholeImageFeature))).values);
  return {
    predict,
    add: (embedded, images) => summed(embedded, predict(images), weight),
    dispose: open.dispose,
  };
}

/** The same, with what a map predicts in the embeddings of images. */
export const withImageMap = (scoring: Scoring, map: OpenImageMap): Scoring => ({
  ...scoring,
  embedImages: (images) => map.add(scoring.embedImages(images), images),
});

interface HeldOutPairs {
  /** By contrast, [N, itcSize]. */
  readonly images: Float32Array;
  readonly predicted: Float32Array;
  readonly texts: Float32Array;
}

/**
 * The weight with the surest gain on held-out pairs, as `sureGain` counts it, in contrast's loss among all of them, each weight at its own best scale.
 * 0 where none is sure.
 */
export function surestMapWeight({ images, predicted, texts }: HeldOutPairs): number {
  const owner = Array.from({ length: texts.length / itcSize }, (_, pair) => pair);
  const lossesBy = (weight: number): number[] => {
    const cosines = cosinesOf(summed(images, predicted, weight), texts);
    return (['image', 'text'] as const).flatMap((wanted) => [...leastLosses(cosines, owner, wanted)]);
  };
  const before = lossesBy(0);
  let best = { weight: 0, sure: 0 };
  for (const weight of triedMapWeights) {
    const sure = sureGain(lossesBy(weight).map((loss, query) => before[query]! - loss));
    if (sure > best.sure) best = { weight, sure };
  }
  return best.weight;
}

const summed = (embedded: Float32Array, predicted: Float32Array, weight: number): Float32Array =>
  eachAtLengthOne(embedded.map((value, at) => value + weight * predicted[at]!));

function eachAtLengthOne(values: Float32Array): Float32Array {
  for (let at = 0; at < values.length; at += itcSize) values.set(normalized(values.subarray(at, at + itcSize)), at);
  return values;
}
