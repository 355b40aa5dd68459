/**
 * Image-text contrastive learning (ALBEF, arXiv 2107.07651; not ImageBERT's, off in its preset): the encoder reads images alone
 * and texts alone, and each should find its own among the batch. It gives embeddings for fast retrieval, and its
 * similarities choose hard negatives.
 */
import { type Scalar, type Tensor, tf } from '../../runtime/backend.ts';
import type { Parameters } from '../../runtime/traced-function.ts';
import { linear } from '../layers.ts';
import type { ObjectiveResult } from '../objective.ts';

/** CLIP's and ALBEF's start: 0.07. The parameter is what is learned on top of it, as a power of e. */
const startTemperature = 0.07;

/** What similarities are multiplied with, from the learned parameter. */
export const similarityScale = (learned: number): number => Math.min(100, Math.exp(learned) / startTemperature);

/** [CLS] states [N, H] to vectors of length 1, [N, itcSize]. */
export function itcEmbedding(parameters: Parameters, side: 'image' | 'text', first: Tensor): Tensor {
  const projected = linear(parameters, `itc.${side}`, first);
  return tf.mul(projected, tf.rsqrt(tf.add(tf.sum(tf.square(projected), -1, true), 1e-12)));
}

/** Similarities [N, N] over temperature, images in rows. */
export function similarities(parameters: Parameters, images: Tensor, texts: Tensor): Tensor {
  const scale = tf.div(tf.exp(parameters('itc.temperature')), startTemperature);
  return tf.mul(tf.matMul(images, texts, false, true), tf.minimum(scale, 100));
}

/** `targets` [N, N] has rows and columns that sum to 1: several captions of one image share it. */
export function itc(similar: Tensor, targets: Tensor): ObjectiveResult {
  const along = (logits: Tensor, wanted: Tensor) => tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), wanted), -1)));
  const loss = tf.mul(tf.add(along(similar, targets), along(tf.transpose(similar), tf.transpose(targets))), 0.5);
  const right = tf.cast(tf.equal(tf.argMax(similar, -1), tf.argMax(targets, -1)), 'float32');
  return { loss: loss as Scalar, accuracy: tf.mean(right) as Scalar };
}
