/**
 * The humble line beside every retrieval result: a linear map from the feature of an image to its captions, in closed form, made in
 * seconds from the features that the model sees. What a trained model does not find better than this, it has not learned. Of a
 * caption each word is a direction, weighted by how rare it is, or the whole is what a pretrained encoder makes of it.
 */
import type { Regions } from '../regions/region.ts';
import { tf, valuesOf } from '../runtime/backend.ts';
import { type Matrix, matrixOf, openRidge } from '../runtime/ridge.ts';
import { type ByDirection, meanRecalls, type Recalls, recalls } from './recall.ts';
import type { RetrievalSet } from './score-table.ts';

type Pieces = readonly number[];

/** An image with the texts that describe it. */
export interface CaptionedFeature {
  /** [D] */
  readonly feature: Float32Array;
  readonly texts: readonly Pieces[];
}

/** How texts become vectors of one length. */
export interface TextSpace {
  readonly name: string;
  /** Learns from training texts what it needs; what it gives makes a row of length 1 for each text, [N, V]. */
  fit(texts: readonly Pieces[]): (texts: readonly Pieces[]) => Matrix | Promise<Matrix>;
}

export interface LinearMapResult {
  /** The text space. */
  readonly texts: string;
  readonly trainingImages: number;
  readonly lambda: number;
  readonly imageRetrieval: Recalls;
  readonly textRetrieval: Recalls;
}

/** Ours: from hardly any restraint to one under which little more than the mean is left, for standardised features. */
const lambdas = [30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000];

/** Ours: at most so many training images, and at least a fifth of fewer, choose λ. */
const maxHeldOut = 1_000;

/** From fewer training images no map is made. Ours. */
export const minTrainingImages = 20;

/**
 * Fits a map to training images, with the λ that retrieves best among a part of them that is held out, and retrieves within each test
 * set. The result is the mean over the sets.
 */
export async function linearMapRetrieval(
  training: readonly CaptionedFeature[],
  sets: readonly RetrievalSet[],
  space: TextSpace,
): Promise<LinearMapResult> {
  const stride = Math.max(5, Math.ceil(training.length / maxHeldOut));
  const heldOut = (at: number) => at % stride === 0;
  const own = training.filter((_, at) => heldOut(at));
  const choosing = {
    features: own.map(({ feature }) => feature),
    texts: own.flatMap(({ texts }) => texts),
    owner: own.flatMap(({ texts }, image) => texts.map(() => image)),
  };
  const rest = await openMap(
    training.filter((_, at) => !heldOut(at)),
    space,
  );
  let qualities: number[];
  try {
    const found = await rest.retrieve(lambdas, choosing);
    qualities = found.map(({ image, text }) => image.r1 + image.r5 + image.r10 + text.r1 + text.r5 + text.r10);
  } finally {
    rest.dispose();
  }
  const lambda = lambdas[qualities.indexOf(Math.max(...qualities))]!;
  const map = await openMap(training, space);
  const found: ByDirection[] = [];
  try {
    for (const { images, texts, owner } of sets) {
      found.push(...(await map.retrieve([lambda], { features: images.map(wholeImageFeature), texts, owner })));
    }
  } finally {
    map.dispose();
  }
  return {
    texts: space.name,
    trainingImages: training.length,
    lambda,
    imageRetrieval: meanRecalls(found.map(({ image }) => image)),
    textRetrieval: meanRecalls(found.map(({ text }) => text)),
  };
}

interface FeatureSet extends Omit<RetrievalSet, 'images'> {
  readonly features: readonly Float32Array[];
}

async function openMap(training: readonly CaptionedFeature[], space: TextSpace) {
  const vectorsOf = space.fit(training.flatMap(({ texts }) => texts));
  const goals: Float32Array[] = [];
  for (const { texts } of training) goals.push(meanRow(await vectorsOf(texts)));
  const ridge = openRidge(matrixOf(training.map(({ feature }) => feature)), matrixOf(goals));
  return {
    retrieve: async (all: readonly number[], { features, texts, owner }: FeatureSet): Promise<ByDirection[]> => {
      const [images, vectors] = [matrixOf(features), await vectorsOf(texts)];
      return all.map((lambda) => recalls(cosines(ridge.predict(lambda, images), vectors, ridge.offset), owner));
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
function cosines(images: Matrix, texts: Matrix, offset: Float32Array): Float32Array {
  return valuesOf(() => {
    const unit = (rows: ReturnType<typeof tf.tensor2d>) => tf.div(rows, tf.add(tf.norm(rows, 2, 1, true), 1e-12));
    const v = unit(tf.tensor2d(images.values, [images.rows, images.columns]));
    const t = unit(tf.sub(tf.tensor2d(texts.values, [texts.rows, texts.columns]), offset));
    return tf.matMul(v, t, false, true);
  });
}

/** The feature [D] of the region that covers most of the image; the mean of all that cover as much, as patches do. */
export function wholeImageFeature({ boxes, labels, features }: Regions): Float32Array {
  const D = features.length / labels.length;
  const area = (at: number) => (boxes[4 * at + 2]! - boxes[4 * at]!) * (boxes[4 * at + 3]! - boxes[4 * at + 1]!);
  const areas = Array.from(labels, (_, at) => area(at));
  // Sides of patches differ by rounding.
  const largest = areas.flatMap((one, at) => (one > Math.max(...areas) - 1e-6 ? [at] : []));
  const rows = largest.map((at) => features.subarray(at * D, (at + 1) * D));
  return meanRow(matrixOf(rows));
}

/** Ours: more words than this are rare ones that tell little and cost much. */
const maxWords = 8_192;

/** Words of texts by tf-idf with logarithmic counts (Salton & Buckley 1988), the most frequent of them; `vocabulary` is WordPiece. */
export function wordSpace(vocabulary: readonly string[]): TextSpace {
  const wordsOf = (pieces: Pieces): string[] => {
    const words: string[] = [];
    for (const piece of pieces) {
      const text = vocabulary[piece] ?? '';
      if (text.startsWith('##') && words.length > 0) words.push(words.pop()! + text.slice(2));
      else words.push(text);
    }
    return words;
  };
  return {
    name: 'words',
    fit(training) {
      const counts = new Map<string, number>();
      for (const text of training) {
        for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
      }
      const kept = [...counts].sort(([, one], [, other]) => other - one).slice(0, maxWords);
      const columns = new Map(kept.map(([word], at) => [word, at]));
      const weights = kept.map(([, count]) => Math.log((1 + training.length) / (1 + count)) + 1);
      return (texts) => {
        const values = new Float32Array(texts.length * kept.length);
        texts.forEach((text, row) => {
          const found = new Map<number, number>();
          for (const word of wordsOf(text)) {
            const column = columns.get(word);
            if (column !== undefined) found.set(column, (found.get(column) ?? 0) + 1);
          }
          const entries = [...found].map(
            ([column, times]) => [column, (1 + Math.log(times)) * weights[column]!] as const,
          );
          const length = Math.hypot(...entries.map(([, weight]) => weight));
          for (const [column, weight] of entries) values[row * kept.length + column] = weight / length;
        });
        return { rows: texts.length, columns: kept.length, values };
      };
    },
  };
}
