/**
 * Masked language modelling (ImageBERT §4.2, as BERT): 15 % of the word pieces are hidden, of which 80 % become [MASK], 10 %
 * another piece and 10 % stay; the model says what they were, from the other words and the regions.
 */

import type { Random } from '../../../dataset/random.ts';
import { type Scalar, type Tensor, tf } from '../../runtime/backend.ts';
import type { Parameters } from '../../runtime/traced-function.ts';
import { areSame, crossEntropy, gelu, layerNorm, linear, weightedMean } from '../layers.ts';
import type { ObjectiveResult } from '../objective.ts';

export const mlmChance = 0.15;

/** Hides pieces in place, at least one and at most `limit`; gives the indexes of those hidden, kept ones included. */
export function hidePieces(
  pieces: Int32Array,
  {
    maskId,
    vocabularySize,
    limit,
  }: { readonly maskId: number; readonly vocabularySize: number; readonly limit: number },
  draw: Random,
): number[] {
  const hidden: number[] = [];
  for (let index = 0; index < pieces.length; index++) if (draw.next() < mlmChance) hidden.push(index);
  if (hidden.length === 0) hidden.push(draw.below(pieces.length));
  if (hidden.length > limit) draw.shuffle(hidden).length = limit;
  for (const index of hidden) {
    const kind = draw.next();
    if (kind < 0.8) pieces[index] = maskId;
    else if (kind < 0.9) pieces[index] = draw.below(vocabularySize);
  }
  return hidden;
}

/** From hidden states [M, H] to logits of all pieces [M, V]; BERT's head, its last layer tied to the word table. */
export function pieceLogits(parameters: Parameters, hidden: Tensor, epsilon: number): Tensor {
  const transformed = gelu(linear(parameters, 'cls.predictions.transform.dense', hidden)); // [M, H]
  const normed = layerNorm(parameters, 'cls.predictions.transform.LayerNorm', transformed, epsilon);
  const words = tf.matMul(normed, parameters('bert.embeddings.word_embeddings.weight'), false, true); // [M, V]
  return tf.add(words, parameters('cls.predictions.bias'));
}

/** From hidden states [M, H] of hidden pieces to their labels [M]. */
export function mlm(
  parameters: Parameters,
  hidden: Tensor,
  labels: Tensor,
  counts: Tensor,
  epsilon: number,
): ObjectiveResult {
  const logits = pieceLogits(parameters, hidden, epsilon);
  const right = areSame(tf.argMax(logits, -1), labels);
  return {
    loss: weightedMean(crossEntropy(logits, labels), counts) as Scalar,
    accuracy: weightedMean(right, counts) as Scalar,
  };
}
