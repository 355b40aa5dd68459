/**
 * The parameters that compute contrast's linear start: heads and shortcuts whose result is what a ridge map gives, and regions that begin as
 * the words that such a map reads in them.
 */
import { itcSize, shortcutFolds } from '../net/parameters.ts';
import type { ContrastSpace } from '../ranking/contrast-space.ts';
import type { CaptionedFeature } from '../ranking/linear-map.ts';
import { tf, valuesOf } from '../runtime/backend.ts';
import type { Values } from '../runtime/parameter.ts';
import { type LinearMap, type Matrix, matrixOf, openRidge } from '../runtime/ridge.ts';
import type { ModelDescription } from './checkpoint.ts';

/** Images from whose predictions directions and sizes are found. Ours: the cost grows with the cube. */
export const maxPredicted = 2_000;

/** A parameter that only a model with shortcuts has. */
export const shortcutName = 'itc.text.shortcut';

export type Pieces = readonly number[];

/** As WordPiece marks a piece that goes on with a word. */
export const isInsideWord = (piece: string | undefined): boolean => piece?.startsWith('##') ?? false;

export interface TrainingImage extends CaptionedFeature<Pieces> {
  readonly fold: number;
}

/** A map that was fitted, and to what. */
export interface Fit {
  readonly map: LinearMap;
  readonly directions: Matrix;
  readonly lambda: number;
  readonly training: readonly TrainingImage[];
  /** Some of them. */
  readonly drawn: readonly TrainingImage[];
}

/**
 * The parameters that compute a map to its directions. Both sides are scaled to numbers of mean square 1 over some of the training images,
 * as the states beside them are, so that what training adds weighs as much.
 */
export function headsOf(
  { config: { hiddenSize: H, vocabularySize: V, featureSize: D, contrast }, vocabulary }: ModelDescription,
  { pieces, pieceWeights, state, fit }: ContrastSpace,
  { map: { offset }, directions, lambda, training, drawn }: Fit,
): Values {
  const K = directions.rows;
  const width = directions.columns;
  const along = ({ rows, values }: Matrix): Float32Array => product(values, [rows, width], directions.values, K);
  const constant = along({ rows: 1, columns: width, values: offset });
  const vectorsOf = fit([]) as (texts: readonly Pieces[]) => Matrix;
  /** [texts, K] */
  const placesOf = (texts: readonly Pieces[]) => along(vectorsOf(texts)).map((value, at) => value - constant[at % K]!);

  // An image's place is the mean of its texts'.
  const goals = new Float32Array(training.length * K);
  training.forEach(({ texts }, row) => {
    placesOf(texts).forEach((value, at) => {
      goals[row * K + (at % K)]! += value / texts.length;
    });
  });
  const imageWeight = new Float32Array(shortcutFolds * itcSize * D);
  const imageBias = new Float32Array(shortcutFolds * itcSize);
  for (let fold = 0; fold < shortcutFolds; fold++) {
    const own = training.flatMap((one, row) => (one.fold === fold ? [] : [row]));
    const ridge = openRidge(
      matrixOf(own.map((row) => training[row]!.feature)),
      matrixOf(own.map((row) => goals.subarray(row * K, (row + 1) * K))),
    );
    const { weights, scale, mean } = ridge.fit(lambda);
    ridge.dispose();
    weights.values.forEach((value, at) => {
      const [d, k] = [Math.floor(at / K), at % K];
      const row = fold * itcSize + k;
      imageWeight[row * D + d] = value / scale[d]!;
      imageBias[row]! -= (value / scale[d]!) * mean[d]!;
    });
  }
  const features = matrixOf(drawn.map(({ feature }) => feature));
  const images = product(features.values, [features.rows, D], imageWeight, shortcutFolds * itcSize);
  const image = toMeanSquareOne(
    images.map((value, at) => value + imageBias[at % imageBias.length]!),
    drawn.length * shortcutFolds,
  );

  const text = toMeanSquareOne(placesOf(drawn.map(({ texts }) => texts[0]!)), drawn.length);
  const textTable = new Float32Array(V * itcSize);
  const textWeight = new Float32Array(itcSize * H);
  const textBias = new Float32Array(itcSize);
  for (let k = 0; k < K; k++) {
    const own = directions.values.subarray(k * width, (k + 1) * width);
    pieces.forEach((piece, column) => {
      textTable[piece * itcSize + k] = text * own[column]! * pieceWeights[column]!;
    });
    textBias[k] = -text * constant[k]!;
    if (!state) continue;
    for (let h = 0; h < H; h++) {
      const weight = text * own[pieces.length + h]! * state.weight;
      textWeight[k * H + h] = weight;
      textBias[k]! -= weight * state.mean[h]!;
    }
  }
  return new Map([
    ['itc.image.weight', new Float32Array(itcSize * H)],
    ['itc.image.bias', new Float32Array(itcSize)],
    ['itc.image.shortcut.weight', imageWeight.map((value) => value * image)],
    ['itc.image.shortcut.bias', imageBias.map((value) => value * image)],
    ['itc.text.weight', textWeight],
    ['itc.text.bias', textBias],
    [shortcutName, textTable],
    ...(contrast?.wholeWords
      ? [['itc.text.shortcut.inside', Float32Array.from(vocabulary, (piece) => (isInsideWord(piece) ? 1 : 0))] as const]
      : []),
  ]);
}

/**
 * Regions begin as the words that a linear map reads in them: the map of a whole image's feature to the mean of its texts' word embeddings,
 * blown up to the size that a single word has. What the encoder knows of words then holds for regions.
 */
export function regionWords(
  { config: { hiddenSize: H, featureSize: D } }: ModelDescription,
  { values, space, training, lambda }: Pick<Fit, 'training' | 'lambda'> & { values: Values; space: ContrastSpace },
): Values {
  const table = values.get('bert.embeddings.word_embeddings.weight')!;
  const weightOf = new Map(space.pieces.map((piece, at) => [piece, space.pieceWeights[at]!]));
  const goals = training.map(({ texts }) => {
    const sum = new Float32Array(H);
    let total = 0;
    for (const piece of texts.flat()) {
      const weight = weightOf.get(piece);
      if (weight === undefined) continue;
      total += weight;
      for (let at = 0; at < H; at++) sum[at]! += weight * table[piece * H + at]!;
    }
    return total === 0 ? sum : sum.map((value) => value / total);
  });
  const ridge = openRidge(matrixOf(training.map(({ feature }) => feature)), matrixOf(goals));
  const { weights, scale, mean, offset } = ridge.fit(lambda);
  ridge.dispose();
  const weight = new Float32Array(H * D);
  const shift = new Float32Array(H);
  weights.values.forEach((value, at) => {
    const [d, h] = [Math.floor(at / H), at % H];
    weight[h * D + d] = value / scale[d]!;
    shift[h]! -= (value / scale[d]!) * mean[d]!;
  });
  const features = matrixOf(training.slice(0, maxPredicted).map(({ feature }) => feature));
  const predicted = product(features.values, [features.rows, D], weight, H).map((value, at) => value + shift[at % H]!);
  const words = space.pieces.flatMap((piece) => Array.from(offset, (one, at) => table[piece * H + at]! - one));
  const size = rootMeanSquare(words) / (rootMeanSquare(predicted) || 1);
  return new Map([
    ['visual.feature.weight', weight.map((value) => value * size)],
    ['visual.feature.bias', shift.map((value, at) => value * size + offset[at]!)],
    ...['weight', 'bias'].map(
      (part) => [`visual.LayerNorm.${part}`, values.get(`bert.embeddings.LayerNorm.${part}`)!.slice()] as const,
    ),
  ]);
}

function rootMeanSquare(values: ArrayLike<number>): number {
  let squares = 0;
  for (let at = 0; at < values.length; at++) squares += values[at]! ** 2;
  return Math.sqrt(squares / values.length);
}

/** [n, m] times the transpose of [k, m]: [n, k]. */
const product = (left: Float32Array, [n, m]: readonly [number, number], right: Float32Array, k: number): Float32Array =>
  valuesOf(() => tf.matMul(tf.tensor2d(left, [n, m]), tf.tensor2d(right, [k, m]), false, true));

/** What the numbers of `rows` vectors of length `itcSize` are multiplied with, so that their mean square is 1. */
const toMeanSquareOne = (values: Float32Array, rows: number): number =>
  1 / (rootMeanSquare(values) * Math.sqrt(values.length / (rows * itcSize)) || 1);
