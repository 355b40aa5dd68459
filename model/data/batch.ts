/**
 * Examples to the arrays of one step, all of one shape: padded, masked, paired. Words are hidden here. Features stay the bytes that lie in
 * the shards, one copy of them for a sample; which of them are hidden is said here, and the graph hides them (net/features.ts). What
 * objectives ask for is beside it.
 */

import { type Random, random } from '../../dataset/random.ts';
import type { ModelConfig } from '../net/config.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import type { ObjectiveWeights, PairedExample } from '../net/objective.ts';
import { shortcutFold } from '../net/objectives/itc.ts';
import { gumbelNoise, samePair, wrongPartners } from '../net/objectives/itm.ts';
import { hidePieces, mlmChance } from '../net/objectives/mlm.ts';
import { hideRegions, mocChance } from '../net/objectives/moc.ts';
import { type FedArray, feedOf } from '../runtime/array.ts';
import { floatsOf } from '../runtime/half.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import type { Example } from './example.ts';
import type { FeatureStatistics } from './feature-statistics.ts';

/** N pairs of at most W word pieces and R regions. */
export interface BatchShape {
  readonly pairs: number;
  readonly pieces: number;
  readonly regions: number;
  /** Where the halves of the examples [N, R, D] lie already, and zeros behind them; from `feedOf`. */
  readonly features?: Uint16Array | undefined;
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
  /** ITM and ITC read pairs of which nothing is hidden (ALBEF): hidden pieces come beside the whole ones, and `maskedShown` in place of `regionShown`. */
  readonly cleanMatching?: boolean;
}

/** Room for the hidden places of a row: a fifth of it, as hiding 15 %, and at least one, takes less than that on average. */
const room = (length: number, chance: number) => Math.max(2, Math.ceil(length * (chance + 0.05)));

/** Pairs of a batch whose other pairs are elsewhere. */
export interface PartOfBatch {
  /** All pairs of the batch, those here among them. */
  readonly all: readonly PairedExample[];
  /** The first of those here. */
  readonly first: number;
}

/**
 * A batch to learn from. Draws masks and wrong partners from `draw`; what is drawn for one pair depends on no other, so that a part of a batch
 * has what it has in the whole.
 */
export function trainingBatch(
  examples: readonly Example[],
  shape: BatchShape,
  { config, special, objectives, featureStatistics, maxOverlap, hardNegatives, cleanMatching }: BatchSetup,
  draw: Random,
  { all, first }: PartOfBatch = { all: examples, first: 0 },
): Arrays {
  const stream = draw.below(2 ** 32);
  const drawOf = (n: number, what: Drawn) => random(stream, first + n, what);
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
      for (const index of hidePieces(own, options, drawOf(n, drawn.pieces)))
        labels[places.add(n * T + 2 + R + index)] = before[index] ?? 0;
    });
    arrays.mlmPlaces = places.indexes();
    arrays.mlmCounts = places.counts();
    arrays.mlmLabels = { shape: [labels.length], values: labels };
  }
  if (objectives.moc + objectives.mrfr > 0) {
    const shown = new Float32Array(N * R).fill(1);
    const perImage = room(R, mocChance);
    const places = new Places(N * perImage);
    const labels = new Int32Array(N * perImage);
    const targets = new Int32Array(N * perImage);
    examples.forEach(({ regions }, n) => {
      const count = Math.min(regions.labels.length, R);
      const { predicted: asked, zeroed } = hideRegions(
        regions.boxes,
        count,
        { maxOverlap, limit: perImage },
        drawOf(n, drawn.regions),
      );
      for (const index of asked) {
        const place = places.add(n * T + 1 + index);
        labels[place] = regions.labels[index] ?? 0;
        targets[place] = n * R + index;
      }
      for (const index of zeroed) shown[n * R + index] = 0;
    });
    arrays[cleanMatching ? 'maskedShown' : 'regionShown'] = { shape: [N, R], values: shown };
    arrays.regionPlaces = places.indexes();
    arrays.regionCounts = places.counts();
    if (objectives.moc > 0) arrays.regionLabels = { shape: [labels.length], values: labels };
    if (objectives.mrfr > 0) arrays.regionRows = { shape: [labels.length], values: targets };
  }
  if (objectives.itm > 0 && hardNegatives) {
    const possible = examples.map((one) => (all.some((other) => !samePair(one, other)) ? 1 : 0));
    const counts = Float32Array.from([...new Array<number>(N).fill(1), ...possible, ...possible]);
    arrays.matched = { shape: [3 * N], values: new Float32Array(3 * N).fill(1, 0, N) };
    arrays.matchCounts = { shape: [3 * N], values: counts };
    for (const [name, what] of [
      ['sentenceNoise', drawn.sentences],
      ['imageNoise', drawn.images],
    ] as const) {
      const values = new Float32Array(N * all.length);
      for (let n = 0; n < N; n++) values.set(gumbelNoise(all.length, drawOf(n, what)), n * all.length);
      arrays[name] = { shape: [N, all.length], values };
    }
    arrays.hardness = { shape: [], values: Float32Array.of(1) };
  } else if (objectives.itm > 0) {
    const partners = wrongPartners(all, draw).slice(first, first + N);
    const counts = Float32Array.from([...partners.map(() => 1), ...partners.map((partner) => (partner < 0 ? 0 : 1))]);
    arrays.partners = { shape: [N], values: Int32Array.from(partners, (partner) => Math.max(partner, 0)) };
    arrays.matched = { shape: [2 * N], values: Float32Array.from({ length: 2 * N }, (_, row) => (row < N ? 1 : 0)) };
    arrays.matchCounts = { shape: [2 * N], values: counts };
  }
  if (objectives.itc > 0) {
    const counts = new Map<PairedExample, number>();
    const countOf = (one: PairedExample): number => {
      if (!counts.has(one)) counts.set(one, all.filter((other) => samePair(one, other)).length);
      return counts.get(one)!;
    };
    /** What contrast wants of each pair here and any other: 1, or with several the same a share, those of the image. */
    const wanted = (countedBy: (own: PairedExample, other: PairedExample) => PairedExample): FedArray => {
      const values = new Float32Array(N * all.length);
      examples.forEach((one, row) => {
        all.forEach((other, column) => {
          if (samePair(one, other))
            values[row * all.length + column] = 1 / countOf(countedBy(all[first + row]!, other));
        });
      });
      return { shape: [N, all.length], values };
    };
    arrays.sameImage = wanted((own) => own);
    // Of texts to images it is the columns, which are elsewhere.
    if (all.length > N) arrays.sameText = wanted((_, other) => other);
    if (config.contrast?.shortcut) {
      const folds = Int32Array.from(examples, ({ imageId }) => shortcutFold(imageId));
      arrays.shortcutFolds = { shape: [N], values: folds };
    }
  }
  return arrays;
}

/** What is drawn for a pair. */
const drawn = { pieces: 0, regions: 1, sentences: 2, images: 3 } as const;
type Drawn = (typeof drawn)[keyof typeof drawn];

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
      shape.features,
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

/**
 * `features` [N, R, D] as they come, halves where all images have halves, with `featureMean` and `featureScale` [D] of the standard scale;
 * `boxes` [N, R, 5] with the area last, `regionMask` [N, R]. `there` is `BatchShape.features`.
 */
export function imageArrays(
  images: readonly Example['regions'][],
  R: number,
  { mean, scale }: FeatureStatistics,
  there?: Uint16Array,
): Arrays {
  const D = mean.length;
  const N = images.length;
  const areHalves = images.every((image) => image.features instanceof Uint16Array);
  const features = there ?? (areHalves ? feedOf(Uint16Array, N * R * D) : feedOf(Float32Array, N * R * D));
  const boxes = new Float32Array(N * R * 5);
  const mask = new Float32Array(N * R);
  images.forEach((image, n) => {
    const count = Math.min(image.labels.length, R);
    const own = image.features.subarray(0, count * D);
    if (own.buffer !== there?.buffer) features.set(areHalves ? own : floatsOf(own), n * R * D);
    mask.fill(1, n * R, n * R + count);
    for (let index = 0; index < count; index++) {
      const [from, to] = [4 * index, 5 * (n * R + index)];
      for (let side = 0; side < 4; side++) boxes[to + side] = image.boxes[from + side]!;
      boxes[to + 4] = (image.boxes[from + 2]! - image.boxes[from]!) * (image.boxes[from + 3]! - image.boxes[from + 1]!);
    }
  });
  return {
    features: { shape: [N, R, D], values: features },
    featureMean: { shape: [D], values: mean.slice() },
    featureScale: { shape: [D], values: scale.slice() },
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

  indexes(): FedArray {
    return { shape: [this.#at.length], values: this.#at };
  }

  counts(): FedArray {
    return { shape: [this.#at.length], values: new Float32Array(this.#at.length).fill(1, 0, this.#used) };
  }
}
