/**
 * The trained part of the relevance model: a tower of two layers over the image's features and one over the text's, into a common
 * space where the cosine of the two is the score.
 */
import { random } from '../../dataset/random.ts';
import { type Tensor, tf, type Variable } from '../runtime/backend.ts';

/** Width of the hidden layer and of the common space. */
const width = 1024;
const common = 512;
const dropout = 0.4;

/** CLIP's starting temperature is 0.07. */
const firstLogScale = Math.log(1 / 0.07);

/** [B, inputs] to [B, C] of length 1; with a seed, under dropout. */
export function tower(state: ReadonlyMap<string, Tensor>, name: string, x: Tensor, seed?: number): Tensor {
  const get = (part: string) => state.get(`${name}.${part}`)!;
  const thin = (y: Tensor, at: number) => (seed === undefined ? y : tf.dropout(y, dropout, undefined, seed + at));
  const input = thin(x, 0);
  const hidden = thin(tf.relu(tf.add(tf.matMul(input, get('hidden')), get('hiddenBias'))), 1);
  const linear = tf.matMul(input, get('skip'));
  const y = tf.add(tf.add(tf.matMul(hidden, get('out')), linear), get('outBias'));
  return tf.div(y, tf.maximum(tf.norm(y, 2, 1, true), 1e-6));
}

/** Rows of one length as [B, inputs]. */
export const stack = (rows: readonly Float32Array[]): Tensor => {
  const size = rows[0]!.length;
  const all = new Float32Array(rows.length * size);
  rows.forEach((row, at) => {
    all.set(row, at * size);
  });
  return tf.tensor2d(all, [rows.length, size]);
};

/** Cosine of each image's vector with the text's beside it. */
export function scoreFeatures(
  state: ReadonlyMap<string, Tensor>,
  images: readonly Float32Array[],
  texts: readonly Float32Array[],
): Float32Array {
  return tf.tidy(() => {
    const v = tower(state, 'image', tf.div(stack(images), state.get('image.scale')!)); // [B, C]
    const t = tower(state, 'text', stack(texts)); // [B, C]
    return tf.sum(tf.mul(v, t), 1).dataSync() as Float32Array; // [B]
  });
}

/** Both towers at their start, from a seed. */
export function towers(imageSize: number, textSize: number, seed: number): Map<string, Variable> {
  const draw = random(seed, -1);
  const zeros = (size: number): Variable => tf.tidy(() => tf.variable(tf.zeros([size])));
  const weights = (inputs: number, outputs: number): Variable => {
    const spread = Math.sqrt(2 / inputs);
    const values = Float32Array.from({ length: inputs * outputs }, () => draw.normal() * spread);
    return tf.tidy(() => tf.variable(tf.tensor2d(values, [inputs, outputs])));
  };
  const state = new Map<string, Variable>();
  const sizes = { image: imageSize, text: textSize };
  for (const [name, inputs] of Object.entries(sizes)) {
    state.set(`${name}.hidden`, weights(inputs, width));
    state.set(`${name}.hiddenBias`, zeros(width));
    state.set(`${name}.skip`, weights(inputs, common));
    state.set(`${name}.out`, weights(width, common));
    state.set(`${name}.outBias`, zeros(common));
  }
  state.set(
    'logScale',
    tf.tidy(() => tf.variable(tf.scalar(firstLogScale))),
  );
  return state;
}
