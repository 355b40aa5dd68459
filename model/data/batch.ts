/**
 * Examples to the arrays of one step, all of one shape: padded, masked, paired. Everything that is hidden from the model is
 * hidden here, before TensorFlow sees the batch, so nothing can leak through the graph; what objectives ask for is beside it.
 */

import type { Random } from '../../dataset/random.ts';
import type { ModelConfig } from '../net/config.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import type { ObjectiveWeights } from '../net/objective.ts';
import { shortcutFold } from '../net/objectives/itc.ts';
import { gumbelNoise, samePair, wrongPartners } from '../net/objectives/itm.ts';
import { hidePieces, mlmChance } from '../net/objectives/mlm.ts';
import { hideRegions, mocChance } from '../net/objectives/moc.ts';
import type { ShapedArray } from '../runtime/array.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import type { Example } from './example.ts';
import { type FeatureStatistics, standardizeInto } from './feature-statistics.ts';

/** N pairs of at most W word pieces and R regions. */
export interface BatchShape {
  readonly pairs: number;
  readonly pieces: number;
  readonly regions: number;
}

export interface BatchSetup {
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly objectives: ObjectiveWeights;
  readonly featureStatistics: FeatureStatistics;
  /** Regions that overlap a hidden one by more are hidden too. ViLBERT's: 0.4; 1 turns it off. */
  readonly maxOverlap: number;
  /** ITM's wrong pairs are chosen by ITC's similarities, twice as many (ALBEF). Needs both objectives. */
  readonly hardNegatives?: boolean;
  /** ITM and ITC read pairs of which nothing is hidden (ALBEF): hidden pieces come beside the whole ones, hidden regions as `regionShown`. */
  readonly cleanMatching?: boolean;
}

/** Room for the hidden places of a row: a fifth of it, as hiding 15 %, and at least one, takes less than that on average. */
const room = (length: number, chance: number) => Math.max(2, Math.ceil(length * (chance + 0.05)));

/** A batch to learn from. Draws masks and wrong partners from `draw`. */
export function trainingBatch(
  examples: readonly Example[],
  shape: BatchShape,
  { config, special, objectives, featureStatistics, maxOverlap, hardNegatives, cleanMatching }: BatchSetup,
  draw: Random,
): Arrays {
  const N = examples.length;
  const { pieces: W, regions: R } = shape;
  const T = 1 + R + 1 + W + 1;
  const arrays = plainBatch(examples, shape, { special, featureStatistics });
  if (objectives.mlm > 0) {
    const { shape, values } = arrays.pieces!;
    const pieces = cleanMatching ? (values as Int32Array).slice() : (values as Int32Array);
    if (cleanMatching) arrays.hiddenPieces = { shape, values: pieces };
    const perText = room(W, mlmChance);
    const places = new Places(N * perText);
    const labels = new Int32Array(N * perText);
    examples.forEach((example, n) => {
      const own = pieces.subarray(n * (W + 1), n * (W + 1) + Math.min(example.pieces.length, W));
      const before = own.slice();
      const options = { maskId: special.maskId, vocabularySize: config.vocabularySize, limit: perText };
      for (const index of hidePieces(own, options, draw))
        labels[places.add(n * T + 2 + R + index)] = before[index] ?? 0;
    });
    arrays.mlmPlaces = places.indexes();
    arrays.mlmCounts = places.counts();
    arrays.mlmLabels = { shape: [labels.length], values: labels };
  }
  if (objectives.moc + objectives.mrfr > 0) {
    const D = config.featureSize;
    const features = arrays.features!.values as Float32Array;
    const shown = new Float32Array(N * R).fill(1);
    const perImage = room(R, mocChance);
    const places = new Places(N * perImage);
    const labels = new Int32Array(N * perImage);
    const targets = new Float32Array(N * perImage * D);
    examples.forEach(({ regions }, n) => {
      const count = Math.min(regions.labels.length, R);
      const { predicted: asked, zeroed } = hideRegions(regions.boxes, count, { maxOverlap, limit: perImage }, draw);
      for (const index of asked) {
        const place = places.add(n * T + 1 + index);
        labels[place] = regions.labels[index] ?? 0;
        standardizeInto(targets, place * D, regions.features.subarray(index * D, (index + 1) * D), featureStatistics);
      }
      for (const index of zeroed) {
        if (cleanMatching) shown[n * R + index] = 0;
        else features.fill(0, (n * R + index) * D, (n * R + index + 1) * D);
      }
    });
    if (cleanMatching) arrays.regionShown = { shape: [N, R], values: shown };
    arrays.regionPlaces = places.indexes();
    arrays.regionCounts = places.counts();
    if (objectives.moc > 0) arrays.regionLabels = { shape: [labels.length], values: labels };
    if (objectives.mrfr > 0) arrays.regionTargets = { shape: [labels.length, D], values: targets };
  }
  if (objectives.itm > 0 && hardNegatives) {
    const possible = examples.map((one) => (examples.some((other) => !samePair(one, other)) ? 1 : 0));
    const counts = Float32Array.from([...new Array<number>(N).fill(1), ...possible, ...possible]);
    arrays.matched = { shape: [3 * N], values: new Float32Array(3 * N).fill(1, 0, N) };
    arrays.matchCounts = { shape: [3 * N], values: counts };
    arrays.sentenceNoise = { shape: [N, N], values: gumbelNoise(N * N, draw) };
    arrays.imageNoise = { shape: [N, N], values: gumbelNoise(N * N, draw) };
    arrays.hardness = { shape: [], values: Float32Array.of(1) };
  } else if (objectives.itm > 0) {
    const partners = wrongPartners(examples, draw);
    const counts = Float32Array.from([...partners.map(() => 1), ...partners.map((partner) => (partner < 0 ? 0 : 1))]);
    arrays.partners = { shape: [N], values: Int32Array.from(partners, (partner) => Math.max(partner, 0)) };
    arrays.matched = { shape: [2 * N], values: Float32Array.from({ length: 2 * N }, (_, row) => (row < N ? 1 : 0)) };
    arrays.matchCounts = { shape: [2 * N], values: counts };
  }
  if (objectives.itc > 0) {
    const same = new Float32Array(N * N);
    examples.forEach((one, row) => {
      const equals = examples.map((other) => samePair(one, other));
      const count = equals.filter(Boolean).length;
      equals.forEach((equal, column) => {
        if (equal) same[row * N + column] = 1 / count;
      });
    });
    arrays.sameImage = { shape: [N, N], values: same };
    if (config.contrast?.shortcut) {
      const folds = Int32Array.from(examples, ({ imageId }) => shortcutFold(imageId));
      arrays.shortcutFolds = { shape: [N], values: folds };
    }
  }
  return arrays;
}

/** Padded words with their last [SEP], and padded regions; nothing hidden. */
export function plainBatch(
  examples: readonly Example[],
  shape: BatchShape,
  { special, featureStatistics }: Pick<BatchSetup, 'special' | 'featureStatistics'>,
): Arrays {
  return {
    ...textArrays(
      examples.map((example) => example.pieces),
      shape.pieces,
      special,
    ),
    ...imageArrays(
      examples.map((example) => example.regions),
      shape.regions,
      featureStatistics,
    ),
  };
}

/** `pieces` [N, W + 1] int32: words, [SEP], padding; `pieceMask` [N, W + 1]. */
export function textArrays(texts: readonly (readonly number[])[], W: number, { padId, sepId }: SpecialPieces): Arrays {
  const pieces = new Int32Array(texts.length * (W + 1)).fill(padId);
  const mask = new Float32Array(pieces.length);
  texts.forEach((text, n) => {
    const kept = text.length > W ? text.slice(0, W) : text;
    const start = n * (W + 1);
    pieces.set(kept, start);
    pieces[start + kept.length] = sepId;
    mask.fill(1, start, start + kept.length + 1);
  });
  const shape = [texts.length, W + 1];
  return { pieces: { shape, values: pieces }, pieceMask: { shape, values: mask } };
}

/** `features` [N, R, D] on the standard scale, `boxes` [N, R, 5] with the area last, `regionMask` [N, R]. */
export function imageArrays(
  images: readonly Example['regions'][],
  R: number,
  featureStatistics: FeatureStatistics,
): Arrays {
  const D = featureStatistics.mean.length;
  const N = images.length;
  const features = new Float32Array(N * R * D);
  const boxes = new Float32Array(N * R * 5);
  const mask = new Float32Array(N * R);
  images.forEach((image, n) => {
    const count = Math.min(image.labels.length, R);
    standardizeInto(features, n * R * D, image.features.subarray(0, count * D), featureStatistics);
    mask.fill(1, n * R, n * R + count);
    for (let index = 0; index < count; index++) {
      const box = image.boxes.subarray(index * 4, index * 4 + 4);
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = box;
      boxes.set([x1, y1, x2, y2, (x2 - x1) * (y2 - y1)], (n * R + index) * 5);
    }
  });
  return {
    features: { shape: [N, R, D], values: features },
    boxes: { shape: [N, R, 5], values: boxes },
    regionMask: { shape: [N, R], values: mask },
  };
}

/** Places in the hidden states: a fixed number of them, of which only those added count. */
class Places {
  readonly #at: Int32Array;
  #used = 0;

  constructor(size: number) {
    this.#at = new Int32Array(size);
  }

  add(place: number): number {
    const index = this.#used;
    this.#at[index] = place;
    this.#used += 1;
    return index;
  }

  indexes(): ShapedArray {
    return { shape: [this.#at.length], values: this.#at };
  }

  counts(): ShapedArray {
    return { shape: [this.#at.length], values: new Float32Array(this.#at.length).fill(1, 0, this.#used) };
  }
}
