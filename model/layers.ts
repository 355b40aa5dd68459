/**
 * The few differentiable pieces that BERT is made of, in plain tfjs ops: any backend runs them, and `compile.ts` records
 * them into one TensorFlow graph. Gradients of LayerNorm and GELU are written out: tfjs would derive each from a dozen ops,
 * and these passes over memory are what a training step on a CPU spends most of its time on beside the matrix products.
 */
import { floatOp, nativeBackend, type Tensor, tf } from './backend.ts';

/** Gives a trained tensor by its name. */
export type Weights = (name: string) => Tensor;

/** y = x Wᵀ + b for x [N, in], W [out, in], b [out]. */
export function affine(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return addBias(tf.matMul(x, weight, false, true), bias); // [N, out]
}

/** W and b of a layer. */
export const layerOf = (weights: Weights, name: string): { weight: Tensor; bias: Tensor } => ({
  weight: weights(`${name}.weight`),
  bias: weights(`${name}.bias`),
});

export function linear(weights: Weights, name: string, x: Tensor): Tensor {
  const { weight, bias } = layerOf(weights, name);
  return affine(x, weight, bias);
}

function addBias(x: Tensor, bias: Tensor): Tensor {
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
export function layerNorm(weights: Weights, name: string, x: Tensor, epsilon: number): Tensor {
  return normalize(x, weights(`${name}.weight`), weights(`${name}.bias`), epsilon);
}

function normalize(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor {
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, scale, shift] = args as [Tensor, Tensor, Tensor];
    const save = args[3] as (tensors: Tensor[]) => void;
    const centred = tf.sub(input, tf.mean(input, -1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), epsilon)); // [..., 1]
    const unit = tf.mul(centred, inverse);
    save([unit, inverse, scale]);
    return {
      value: tf.add(tf.mul(unit, scale), shift),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [unit, inverse, scale] = saved as [Tensor, Tensor, Tensor];
        const dUnit = tf.mul(dy, scale);
        const pull = tf.add(tf.mul(unit, tf.mean(tf.mul(dUnit, unit), -1, true)), tf.mean(dUnit, -1, true));
        return [tf.mul(tf.sub(dUnit, pull), inverse), sumRows(tf.mul(dy, unit)), sumRows(dy)];
      },
    };
  });
  return run(x, gain, bias);
}

/** x Φ(x), exact (erf), as BERT. */
export function gelu(x: Tensor): Tensor {
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (tensors: Tensor[]) => void];
    const turned = tf.mul(input, -Math.SQRT1_2);
    const share = tf.mul(erfc(turned), 0.5); // Φ(x)
    save([input, turned, share]);
    return {
      value: tf.mul(input, share),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [input, turned, share] = saved as [Tensor, Tensor, Tensor];
        const density = tf.exp(tf.sub(-0.5 * Math.log(2 * Math.PI), tf.square(turned)));
        return [tf.mul(dy, tf.add(share, tf.mul(input, density)))];
      },
    };
  });
  return run(x);
}

function erfc(x: Tensor): Tensor {
  const native = nativeBackend();
  return native ? floatOp(native, 'Erfc', [x]) : tf.sub(1, tf.erf(x));
}

/**
 * Softmax cross-entropy of each row against its class: [N] from logits [N, K] and labels [N] int32. The softmax itself gives both
 * the loss (its largest value is 1 / Σ exp(x − max x)) and, less 1 at the label, the gradient.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const [N, K] = logits.shape as [number, number];
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
        return [subtractAt(tf.mul(chances, tf.expandDims(dy, -1)), places, dy, K)];
      },
    };
  });
  return run(logits);
}

/** x [N, K] less `values` [N] at `places` [N, 2] int32, one in each row. */
function subtractAt(x: Tensor, places: Tensor, values: Tensor, K: number): Tensor {
  const native = nativeBackend();
  if (!native) {
    const labels = tf.reshape(tf.slice(places, [0, 1], [-1, 1]), [-1]);
    return tf.sub(x, tf.mul(tf.oneHot(labels as never, K), tf.expandDims(values, -1)));
  }
  return floatOp(native, 'TensorScatterSub', [x, places, values], ['Tindices']);
}

/** Σ values·weights / max(Σ weights, 1): a mean that is 0 where nothing counts. */
export function weightedMean(values: Tensor, weights: Tensor): Tensor {
  return tf.div(tf.sum(tf.mul(values, weights)), tf.maximum(tf.sum(weights), 1));
}
