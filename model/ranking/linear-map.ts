/**
 * The humble line beside every retrieval result: a linear map from the feature of an image to its captions, in closed form, made in
 * seconds from the features that the model sees. What a trained model does not find better than this, it has not learned. Of a
 * caption each word is a direction, weighted by how rare it is, or the whole is what a pretrained encoder makes of it.
 */
import { random } from '../../dataset/random.ts';
import type { Regions } from '../regions/region.ts';
import { tf, valuesOf } from '../runtime/backend.ts';
import { floatsOf } from '../runtime/half.ts';
import { type LinearMap, type Matrix, mapped, matrixOf, openRidge } from '../runtime/ridge.ts';
import { type BankTables, bankPairs, surestHubness, type TakenOff, withoutHubs } from './hubs.ts';
import { type ByDirection, meanRecalls, type Recalls, type RetrievalSet, recalls } from './recall.ts';
import { normalized, normalizedRows } from './vectors.ts';

type Pieces = readonly number[];

/** An image with the texts that describe it. */
export interface CaptionedFeature<Text = Pieces> {
  /** [D] */
  readonly feature: Float32Array;
  readonly texts: readonly Text[];
}

/** How texts become vectors of one length. */
export interface TextSpace<Text = Pieces> {
  readonly name: string;
  /** Learns from training texts what it needs; what it gives makes a row of length 1 for each text, [N, V]. */
  fit(texts: readonly Text[]): (texts: readonly Text[]) => Matrix | Promise<Matrix>;
}

export interface LinearMapResult {
  /** The text space. */
  readonly texts: string;
  readonly trainingImages: number;
  readonly lambda: number;
  readonly imageRetrieval: Recalls;
  readonly textRetrieval: Recalls;
  /** The same with hubs taken off as they are off contrast, so that both are compared alike. */
  readonly withoutHubs: { readonly taken: TakenOff; readonly imageRetrieval: Recalls; readonly textRetrieval: Recalls };
}

/** Ours: from hardly any restraint to one under which little more than the mean is left, for standardised features. */
const lambdas = [30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];

/** Ours: a fifth of the training images and at most so many choose λ. */
const maxHeldOut = 1_000;

/** Held-out pairs that how much is taken off for hubs is fitted on: as many as a run has. */
const maxHubsHeldOut = 256;

/** From fewer training images no map is made. Ours. */
export const minTrainingImages = 20;

/** What a part of the training images, left out of the fit, says of each λ. */
export interface LambdaChoice {
  /** The λ that retrieves best there. */
  readonly lambda: number;
  /** With that λ. */
  readonly found: ByDirection;
  /** Cosines [images × texts] with that λ, and each text's image. */
  readonly cosines: Float32Array;
  readonly owner: readonly number[];
}

/** Holds out images of at least `minTrainingImages`, fits a map to the others and looks which λ retrieves best among those held out. */
export async function chooseLambda<Text>(
  training: readonly CaptionedFeature<Text>[],
  space: TextSpace<Text>,
): Promise<LambdaChoice> {
  return withHeldOut(training, space, ({ choice }) => choice);
}

interface HeldOutMap<Text> {
  readonly choice: LambdaChoice;
  readonly map: OpenMap<Text>;
  readonly fitted: readonly CaptionedFeature<Text>[];
  readonly heldOut: readonly CaptionedFeature<Text>[];
}

/** Hands over the map that has not seen the held-out images, with the λ that they choose; it is gone afterwards. */
async function withHeldOut<Text, T>(
  training: readonly CaptionedFeature<Text>[],
  space: TextSpace<Text>,
  use: (one: HeldOutMap<Text>) => T | Promise<T>,
): Promise<T> {
  // Drawn, since every so-manieth of a list that repeats may be of one kind.
  const drawn = random(0).shuffle([...training]);
  const count = Math.min(maxHeldOut, Math.ceil(training.length / 5));
  const [heldOut, rest] = [drawn.slice(0, count), drawn.slice(count)];
  const map = await openMap(rest, space);
  try {
    const owner = heldOut.flatMap(({ texts }, image) => texts.map(() => image));
    const cosinesOf = await map.open(
      heldOut.map(({ feature }) => feature),
      heldOut.flatMap(({ texts }) => texts),
    );
    let best: LambdaChoice | undefined;
    for (const lambda of lambdas) {
      const cosines = cosinesOf(lambda);
      const found = recalls(cosines, owner);
      if (!best || quality(found) > quality(best.found)) best = { lambda, found, cosines, owner };
    }
    return await use({ choice: best!, map, fitted: rest, heldOut });
  } finally {
    map.dispose();
  }
}

const quality = ({ image, text }: ByDirection): number =>
  image.r1 + image.r5 + image.r10 + text.r1 + text.r5 + text.r10;

/**
 * Fits a map to training images, with the λ that retrieves best among a part of them that is held out, and retrieves within each test
 * set, also without hubs: training images tell those, the held-out part how much is taken off. The result is the mean over the sets.
 */
export async function linearMapRetrieval(
  training: readonly CaptionedFeature[],
  sets: readonly RetrievalSet[],
  space: TextSpace,
): Promise<LinearMapResult> {
  const { lambda, bank, taken } = await withHeldOut(training, space, async ({ choice, map, fitted, heldOut }) => {
    const bank = fitted.slice(0, bankPairs);
    const asked = heldOut.slice(0, maxHubsHeldOut);
    const tables = await beside(map, choice.lambda, bank, {
      features: asked.map(({ feature }) => feature),
      texts: asked.map(({ texts }) => texts[0]!),
    });
    const owner = asked.map((_, image) => image);
    return { lambda: choice.lambda, bank, taken: surestHubness(tables, owner) };
  });
  const map = await openMap(training, space);
  const found: Record<'asItIs' | 'withoutHubs', ByDirection>[] = [];
  try {
    for (const { images, texts, owner } of sets) {
      const tables = await beside(map, lambda, bank, { features: images.map(wholeImageFeature), texts });
      const without = withoutHubs(tables, [images.length, texts.length], taken);
      found.push({ asItIs: recalls(tables.cosines, owner), withoutHubs: recalls(without, owner) });
    }
  } finally {
    map.dispose();
  }
  const means = (kind: 'asItIs' | 'withoutHubs') => ({
    imageRetrieval: meanRecalls(found.map((one) => one[kind].image)),
    textRetrieval: meanRecalls(found.map((one) => one[kind].text)),
  });
  return {
    texts: space.name,
    trainingImages: training.length,
    lambda,
    ...means('asItIs'),
    withoutHubs: { taken, ...means('withoutHubs') },
  };
}

/** Cosines of features [D] and texts, and of both with the images and the first texts of a bank. */
async function beside<Text>(
  map: OpenMap<Text>,
  lambda: number,
  bank: readonly CaptionedFeature<Text>[],
  { features, texts }: { readonly features: readonly Float32Array[]; readonly texts: readonly Text[] },
): Promise<BankTables> {
  const between = async (some: readonly Float32Array[], others: readonly Text[]) =>
    (await map.open(some, others))(lambda);
  const images = bank.map(({ feature }) => feature);
  const first = bank.map((one) => one.texts[0]!);
  return {
    cosines: await between(features, texts),
    bankImages: await between(images, texts),
    bankTexts: transposed(await between(features, first), first.length),
  };
}

/** [m × n] to [n × m] */
function transposed(table: Float32Array, n: number): Float32Array {
  const m = table.length / n;
  return table.map((_, place) => table[(place % m) * n + Math.floor(place / m)]!);
}

/** The whole map for a λ, where it is to be kept. */
export async function fitLinearMap<Text>(
  training: readonly CaptionedFeature<Text>[],
  space: TextSpace<Text>,
  lambda: number,
): Promise<LinearMap> {
  const { ridge } = await fitted(training, space);
  try {
    return ridge.fit(lambda);
  } finally {
    ridge.dispose();
  }
}

async function fitted<Text>(training: readonly CaptionedFeature<Text>[], space: TextSpace<Text>) {
  const vectorsOf = space.fit(training.flatMap(({ texts }) => texts));
  const goals: Float32Array[] = [];
  for (const { texts } of training) goals.push(meanRow(await vectorsOf(texts)));
  return { vectorsOf, ridge: openRidge(matrixOf(training.map(({ feature }) => feature)), matrixOf(goals)) };
}

type OpenMap<Text> = Awaited<ReturnType<typeof openMap<Text>>>;

async function openMap<Text>(training: readonly CaptionedFeature<Text>[], space: TextSpace<Text>) {
  const { vectorsOf, ridge } = await fitted(training, space);
  return {
    /** Cosines [images × texts] by λ. */
    async open(features: readonly Float32Array[], texts: readonly Text[]): Promise<(lambda: number) => Float32Array> {
      const [images, vectors] = [matrixOf(features), await vectorsOf(texts)];
      return (lambda) => cosines(ridge.predict(lambda, images), vectors, ridge.offset);
    },
    dispose: () => ridge.dispose(),
  };
}

/** [V] */
function meanRow({ rows, columns, values }: Matrix): Float32Array {
  const mean = new Float32Array(columns);
  for (let at = 0; at < values.length; at++) mean[at % columns]! += values[at]! / rows;
  return mean;
}

/** Cosines [images × texts] of predictions and of texts less the offset, so that what all texts share counts for nothing. */
export function cosines(images: Matrix, texts: Matrix, offset: Float32Array): Float32Array {
  return valuesOf(() => {
    const unit = (rows: ReturnType<typeof tf.tensor2d>) => tf.div(rows, tf.add(tf.norm(rows, 2, 1, true), 1e-12));
    const v = unit(tf.tensor2d(images.values, [images.rows, images.columns]));
    const t = unit(tf.sub(tf.tensor2d(texts.values, [texts.rows, texts.columns]), offset));
    return tf.matMul(v, t, false, true);
  });
}

/** What a map makes of each feature [D], at length 1. */
export function imageVectors(map: LinearMap, features: readonly Float32Array[]): Float32Array[] {
  return normalizedRows(mapped(map, matrixOf(features)).values, features.length);
}

/** Each text's vector [V] less the offset, at length 1: its cosine with an image's vector is that of `pairedCosines`. */
export const textVectors = ({ offset }: LinearMap, texts: readonly Float32Array[]): Float32Array[] =>
  texts.map((text) => normalized(text.map((value, at) => value - offset[at]!)));

/** The cosine of what a map makes of each feature [D] and of the text's vector [V] beside it, less the offset. */
export function pairedCosines(
  map: LinearMap,
  features: readonly Float32Array[],
  texts: readonly Float32Array[],
): number[] {
  const { values, columns } = mapped(map, matrixOf(features));
  return texts.map((text, row) => {
    let [dot, one, other] = [0, 0, 0];
    for (let at = 0; at < columns; at++) {
      const [a, b] = [values[row * columns + at]!, text[at]! - map.offset[at]!];
      dot += a * b;
      one += a * a;
      other += b * b;
    }
    return dot / (Math.sqrt(one * other) + 1e-12);
  });
}

/** The feature [D] of the region that covers most of the image; the mean of all that cover as much, as patches do. */
export function wholeImageFeature({ boxes, labels, features }: Regions): Float32Array {
  const D = features.length / labels.length;
  const area = (at: number) => (boxes[4 * at + 2]! - boxes[4 * at]!) * (boxes[4 * at + 3]! - boxes[4 * at + 1]!);
  const areas = Array.from(labels, (_, at) => area(at));
  // Sides of patches differ by rounding.
  const largest = areas.flatMap((one, at) => (one > Math.max(...areas) - 1e-6 ? [at] : []));
  const rows = largest.map((at) => floatsOf(features.subarray(at * D, (at + 1) * D)));
  return meanRow(matrixOf(rows));
}
