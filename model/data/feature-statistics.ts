/**
 * Region features on one scale: each of the D numbers minus its mean, over its standard deviation. Detectors' features share a
 * large constant part that drowns what tells images apart: on 1,046 drawings with CenterNet's features, ImageBERT learned
 * nothing from them in 1,200 steps without this. The statistics are measured once, when a run starts, and belong to the model.
 */
import { floatsOf } from '../runtime/half.ts';
import type { Example } from './example.ts';

export interface FeatureStatistics {
  /** [D] */
  readonly mean: Float32Array;
  /** [D] one over the standard deviation */
  readonly scale: Float32Array;
}

/** Leaves features as they are. */
export const identityStatistics = (featureSize: number): FeatureStatistics => ({
  mean: new Float32Array(featureSize),
  scale: new Float32Array(featureSize).fill(1),
});

/** A dimension that hardly varies is not blown up: its deviation counts as at least a hundredth of the average one. */
const minShare = 0.01;

/** Measures the features of up to `maxExamples` examples. */
export async function measureFeatureStatistics(
  examples: AsyncIterable<Example>,
  featureSize: number,
  maxExamples = 4096,
): Promise<FeatureStatistics> {
  const sum = new Float64Array(featureSize);
  const squares = new Float64Array(featureSize);
  let regions = 0;
  let read = 0;
  for await (const { regions: own } of examples) {
    const features = floatsOf(own.features);
    for (let at = 0; at < features.length; at++) {
      const value = features[at]!;
      sum[at % featureSize]! += value;
      squares[at % featureSize]! += value * value;
    }
    regions += own.labels.length;
    read += 1;
    if (read >= maxExamples) break;
  }
  if (regions === 0) return identityStatistics(featureSize);
  const mean = Float32Array.from(sum, (one) => one / regions);
  const deviation = Float32Array.from(squares, (one, at) =>
    Math.sqrt(Math.max(0, one / regions - (sum[at]! / regions) ** 2)),
  );
  const average = deviation.reduce((total, one) => total + one, 0) / featureSize;
  const minDeviation = average > 0 ? average * minShare : 1;
  return { mean, scale: deviation.map((one) => 1 / Math.max(one, minDeviation)) };
}

/** Writes a region's features, on the standard scale, to `target` from `at`. */
export function standardizeInto(
  target: Float32Array,
  at: number,
  features: Float32Array,
  { mean, scale }: FeatureStatistics,
): void {
  const D = mean.length;
  for (let index = 0; index < features.length; index++) {
    const place = index % D;
    target[at + index] = (features[index]! - mean[place]!) * scale[place]!;
  }
}
