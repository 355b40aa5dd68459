/**
 * Image-text matching (ImageBERT §4.2): binary cross-entropy on [CLS] between true pairs and wrong ones. Every image meets one
 * wrong sentence and every sentence one wrong image: one shuffle of the batch in which nobody keeps a partner does both.
 * Wrong pairs carry the same masks as true ones, or a mask would give the answer away.
 */

import type { Random } from '../../../dataset/random.ts';
import { type Scalar, type Tensor, tf } from '../../runtime/backend.ts';
import type { Parameters } from '../../runtime/traced-function.ts';
import { linear, weightedMean } from '../layers.ts';
import type { ObjectiveResult, PairedExample } from '../objective.ts';

/** Whether a sentence of one example would be true of the other's image, as far as the keys and words say. */
export function samePair(one: PairedExample, other: PairedExample): boolean {
  if (one.imageId === other.imageId) return true;
  return one.pieces.length === other.pieces.length && one.pieces.every((piece, index) => piece === other.pieces[index]);
}

/**
 * For each example the index of one whose sentence is wrong for it; a permutation where the batch allows one. -1 where every
 * other example has the same image or the same words.
 */
export function wrongPartners(examples: readonly PairedExample[], draw: Random): number[] {
  const count = examples.length;
  const order = draw.shuffle(Array.from({ length: count }, (_, index) => index));
  const partner = new Array<number>(count).fill(-1);
  // A cycle through a random order, in which whoever would meet itself trades with a later one.
  order.forEach((index, at) => {
    partner[index] = order[(at + 1) % count]!;
  });
  const wrong = (index: number, other: number) => !samePair(examples[index]!, examples[other]!);
  for (let index = 0; index < count; index++) {
    const current = partner[index]!;
    if (wrong(index, current)) continue;
    const from = draw.below(count);
    let found = false;
    for (let step = 0; step < count && !found; step++) {
      const other = (from + step) % count;
      const theirs = partner[other]!;
      if (theirs === -1 || !wrong(index, theirs) || !wrong(other, current)) continue;
      partner[index] = theirs;
      partner[other] = current;
      found = true;
    }
    if (!found) {
      const any = Array.from({ length: count }, (_, step) => (from + step) % count);
      partner[index] = any.find((other) => wrong(index, other)) ?? -1;
    }
  }
  return partner;
}

/**
 * Hard negatives (ALBEF, arXiv 2107.07651 §3.2): for each row of the similarities [N, N], times `hardness` [], a column drawn with the
 * softmax of the row as its chances (any with the same chance where hardness is 0), none that `same` [N, N] marks by more than 0. Drawn by the highest sum of logit and Gumbel `noise` [N, N], which
 * comes with the batch. Nothing is learned through the choice. A row without a column left gets 0; it does not count then.
 */
export function hardPartners(similar: Tensor, hardness: Tensor, same: Tensor, noise: Tensor): Tensor {
  // The similarities reach the choice past the tape of gradients, which only sees the noise.
  const choose = tf.customGrad((drawn: unknown) => {
    const allowed = tf.add(
      tf.add(tf.mul(similar, hardness), drawn as Tensor),
      tf.mul(tf.cast(tf.greater(same, 0), 'float32'), -1e9),
    );
    return { value: tf.argMax(allowed, -1), gradFunc: () => tf.zerosLike(drawn as Tensor) };
  });
  return choose(noise); // [N] int32
}

/** Standard Gumbel noise: −log(−log u). */
export function gumbelNoise(size: number, draw: Random): Float32Array {
  return Float32Array.from({ length: size }, () => -Math.log(-Math.log(draw.next() || Number.MIN_VALUE)));
}

/** The matching score of each [CLS] after the pooler: logits [B] from [B, H]. */
export function matchingLogits(parameters: Parameters, pooled: Tensor): Tensor {
  return tf.reshape(linear(parameters, 'cls.itm', pooled), [-1]);
}

/** Binary cross-entropy of logits [B] against `matched` [B] of 0 and 1. */
export function itm(logits: Tensor, matched: Tensor, counts: Tensor): ObjectiveResult {
  // max(s, 0) − s y + log(1 + e^−|s|), which does not overflow
  const loss = tf.add(tf.sub(tf.relu(logits), tf.mul(logits, matched)), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
  const right = tf.cast(tf.equal(tf.cast(tf.greater(logits, 0), 'float32'), matched), 'float32');
  return { loss: weightedMean(loss, counts) as Scalar, accuracy: weightedMean(right, counts) as Scalar };
}
