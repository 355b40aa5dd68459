/**
 * The few differentiable pieces that BERT is made of, in plain tfjs ops: any backend runs them, and they can be traced
 * into one TensorFlow graph. Gradients of LayerNorm and GELU are written out: tfjs would derive each from a dozen ops,
 * and these passes over memory are what a training step on a CPU spends most of its time on beside the matrix products.
 */
import { floatOp, nativeBackend, type Tensor, tf } from '../runtime/backend.ts';
import type { Parameters } from '../runtime/traced-function.ts';

/** y = x Wᵀ + b for x [N, in], W [out, in], b [out]. */
export function affine(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return addBias(tf.matMul(x, weight, false, true), bias); // [N, out]
}

/** W and b of a layer. */
export const layerOf = (parameters: Parameters, name: string): { weight: Tensor; bias: Tensor } => ({
  weight: parameters(`${name}.weight`),
  bias: parameters(`${name}.bias`),
});

/** `affine` by a layer's name. */
export function linear(parameters: Parameters, name: string, x: Tensor): Tensor {
  const { weight, bias } = layerOf(parameters, name);
  return affine(x, weight, bias);
}

/** x [N, out] + b [out]. */
export function addBias(x: Tensor, bias: Tensor): Tensor {
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, shift] = args as [Tensor, Tensor];
    return { value: tf.add(input, shift), gradFunc: (dy: Tensor) => [dy, sumRows(dy)] };
  });
  return run(x, bias);
}

/** The sum over all axes but the last. TensorFlow's gradient of a bias takes half the time of its sum. */
function sumRows(x: Tensor): Tensor {
  const native = nativeBackend();
  if (!native) {
    const rows = x.shape.slice(0, -1).map((_, axis) => axis);
    return tf.sum(x, rows);
  }
  return floatOp(native, 'BiasAddGrad', [x]);
}

/** BERT's post-norm over the last axis. */
export function layerNorm(parameters: Parameters, name: string, x: Tensor, epsilon: number): Tensor {
  return normalize(x, parameters(`${name}.weight`), parameters(`${name}.bias`), epsilon);
}

function normalize(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor {
  const H = x.shape.at(-1)!;
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, scale, shift] = args as [Tensor, Tensor, Tensor];
    const save = args[3] as (tensors: Tensor[]) => void;
    const evenly = tf.fill([H, 1], 1 / H);
    const centred = tf.sub(input, weighRows(input, evenly));
    const inverse = tf.rsqrt(tf.add(weighRows(tf.square(centred), evenly), epsilon)); // [..., 1]
    const unit = tf.mul(centred, inverse);
    save([unit, inverse, scale]);
    return {
      value: tf.add(tf.mul(unit, scale), shift),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [unit, inverse, scale] = saved as [Tensor, Tensor, Tensor];
        const aligned = tf.mul(dy, unit);
        const share = tf.div(tf.reshape(scale, [H, 1]), H);
        const pull = tf.add(tf.mul(unit, weighRows(aligned, share)), weighRows(dy, share));
        return [tf.mul(tf.sub(tf.mul(dy, scale), pull), inverse), sumRows(aligned), sumRows(dy)];
      },
    };
  });
  return run(x, gain, bias);
}

/** The sum of each row of [..., H] by weights [H, 1]: [..., 1], in float32 always. A product takes half the time of TensorFlow's mean. */
function weighRows(x: Tensor, column: Tensor): Tensor {
  const H = column.shape[0]!;
  const rows = tf.reshape(x, [-1, H]);
  const native = nativeBackend();
  // Not tf.matMul, whose op is rounded to bfloat16 where products are.
  const sums = native ? floatOp(native, 'MatMul', [rows, column]) : tf.matMul(rows, column);
  return tf.reshape(sums, [...x.shape.slice(0, -1), 1]);
}

/**
 * GELU, x Φ(x), exact (erf) as in BERT, up to two factors: from u = geluScale x this gives y such that GELU(x) = geluScale y. The linear
 * layers before and after can take the factors into their weights, which are smaller than the activations.
 */
export const geluScale = -Math.SQRT1_2;

export function scaledGelu(u: Tensor): Tensor {
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (tensors: Tensor[]) => void];
    // Not Erfc, which takes four times as long as soon as some numbers are above 1, as a trained model's are.
    const tail = tf.sub(1, tf.erf(input)); // 2 Φ(x)
    save([input, tail]);
    return {
      value: tf.mul(input, tail),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [input, tail] = saved as [Tensor, Tensor];
        const slope = tf.exp(tf.sub(Math.log(2 / Math.sqrt(Math.PI)), tf.square(input)));
        return [tf.mul(dy, tf.sub(tail, tf.mul(input, slope)))];
      },
    };
  });
  return run(u);
}

export const gelu = (x: Tensor): Tensor => tf.mul(scaledGelu(tf.mul(x, geluScale)), geluScale);

/**
 * Softmax cross-entropy of each row against its class: [N] from logits [N, K] and labels [N] int32. The softmax itself gives both
 * the loss (its largest value is 1 / Σ exp(x − max x)) and, less 1 at the label, the gradient.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const N = logits.shape[0]!;
  const places = tf.stack([tf.range(0, N, 1, 'int32'), labels], 1); // [N, 2]
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (tensors: Tensor[]) => void];
    const chances = tf.softmax(input);
    save([chances, places]);
    const total = tf.sub(tf.max(input, -1), tf.log(tf.max(chances, -1))); // log Σ exp x
    return {
      value: tf.sub(total, tf.gatherND(input, places as never)),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [chances, places] = saved as [Tensor, Tensor];
        return [subtractAt(tf.mul(chances, tf.expandDims(dy, -1)), places, dy)];
      },
    };
  });
  return run(logits);
}

/** Where two int32 tensors have the same numbers, below 2^24: 1, else 0. TensorFlow compares int32 in the host's memory, and a step would wait. */
export const areSame = (one: Tensor, other: Tensor): Tensor =>
  tf.cast(tf.equal(tf.cast(one, 'float32'), tf.cast(other, 'float32')), 'float32');

/**
 * Rows [M, …] of x [N, …] by index [M] int32. tfjs's own gradient reshapes the index, which TensorFlow does in the host's memory: a step
 * would wait where the index is computed.
 */
export function gatherRows(x: Tensor, index: Tensor): Tensor {
  const N = x.shape[0]!;
  const run = tf.customGrad((...args: unknown[]) => {
    const [rows, save] = args as [Tensor, (tensors: Tensor[]) => void];
    save([index]);
    return {
      value: tf.gather(rows, index as never),
      gradFunc: (dy: Tensor, [kept]: Tensor[]) => [tf.unsortedSegmentSum(dy, kept as never, N)],
    };
  });
  return run(x);
}

/** x [N, K] less `values` [N] at `places` [N, 2] int32, one in each row. */
function subtractAt(x: Tensor, places: Tensor, values: Tensor): Tensor {
  const native = nativeBackend();
  if (!native) {
    const labels = tf.reshape(tf.slice(places, [0, 1], [-1, 1]), [-1]);
    return tf.sub(x, tf.mul(tf.oneHot(labels as never, x.shape[1]!), tf.expandDims(values, -1)));
  }
  return floatOp(native, 'TensorScatterSub', [x, places, values], ['Tindices']);
}

/** Σ values·weights / max(Σ parameters, 1): a mean that is 0 where nothing counts. */
export function weightedMean(values: Tensor, weights: Tensor): Tensor {
  return tf.div(tf.sum(tf.mul(values, weights)), tf.maximum(tf.sum(weights), 1));
}
