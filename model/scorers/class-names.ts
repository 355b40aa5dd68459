/**
 * Relevance that nobody has to train: what a classifier of 1,000 kinds of things takes a picture for, as the mean of its classes' names in
 * the space of a text model, beside the text in that space (ConSE, Norouzi et al. 2014, arXiv 1312.5650). Agreement with people:
 * docs/learning.md, below a map that learned from captions of the domain and far below what a CLIP gives.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RelevanceScorer } from '../../dataset/scorer.ts';
import { expected } from '../../dataset/user-error.ts';
import { readTorchWeights } from '../formats/torch-weights.ts';
import { dot, normalized } from '../ranking/vectors.ts';
import type { ImageFeatures } from './image-features.ts';
import type { TextFeatures } from './text-features.ts';
import { scoreTextsOfImages } from './texts-of-images.ts';

/** Logits are divided by it: a picture of the web shows more than one class. Ours, on Flickr8k's experts; 2 to 3 differ by 0.01. */
const temperature = 2.5;

/** So many classes speak for a picture. Ours; 200 do as well. */
const maxClasses = 50;

/** Texts that are embedded at once. Ours. */
const batchTexts = 64;

export interface Classes {
  /** The first of each class' names. */
  readonly names: readonly string[];
  /** [classes, D], and [classes]: logits of an image's features. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** The classes of EfficientNet-Lite2's weights under the names that the package of MobileNet gives them. */
export function imageNetClasses(efficientNetPath: string, namesPath: string): Classes {
  const weights = readTorchWeights(efficientNetPath);
  const [weight, bias] = ['_fc.weight', '_fc.bias'].map(
    (name) => weights.get(name)?.values as Float32Array | undefined,
  );
  if (!weight || !bias) throw expected('a classifier _fc', 'EfficientNet', efficientNetPath, 'take another copy');
  // A long list of names goes on in the next line; the first of them is in this one.
  const entries = readFileSync(namesPath, 'utf8').matchAll(/^ +\d+: (?:'((?:[^'\\]|\\.)*)'|"([^"]*)")/gm);
  const names = Array.from(
    entries,
    ([, single, double = '']) => (single ?? double).replaceAll("\\'", "'").split(',')[0]!,
  );
  if (names.length !== bias.length)
    throw expected(`${bias.length} names`, namesPath, names.length, 'take another copy');
  return { names, weight, bias };
}

/** A score is a cosine, -1 to 1. `classes` belong to the features; both features remain their owner's. */
export function classNameRelevance(
  { names, weight, bias }: Classes,
  imageFeatures: ImageFeatures,
  textFeatures: TextFeatures,
): RelevanceScorer {
  const D = imageFeatures.size;
  const classes: Float32Array[] = [];
  for (let from = 0; from < names.length; from += batchTexts) {
    classes.push(...textFeatures.of(names.slice(from, from + batchTexts).map((name) => `a photo of a ${name}`)));
  }
  const mean = weightedMean(classes, classes.map((_, at) => [at, 1] as const)); // biome-ignore format: one line
  const centred = (vector: Float32Array) => normalized(vector.map((value, at) => value - mean[at]!));
  const place = (feature: Float32Array): Float32Array => {
    const logits = names.map((_, at) => {
      let sum = bias[at]!;
      for (let d = 0; d < D; d++) sum += weight[at * D + d]! * feature[d]!;
      return [at, sum / temperature] as const;
    });
    const likeliest = logits.sort(([, one], [, other]) => other - one).slice(0, maxClasses);
    const [, top] = likeliest[0]!;
    return centred(weightedMean(classes, likeliest.map(([at, logit]) => [at, Math.exp(logit - top)] as const))); // biome-ignore format: one line
  };
  const hash = createHash('sha256').update(JSON.stringify([names, imageFeatures.name, textFeatures.name]));
  return {
    model: `class-names-${hash
      .update(new Uint8Array(weight.buffer, weight.byteOffset, weight.byteLength))
      .digest('hex')
      .slice(0, 12)}`,
    score: (pairs) =>
      scoreTextsOfImages(
        pairs,
        async (images) => (await imageFeatures.of(images)).map((feature) => feature && place(feature)),
        (images, texts) => {
          const vectors = textFeatures.of(texts.map(({ text }) => text)).map(centred);
          return texts.map(({ row }, at) => dot(images[row]!, vectors[at]!));
        },
      ),
  };
}

function weightedMean(
  vectors: readonly Float32Array[],
  weights: readonly (readonly [at: number, weight: number])[],
): Float32Array {
  const mean = new Float32Array(vectors[0]!.length);
  let total = 0;
  for (const [at, weight] of weights) {
    total += weight;
    for (let d = 0; d < mean.length; d++) mean[d]! += weight * vectors[at]![d]!;
  }
  return mean.map((value) => value / total);
}
