/** BERT's encoder (arXiv 1810.04805): post-norm, exact GELU, dropout on attention weights and on both sublayers. */
import { type Tensor, tf } from './backend.ts';
import type { ModelConfig } from './config.ts';
import type { Sequence } from './embeddings.ts';
import { type Dropout, gelu, layerNorm, linear, type Weights } from './layers.ts';

/** Added to the scores of tokens that do not count; float32's softmax gives them exactly 0. */
const farBelow = -1e9;

/** Tokens [B, T, H] to hidden states [B T, H]. */
export function encode(weights: Weights, config: ModelConfig, { tokens, mask }: Sequence, drop: Dropout): Tensor {
  const [B, T, H] = tokens.shape as [number, number, number];
  const A = config.heads;
  const size = H / A;
  const shut = tf.reshape(tf.mul(tf.sub(1, mask), farBelow), [B, 1, 1, T]);
  let x: Tensor = tf.reshape(tokens, [B * T, H]);
  for (let index = 0; index < config.layers; index++) {
    const layer = `bert.encoder.layer.${index}`;
    const qkv = tf.reshape(linear(weights, `${layer}.attention.self.qkv`, x), [B, T, 3, A, size]);
    const [query, key, value] = tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4])) as [Tensor, Tensor, Tensor]; // [B, A, T, size]
    const scores = tf.add(tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(size)), shut); // [B, A, T, T]
    const mixed = tf.matMul(drop(tf.softmax(scores)), value); // [B, A, T, size]
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [B * T, H]);
    const attended = drop(linear(weights, `${layer}.attention.output.dense`, joined));
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
