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
import { itcSize, parameterSpecs } from '../net/parameters.ts';
import { contrastSpace } from '../ranking/contrast-space.ts';
import { chooseLambda, fitLinearMap, minTrainingImages } from '../ranking/linear-map.ts';
import { openExecutable } from '../runtime/executable.ts';
import type { Values } from '../runtime/parameter.ts';
import { predictedDirections } from '../runtime/reduced-map.ts';
import { matrixOf } from '../runtime/ridge.ts';
import type { Precision } from '../runtime/traced-function.ts';
import { bestScale } from './best-scale.ts';
import { readCaptioned } from './captioned.ts';
import type { ModelDescription } from './checkpoint.ts';
import { headsOf, isInsideWord, maxPredicted, type Pieces, regionWords, type TrainingImage } from './contrast-heads.ts';

/** Ours: a map of 2,000 inputs gains little from more. */
const maxImages = 10_000;

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
  const training = (await readCaptioned(source, maxImages)).map(({ imageId, feature: raw, texts }): TrainingImage => {
    const feature = new Float32Array(raw.length);
    standardizeInto(feature, 0, raw, options.featureStatistics);
    return { feature, texts, fold: shortcutFold(imageId) };
  });
  if (training.length < 2 * minTrainingImages) return undefined;
  const texts = training.flatMap((one) => one.texts);
  const states = pretrained ? await statesOf(description, texts, options) : undefined;
  // A piece inside a word says little by itself.
  const isInside = (piece: number | undefined) =>
    isInsideWord(piece === undefined ? '' : description.vocabulary[piece]);
  const { wholeWords } = description.config.contrast ?? {};
  const space = contrastSpace(texts, {
    counts: (piece, next) => !isInside(piece) && !(wholeWords && isInside(next)),
    states,
  });
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
