/** BERT's encoder (arXiv 1810.04805): post-norm, exact GELU, dropout on attention weights and on both sublayers. */
import { attend } from './attention.ts';
import { nativeBackend, type Tensor, tf } from './backend.ts';
import type { ModelConfig } from './config.ts';
import type { Dropout } from './dropout.ts';
import type { Sequence } from './embeddings.ts';
import { affine, geluTurn, layerNorm, layerOf, linear, turnedGelu, type Weights } from './layers.ts';
import { opsAreWhole } from './threads.ts';

/** Added to the scores of tokens that do not count; float32's softmax gives them exactly 0. */
const farBelow = -1e9;

/** Tokens [B, T, H] to hidden states [B T, H]. */
export function encode(weights: Weights, config: ModelConfig, { tokens, mask }: Sequence, drop: Dropout): Tensor {
  const [B, T, H] = tokens.shape as [number, number, number];
  const A = config.heads;
  const size = H / A;
  const parts = B % 2 === 0 && opsAreWhole() && !nativeBackend()?.isUsingGpuDevice ? 2 : 1;
  const shut = split(tf.reshape(tf.mul(tf.sub(1, mask), farBelow), [B, 1, 1, T]), parts);
  const scale = tf.concat([tf.fill([H], 1 / Math.sqrt(size)), tf.ones([2 * H])]); // [3 H]
  let states: Tensor[] = split(tf.reshape(tokens, [B * T, H]), parts);
  for (let index = 0; index < config.layers; index++) {
    const layer = `bert.encoder.layer.${index}`;
    const input = layerOf(weights, `${layer}.attention.self.qkv`);
    const output = layerOf(weights, `${layer}.attention.output.dense`);
    // Scores are scaled by the queries' weights and what dropout keeps of them by the output's, the smallest tensors there.
    const [inputWeight, inputBias] = [tf.mul(input.weight, tf.expandDims(scale, 1)), tf.mul(input.bias, scale)];
    const first = layerOf(weights, `${layer}.intermediate.dense`);
    const second = layerOf(weights, `${layer}.output.dense`);
    const outputWeight = drop.grow === 1 ? output.weight : tf.mul(output.weight, drop.grow);
    const [firstWeight, firstBias] = [tf.mul(first.weight, geluTurn), tf.mul(first.bias, geluTurn)];
    const secondWeight = tf.mul(second.weight, geluTurn);
    states = states.map((x, part) => {
      const qkv = tf.reshape(affine(x, inputWeight, inputBias), [B / parts, T, 3, A, size]);
      const [query, key, value] = tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4])) as [Tensor, Tensor, Tensor];
      const mixed = attend(query, key, value, shut[part] as Tensor, drop.mask([B / parts, A, T, T])); // [B, A, T, size]
      const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), x.shape);
      const attended = drop(affine(joined, outputWeight, output.bias));
      const y = layerNorm(weights, `${layer}.attention.output.LayerNorm`, tf.add(x, attended), config.layerNormEpsilon);
      const wide = turnedGelu(affine(y, firstWeight, firstBias)); // [B T, F]
      const narrow = drop(affine(wide, secondWeight, second.bias)); // [B T, H]
      return layerNorm(weights, `${layer}.output.LayerNorm`, tf.add(y, narrow), config.layerNormEpsilon);
    });
  }
  return parts === 1 ? (states[0] as Tensor) : tf.concat(states, 0);
}

const split = (x: Tensor, parts: number): Tensor[] => (parts === 1 ? [x] : tf.split(x, parts));

/** The first token of each sequence, [B, H], from hidden states [B T, H]. */
export function firstTokens(hidden: Tensor, B: number): Tensor {
  const [rows, H] = hidden.shape as [number, number];
  return tf.reshape(tf.slice(tf.reshape(hidden, [B, rows / B, H]), [0, 0, 0], [B, 1, H]), [B, H]);
}

/** BERT's pooler: tanh(FC([CLS])). */
export function pool(weights: Weights, first: Tensor): Tensor {
  return tf.tanh(linear(weights, 'bert.pooler.dense', first)); // [B, H]
}
