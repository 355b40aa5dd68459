/**
 * Where contrast begins: at the linear map that retrieves best on held-out training pairs, instead of at random. Ridge regression maps
 * the feature of a whole image to its texts, and the directions that it predicts best become the space where both are compared.
 * A text is there what its word pieces are and, where the encoder comes from a text model, what that makes of it. Closed form, seconds,
 * no seed. What training adds starts at 0, so that a run begins where the linear map ends.
 */
import { setImmediate } from 'node:timers/promises';
import { random } from '../../dataset/random.ts';
import { textArrays } from '../data/batch.ts';
import { type FeatureStatistics, standardizeInto } from '../data/feature-statistics.ts';
import { bucketFor, lengthBuckets } from '../data/sampler.ts';
import type { ExampleSource } from '../data/source.ts';
import { specialPieceIds } from '../data/tokenizer.ts';
import { poolTexts } from '../net/imagebert.ts';
import { learnedScale, shortcutFold } from '../net/objectives/itc.ts';
import { itcSize, parameterSpecs, shortcutFolds } from '../net/parameters.ts';
import { type ContrastSpace, contrastSpace } from '../ranking/contrast-space.ts';
import {
  type CaptionedFeature,
  chooseLambda,
  fitLinearMap,
  minTrainingImages,
  wholeImageFeature,
} from '../ranking/linear-map.ts';
import { tf, valuesOf } from '../runtime/backend.ts';
import { openExecutable } from '../runtime/executable.ts';
import type { Values } from '../runtime/parameter.ts';
import { predictedDirections } from '../runtime/reduced-map.ts';
import { type LinearMap, type Matrix, matrixOf, openRidge } from '../runtime/ridge.ts';
import type { Precision } from '../runtime/traced-function.ts';
import type { ModelDescription } from './checkpoint.ts';

/** Ours: a map of 2,000 inputs gains little from more. */
const maxImages = 10_000;
/** An epoch gives one text of each image, and five are as many as image-caption sets have. */
const maxEpochs = 5;
/** Images from whose predictions the directions are found. Ours: the cost grows with the cube. */
const maxPredicted = 2_000;

/** A parameter that only a model with shortcuts has. */
export const shortcutName = 'itc.text.shortcut';

type Pieces = readonly number[];

interface TrainingImage extends CaptionedFeature<Pieces> {
  readonly fold: number;
}

export interface ContrastStartOptions {
  /** The other parameters. */
  readonly values: Values;
  readonly featureStatistics: FeatureStatistics;
  /** Whether they hold an encoder that knows texts. */
  readonly pretrained: boolean;
  readonly precision?: Precision;
  readonly signal?: AbortSignal | undefined;
  /** Hears of each batch of texts that the encoder has read. */
  readonly onTexts?: ((done: number, total: number) => void) | undefined;
}

/** First values of contrast's heads and shortcuts, or undefined where there are too few images for a map. Throws the signal's reason. */
export async function startContrast(
  description: ModelDescription,
  source: ExampleSource,
  options: ContrastStartOptions,
): Promise<Values | undefined> {
  const { values, pretrained, signal } = options;
  const training = await readCaptioned(source, options.featureStatistics);
  if (training.length < 2 * minTrainingImages) return undefined;
  const texts = training.flatMap((one) => one.texts);
  const states = pretrained ? await statesOf(description, texts, options) : undefined;
  // A piece inside a word, as WordPiece marks it, says little by itself.
  const space = contrastSpace(texts, { counts: (piece) => !description.vocabulary[piece]?.startsWith('##'), states });
  const { lambda, cosines, owner } = await chooseLambda(training, space);
  await setImmediate();
  signal?.throwIfAborted();
  const map = await fitLinearMap(training, space, lambda);
  const drawn = random(0)
    .shuffle([...training])
    .slice(0, maxPredicted);
  const directions = predictedDirections(map, matrixOf(drawn.map(({ feature }) => feature)), itcSize);
  const heads = headsOf(description, space, { map, directions, lambda, training, drawn });
  for (const [name, own] of regionWords(description, { values, space, training, lambda })) heads.set(name, own);
  heads.set('itc.temperature', Float32Array.of(learnedScale(bestScale(cosines, owner))));
  return heads;
}

/** Images with the texts that the first epochs give of them, features on the model's scale. */
async function readCaptioned(source: ExampleSource, featureStatistics: FeatureStatistics): Promise<TrainingImage[]> {
  const found = new Map<string, TrainingImage & { texts: Pieces[] }>();
  for (let epoch = 0; epoch < maxEpochs && (epoch === 0 || found.size < maxImages); epoch++) {
    for await (const { imageId, pieces, regions } of source.epoch(epoch)) {
      const known = found.get(imageId);
      if (known) {
        if (!known.texts.some((text) => text.join() === pieces.join())) known.texts.push(pieces);
        continue;
      }
      if (found.size === maxImages) break;
      const feature = new Float32Array(featureStatistics.mean.length);
      standardizeInto(feature, 0, wholeImageFeature(regions), featureStatistics);
      found.set(imageId, { feature, texts: [pieces], fold: shortcutFold(imageId) });
    }
  }
  return [...found.values()];
}

/** What the encoder makes of each text, by the model's own pooling. */
async function statesOf(
  { config, vocabulary }: ModelDescription,
  texts: readonly Pieces[],
  { values, precision = 'f32', signal, onTexts }: ContrastStartOptions,
): Promise<Map<Pieces, Float32Array>> {
  const special = specialPieceIds(vocabulary);
  const parameters = parameterSpecs({ ...config }, { itc: false });
  const model = openExecutable({
    parameters,
    precision,
    functions: {
      pool: (inputs, named) => ({ outputs: { states: poolTexts({ config, special, parameters: named }, inputs) } }),
    },
  });
  const batchSize = 64;
  const { pieces: buckets } = lengthBuckets(config);
  const known = new Map<Pieces, Float32Array>();
  try {
    model.load(new Map(parameters.map(({ name }) => [name, values.get(name)!])));
    const sorted = [...texts].sort((one, other) => one.length - other.length);
    for (let from = 0; from < sorted.length; from += batchSize) {
      const some = sorted.slice(from, from + batchSize);
      const whole = Array.from({ length: batchSize }, (_, at) => some[at] ?? some[0]!);
      const longest = bucketFor(buckets, Math.max(...some.map((text) => text.length)));
      const states = model.run('pool', textArrays(whole, longest, special)).states as Float32Array;
      const H = config.hiddenSize;
      some.forEach((text, at) => {
        known.set(text, states.slice(at * H, (at + 1) * H));
      });
      onTexts?.(known.size, texts.length);
      // Lets signals have their turn.
      await setImmediate();
      signal?.throwIfAborted();
    }
  } finally {
    model.dispose();
  }
  return known;
}

interface Fit {
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
function headsOf(
  { config: { hiddenSize: H, vocabularySize: V, featureSize: D } }: ModelDescription,
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
  ]);
}

/**
 * Regions begin as the words that a linear map reads in them: the map of a whole image's feature to the mean of its texts' word embeddings,
 * blown up to the size that a single word has. What the encoder knows of words then holds for regions.
 */
function regionWords(
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

/** Pairs of a batch in which scales are compared, and how many batches are drawn. Ours. */
const [scaleBatch, scaleBatches] = [32, 60];
const scales = Array.from({ length: 20 }, (_, step) => 3 * 1.2 ** step);

/** What cosines [images × texts] of held-out pairs are best multiplied with, for the lowest contrast loss. */
export function bestScale(cosines: Float32Array, owner: readonly number[]): number {
  const texts = owner.length;
  const images = cosines.length / texts;
  const own = Array.from({ length: images }, () => [] as number[]);
  owner.forEach((image, text) => {
    own[image]!.push(text);
  });
  const draw = random(0);
  const losses = new Float64Array(scales.length);
  const size = Math.min(scaleBatch, images);
  for (let batch = 0; batch < scaleBatches; batch++) {
    const drawn = draw.shuffle(Array.from({ length: images }, (_, image) => image)).slice(0, size);
    const named = drawn.map((image) => own[image]![draw.below(own[image]!.length)]!);
    const at = (row: number, column: number) => cosines[drawn[row]! * texts + named[column]!]!;
    scales.forEach((scale, index) => {
      for (let one = 0; one < size; one++) {
        const rest = (value: (other: number) => number) =>
          Math.log(drawn.reduce((sum, _, other) => sum + Math.exp(scale * (value(other) - at(one, one))), 0));
        losses[index]! += rest((other) => at(one, other)) + rest((other) => at(other, one));
      }
    });
  }
  return scales[losses.indexOf(Math.min(...losses))]!;
}
