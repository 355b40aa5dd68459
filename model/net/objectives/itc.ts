/**
 * Image-text contrastive learning (ALBEF, arXiv 2107.07651; not ImageBERT's, off in its preset): the encoder reads images alone
 * and texts alone, and each should find its own among the batch. It gives embeddings for fast retrieval, and its
 * similarities choose hard negatives.
 */
import { type Scalar, type Tensor, tf } from '../../runtime/backend.ts';
import type { Parameters } from '../../runtime/traced-function.ts';
import { areSame, linear } from '../layers.ts';
import type { ObjectiveResult } from '../objective.ts';
import { shortcutFolds } from '../parameters.ts';

/** CLIP's and ALBEF's start: 0.07. The parameter is what is learned on top of it, as a power of e. */
const startTemperature = 0.07;

/** What similarities are multiplied with, from the learned parameter. */
export const similarityScale = (learned: number): number => Math.min(100, Math.exp(learned) / startTemperature);

/** The parameter that gives a scale. */
export const learnedScale = (scale: number): number => Math.log(scale * startTemperature);

/** Pooled states [N, H], and where there is one what a shortcut adds to their projection [N, itcSize], to vectors of length 1. */
export function itcEmbedding(
  parameters: Parameters,
  side: 'image' | 'text',
  pooled: Tensor,
  shortcut: Tensor | undefined,
): Tensor {
  const own = linear(parameters, `itc.${side}`, pooled);
  const projected = shortcut ? tf.add(own, shortcut) : own;
  return tf.mul(projected, tf.rsqrt(tf.add(tf.sum(tf.square(projected), -1, true), 1e-12)));
}

/** The fold of an image by its id: the same in every run, and about as many images in each. */
export function shortcutFold(imageId: string): number {
  let hash = 0x811c9dc5; // FNV-1a
  for (let index = 0; index < imageId.length; index++) hash = Math.imul(hash ^ imageId.charCodeAt(index), 0x01000193);
  // Its low bits hardly mix.
  return ((hash ^ (hash >>> 15)) >>> 0) % shortcutFolds;
}

/** The share of the image that a region covers is the fifth number of its box; sides of patches differ by rounding. */
const asLarge = 1e-6;

/**
 * Of features [N, R, D] as far as they are `shown` [N, R], boxes [N, R, 5] and their mask [N, R] the linear map of the largest region, which is the whole image (the mean
 * of all that are as large, as patches are): [N, itcSize]. `folds` [N] says which of the maps has not seen an image; without it their mean
 * counts.
 */
export function imageShortcut(
  parameters: Parameters,
  {
    features,
    shown,
    boxes,
    mask,
    folds,
  }: { features: Tensor; shown: Tensor; boxes: Tensor; mask: Tensor; folds: Tensor | undefined },
): Tensor {
  const [N, R] = features.shape as [number, number];
  const areas = tf.sub(tf.reshape(tf.slice(boxes, [0, 0, 4], [N, R, 1]), [N, R]), tf.sub(1, mask));
  const largest = tf.cast(tf.greater(areas, tf.sub(tf.max(areas, 1, true), asLarge)), 'float32'); // [N, R]
  const shares = tf.div(largest, tf.sum(largest, 1, true));
  const whole = tf.squeeze(tf.matMul(tf.expandDims(tf.mul(shares, shown), 1), features), [1]); // [N, D]
  const all = tf.reshape(linear(parameters, 'itc.image.shortcut', whole), [N, shortcutFolds, -1]);
  if (!folds) return tf.mean(all, 1);
  const chosen = tf.cast(tf.oneHot(folds as never, shortcutFolds), 'float32'); // [N, folds]
  return tf.squeeze(tf.matMul(tf.expandDims(chosen, 1), all), [1]);
}

/**
 * The sum of the rows of word pieces [N, W], over the root of their number: [N, itcSize]. Special pieces have rows of 0; of `wholeWords`
 * a piece counts only where the next one does not go on with its word.
 */
export function textShortcut(
  parameters: Parameters,
  { pieces, mask, wholeWords = false }: { pieces: Tensor; mask: Tensor; wholeWords?: boolean | undefined },
): Tensor {
  const [N, W] = pieces.shape as [number, number];
  const ids = tf.reshape(pieces, [N * W]);
  const rows = tf.gather(parameters('itc.text.shortcut'), ids as never);
  let weights = tf.div(mask, tf.sqrt(tf.sum(mask, 1, true))); // [N, W]
  if (wholeWords) {
    const inside = tf.reshape(tf.gather(parameters('itc.text.shortcut.inside'), ids as never), [N, W]);
    const goesOn = tf.concat([tf.slice(inside, [0, 1], [N, W - 1]), tf.zeros([N, 1])], 1);
    weights = tf.mul(weights, tf.sub(1, goesOn));
  }
  return tf.squeeze(tf.matMul(tf.expandDims(weights, 1), tf.reshape(rows, [N, W, -1])), [1]);
}

/** Similarities [n, N] over temperature of n embeddings to N of the other kind. */
export function similarities(parameters: Parameters, own: Tensor, others: Tensor): Tensor {
  const scale = tf.div(tf.exp(parameters('itc.temperature')), startTemperature);
  return tf.mul(tf.matMul(own, others, false, true), tf.minimum(scale, 100));
}

/** Similarities [n, N], and which are wanted [n, N]: several captions of one image share it. */
interface Direction {
  readonly logits: Tensor;
  readonly wanted: Tensor;
}

/** Images in rows to texts, and texts in rows to images. */
export interface Similar {
  readonly toTexts: Direction;
  readonly toImages: Direction;
}

export function itc({ toTexts, toImages }: Similar): ObjectiveResult {
  const along = ({ logits, wanted }: Direction) => tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), wanted), -1)));
  const loss = tf.mul(tf.add(along(toTexts), along(toImages)), 0.5);
  const right = areSame(tf.argMax(toTexts.logits, -1), tf.argMax(toTexts.wanted, -1));
  return { loss: loss as Scalar, accuracy: tf.mean(right) as Scalar };
}
