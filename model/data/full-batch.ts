/** A batch of pairs at their full length, made from a seed: what a step costs can be said, and measured, without data. */
import { type Random, random } from '../../dataset/random.ts';
import type { ModelConfig } from '../net/config.ts';
import { halvesFromFloats } from '../runtime/half.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import { type Collation, collate } from './collate.ts';
import type { Example } from './example.ts';
import { identityStatistics } from './feature-statistics.ts';

/** Numbers that features are made of; drawing each would take longer than a step. */
const drawnNumbers = 65_536;

/** Arrays of `pairs` true pairs; batch after batch others. */
export function fullBatch(collation: Collation, config: ModelConfig, pairs: number, batch = 0): Arrays {
  const { maxPieces: pieces, maxRegions: regions, featureSize } = config;
  const draw = random(0xf011, batch);
  const examples = fullExamples(config, pairs, draw, batch);
  return collate(collation, examples, { pairs, pieces, regions }, identityStatistics(featureSize), draw);
}

/** The true pairs of such a batch. */
export function fullExamples(config: ModelConfig, pairs: number, draw: Random, batch = 0): Example[] {
  const drawn = halvesFromFloats(Float32Array.from({ length: drawnNumbers }, () => draw.normal()));
  return Array.from({ length: pairs }, (_, index) => fullExample(config, drawn, draw, `${batch}.${index}`));
}

function fullExample(
  { maxRegions: R, maxPieces, featureSize: D, classes, vocabularySize }: ModelConfig,
  drawn: Uint16Array,
  draw: Random,
  key: string,
): Example {
  const features = new Uint16Array(R * D);
  for (let at = 0; at < features.length; ) {
    const from = draw.below(drawn.length);
    const part = drawn.subarray(from, Math.min(drawn.length, from + features.length - at));
    features.set(part, at);
    at += part.length;
  }
  return {
    key,
    imageId: key,
    // The first pieces of a vocabulary are special ones.
    pieces: Array.from({ length: maxPieces }, () => 5 + draw.below(vocabularySize - 5)),
    regions: {
      // A strip each, so that hiding one hides no other.
      boxes: Float32Array.from(Array.from({ length: R }, (_, region) => [region / R, 0, (region + 1) / R, 1]).flat()),
      labels: Int32Array.from({ length: R }, () => draw.below(classes)),
      confidences: new Float32Array(R).fill(0.5),
      features,
    },
  };
}
