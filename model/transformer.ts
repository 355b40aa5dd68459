/** BERT's encoder (arXiv 1810.04805): post-norm, exact GELU, dropout on attention weights and on both sublayers. */
import { attend } from './attention.ts';
import { type Tensor, tf } from './backend.ts';
import type { ModelConfig } from './config.ts';
import type { Dropout } from './dropout.ts';
import type { Sequence } from './embeddings.ts';
import { affine, gelu, layerNorm, layerOf, linear, type Weights } from './layers.ts';

/** Added to the scores of tokens that do not count; float32's softmax gives them exactly 0. */
const farBelow = -1e9;

/** Tokens [B, T, H] to hidden states [B T, H]. */
export function encode(weights: Weights, config: ModelConfig, { tokens, mask }: Sequence, drop: Dropout): Tensor {
  const [B, T, H] = tokens.shape as [number, number, number];
  const A = config.heads;
  const size = H / A;
  const shut = tf.reshape(tf.mul(tf.sub(1, mask), farBelow), [B, 1, 1, T]);
  const scale = tf.concat([tf.fill([H], 1 / Math.sqrt(size)), tf.ones([2 * H])]); // [3 H]
  let x: Tensor = tf.reshape(tokens, [B * T, H]);
  for (let index = 0; index < config.layers; index++) {
    const layer = `bert.encoder.layer.${index}`;
    const { weight, bias } = layerOf(weights, `${layer}.attention.self.qkv`);
    // Scores are scaled by the queries' weights and what dropout keeps of them by the output's, the smallest tensors there.
    const scaled = affine(x, tf.mul(weight, tf.expandDims(scale, 1)), tf.mul(bias, scale)); // [B T, 3 H]
    const qkv = tf.transpose(tf.reshape(scaled, [B, T, 3, A, size]), [2, 0, 3, 1, 4]);
    const [query, key, value] = tf.unstack(qkv) as [Tensor, Tensor, Tensor]; // [B, A, T, size]
    const { mask: kept, grow } = drop.mask([B, A, T, T]);
    const mixed = attend(query, key, value, shut, kept); // [B, A, T, size]
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B * T, H]);
    const output = layerOf(weights, `${layer}.attention.output.dense`);
    const attended = drop(affine(joined, grow === 1 ? output.weight : tf.mul(output.weight, grow), output.bias));
    x = layerNorm(weights, `${layer}.attention.output.LayerNorm`, tf.add(x, attended), config.layerNormEpsilon);
    const wide = gelu(linear(weights, `${layer}.intermediate.dense`, x)); // [B T, F]
    const narrow = drop(linear(weights, `${layer}.output.dense`, wide)); // [B T, H]
    x = layerNorm(weights, `${layer}.output.LayerNorm`, tf.add(x, narrow), config.layerNormEpsilon);
  }
  return x;
}

/** The first token of each sequence, [B, H], from hidden states [B T, H]. */
export function firstTokens(hidden: Tensor, B: number): Tensor {
  const [rows, H] = hidden.shape as [number, number];
  return tf.reshape(tf.slice(tf.reshape(hidden, [B, rows / B, H]), [0, 0, 0], [B, 1, H]), [B, H]);
}

/** BERT's pooler: tanh(FC([CLS])). */
export function pool(weights: Weights, first: Tensor): Tensor {
  return tf.tanh(linear(weights, 'bert.pooler.dense', first)); // [B, H]
}
