/** BERT's encoder (arXiv 1810.04805): post-norm, exact GELU, dropout on attention weights and on both sublayers. */

import { nativeBackend, type Tensor, tf } from '../runtime/backend.ts';
import { deviceCount, onDevice } from '../runtime/devices.ts';
import { checkpointed } from '../runtime/recompute.ts';
import { opsAreWhole } from '../runtime/threads.ts';
import type { Parameters } from '../runtime/traced-function.ts';
import { attend } from './attention.ts';
import type { ModelConfig } from './config.ts';
import type { Dropout, Rows } from './dropout.ts';
import type { Sequence } from './embeddings.ts';
import { affine, geluScale, layerNorm, layerOf, linear, scaledGelu } from './layers.ts';

/** Added to the scores of tokens that do not count; float32's softmax gives them exactly 0. */
const farBelow = -1e9;

/** Tokens [B, T, H] to hidden states [B T, H]. */
export const encode = (parameters: Parameters, config: ModelConfig, sequence: Sequence, drop: Dropout): Tensor =>
  run(parameters, config, sequence, drop, false);

/** The hidden states of the first tokens alone, [B, H]: the last layer computes no others. */
export const encodeFirst = (parameters: Parameters, config: ModelConfig, sequence: Sequence, drop: Dropout): Tensor =>
  run(parameters, config, sequence, drop, true);

function run(
  parameters: Parameters,
  config: ModelConfig,
  { tokens, mask }: Sequence,
  drop: Dropout,
  firstOnly: boolean,
): Tensor {
  const [B, T, H] = tokens.shape as [number, number, number];
  const parts = partsOf(B);
  const shut = split(tf.reshape(tf.mul(tf.sub(1, mask), farBelow), [B, 1, 1, T]), parts);
  let states: Tensor[] = split(tf.reshape(tokens, [B * T, H]), parts);
  for (let index = 0; index < config.layers; index++) {
    const queries = firstOnly && index === config.layers - 1 ? 1 : T;
    const sizes = { B: B / parts, T, queries };
    states = checkpointed(states, (all) => {
      const layer = prepare(parameters, config, `bert.encoder.layer.${index}`, drop);
      return all.map((x, part) => {
        const rows = { first: (part * B) / parts, count: B / parts, of: B };
        return onDevice(part, [x, shut[part]!], ([own, closed]) => layer(own!, closed!, sizes, rows));
      });
    });
  }
  return parts === 1 ? states[0]! : tf.concat(states, 0);
}

/** Parts of B sequences that are read side by side: one on each device, or on two cores halves. */
function partsOf(B: number): number {
  const devices = deviceCount();
  const wanted = devices > 1 ? devices : opsAreWhole() && !nativeBackend()?.isUsingGpuDevice ? 2 : 1;
  return B % wanted === 0 ? wanted : 1;
}

interface Sizes {
  readonly B: number;
  readonly T: number;
  /** How many tokens of each sequence, from the first, are wanted; the others serve as keys and values only. */
  readonly queries: number;
}

/** One layer: states [B T, H] to [B queries, H]. What depends on its weights alone is computed once for all parts of a batch. */
function prepare(
  parameters: Parameters,
  { heads: A, hiddenSize: H, layerNormEpsilon }: ModelConfig,
  name: string,
  drop: Dropout,
) {
  const size = H / A;
  const input = layerOf(parameters, `${name}.attention.self.qkv`);
  const output = layerOf(parameters, `${name}.attention.output.dense`);
  const wide = layerOf(parameters, `${name}.intermediate.dense`);
  const narrow = layerOf(parameters, `${name}.output.dense`);
  // Factors of scores, dropout and GELU go into parameters, the smallest tensors there.
  const scale = tf.concat([tf.fill([H], 1 / Math.sqrt(size)), tf.ones([2 * H])]); // [3 H]
  const [inputWeight, inputBias] = [tf.mul(input.weight, tf.expandDims(scale, 1)), tf.mul(input.bias, scale)];
  const outputWeight = drop.grow === 1 ? output.weight : tf.mul(output.weight, drop.grow);
  const [wideWeight, wideBias] = [tf.mul(wide.weight, geluScale), tf.mul(wide.bias, geluScale)];
  const narrowWeight = tf.mul(narrow.weight, geluScale);
  const [dropWeights, dropAttended, dropNarrowed] = [drop.place(), drop.place(), drop.place()];
  /** Queries, keys or values from rows of the joint weights: `count` of [B, A, tokens, size]. */
  const project = (x: Tensor, from: number, count: number, B: number): Tensor[] => {
    const weight = count === 3 ? inputWeight : tf.slice(inputWeight, [from * H, 0], [count * H, H]);
    const bias = count === 3 ? inputBias : tf.slice(inputBias, [from * H], [count * H]);
    const projected = tf.transpose(tf.reshape(affine(x, weight, bias), [B, -1, count, A, size]), [2, 0, 3, 1, 4]);
    // The gradient of tf.unstack wants two or more.
    return count === 1 ? [tf.squeeze(projected, [0])] : tf.unstack(projected);
  };
  return (x: Tensor, shut: Tensor, { B, T, queries }: Sizes, rows: Rows): Tensor => {
    const own = queries === T ? x : firstTokens(x, B); // [B queries, H]
    const [query, key, value] = (
      queries === T ? project(x, 0, 3, B) : [...project(own, 0, 1, B), ...project(x, 1, 2, B)]
    ) as [Tensor, Tensor, Tensor];
    const mixed = attend(query, key, value, shut, dropWeights.mask([B, A, queries, T], rows)); // [B, A, queries, size]
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), own.shape);
    const attended = dropAttended(affine(joined, outputWeight, output.bias), rows);
    const y = layerNorm(parameters, `${name}.attention.output.LayerNorm`, tf.add(own, attended), layerNormEpsilon);
    const activated = scaledGelu(affine(y, wideWeight, wideBias)); // [B queries, F]
    const narrowed = dropNarrowed(affine(activated, narrowWeight, narrow.bias), rows); // [B queries, H]
    return layerNorm(parameters, `${name}.output.LayerNorm`, tf.add(y, narrowed), layerNormEpsilon);
  };
}

const split = (x: Tensor, parts: number): Tensor[] => (parts === 1 ? [x] : tf.split(x, parts));

/** The first token of each sequence, [B, H], from hidden states [B T, H]. */
export function firstTokens(hidden: Tensor, B: number): Tensor {
  const [rows, H] = hidden.shape as [number, number];
  return tf.reshape(tf.slice(tf.reshape(hidden, [B, rows / B, H]), [0, 0, 0], [B, 1, H]), [B, H]);
}

/** The mean of the states of each sequence's tokens that count, [B, H], from hidden states [B T, H] and a mask [B, T]. */
export function meanOfTokens(hidden: Tensor, mask: Tensor): Tensor {
  const [B, T] = mask.shape as [number, number];
  const shares = tf.div(mask, tf.sum(mask, 1, true));
  return tf.squeeze(tf.matMul(tf.expandDims(shares, 1), tf.reshape(hidden, [B, T, -1])), [1]);
}

/** BERT's pooler: tanh(FC([CLS])). */
export function pool(parameters: Parameters, first: Tensor): Tensor {
  return tf.tanh(linear(parameters, 'bert.pooler.dense', first)); // [B, H]
}
