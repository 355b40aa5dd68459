/** A model of one layer and examples made from a seed, small enough for a step in milliseconds. */

import { random } from '../../dataset/random.ts';
import type { Example } from '../../model/data/example.ts';
import { identityStatistics } from '../../model/data/feature-statistics.ts';
import type { ModelConfig } from '../../model/net/config.ts';
import type { ObjectiveWeights } from '../../model/net/objective.ts';

export const config: ModelConfig = {
  vocabularySize: 60,
  hiddenSize: 16,
  layers: 1,
  heads: 2,
  feedForwardSize: 32,
  dropout: 0.1,
  maxPositions: 32,
  layerNormEpsilon: 1e-12,
  maxRegions: 4,
  maxPieces: 8,
  featureSize: 6,
  classes: 5,
};

export const vocabulary: readonly string[] = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  ...Array.from({ length: config.vocabularySize - 5 }, (_, index) => `word${index}`),
];

export const special = { padId: 0, clsId: 2, sepId: 3, maskId: 4 };

export const allObjectives: ObjectiveWeights = { mlm: 1, moc: 1, mrfr: 1, itm: 1, itc: 1 };

export const batchSetup = {
  config,
  special,
  objectives: allObjectives,
  featureStatistics: identityStatistics(6),
  maxOverlap: 0.4,
};

/** Each image shows two things of ten, each text names them. */
export function smallExamples(count: number, seed = 1): Example[] {
  const draw = random(seed);
  const looks = Array.from({ length: 10 }, () => Array.from({ length: config.featureSize }, () => draw.normal()));
  return Array.from({ length: count }, (_, index) => {
    const things = [draw.below(10), draw.below(10)];
    const regions = 2 + draw.below(3);
    const shown = Array.from({ length: regions }, (_, region) => things[region % 2]!);
    return {
      key: `pair${index}`,
      imageId: `image${index}`,
      pieces: [...things.flatMap((thing) => [5 + 2 * thing, 6 + 2 * thing]), 40 + draw.below(20)],
      regions: {
        // Far apart, so that hiding one hides no other.
        boxes: Float32Array.from(shown.flatMap((_, region) => [region / 4, 0.1, region / 4 + 0.2, 0.6])),
        labels: Int32Array.from(shown, (thing) => thing % config.classes),
        confidences: new Float32Array(regions).fill(0.9),
        features: Float32Array.from(
          shown.flatMap((thing) => looks[thing]?.map((one) => one + 0.1 * draw.normal()) ?? []),
        ),
      },
    };
  });
}
