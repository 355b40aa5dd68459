/**
 * The few differentiable pieces that BERT is made of, in plain tfjs ops: any backend runs them, and `compile.ts` records
 * them into one TensorFlow graph. Gradients of LayerNorm and GELU are written out: tfjs would derive each from a dozen ops,
 * and these passes over memory are what a training step on a CPU spends most of its time on beside the matrix products.
 */
import { nativeBackend, type Tensor, tf } from './backend.ts';

/** Gives a trained tensor by its name. */
export type Weights = (name: string) => Tensor;

/** y = x Wᵀ + b for x [N, in], W [out, in]. */
export function linear(weights: Weights, name: string, x: Tensor): Tensor {
  return tf.add(tf.matMul(x, weights(`${name}.weight`), false, true), weights(`${name}.bias`)); // [N, out]
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
        const rows = dy.shape.slice(0, -1).map((_, axis) => axis);
        const dUnit = tf.mul(dy, scale);
        const pull = tf.add(tf.mul(unit, tf.mean(tf.mul(dUnit, unit), -1, true)), tf.mean(dUnit, -1, true));
        return [tf.mul(tf.sub(dUnit, pull), inverse), tf.sum(tf.mul(dy, unit), rows), tf.sum(dy, rows)];
      },
    };
  });
  return run(x, gain, bias);
}

/** x Φ(x), exact (erf), as BERT. */
export function gelu(x: Tensor): Tensor {
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (tensors: Tensor[]) => void];
    const half = tf.mul(tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1), 0.5); // Φ(x)
    save([input, half]);
    return {
      value: tf.mul(input, half),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [input, half] = saved as [Tensor, Tensor];
        const density = tf.mul(tf.exp(tf.mul(tf.square(input), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return [tf.mul(dy, tf.add(half, tf.mul(input, density)))];
      },
    };
  });
  return run(x);
}

/** Drops a share of x and scales the rest, at one place of the network after another; the identity when not training. */
export type Dropout = (x: Tensor) => Tensor;

export const noDropout: Dropout = (x) => x;

/**
 * Dropout whose masks follow from `seed` [2] int32 and the order of the calls. The random numbers are TensorFlow's own
 * (Philox, stateless), so they are drawn anew in each run of a compiled step; other backends draw them in JavaScript.
 */
export function dropout(rate: number, seed: Tensor): Dropout {
  if (rate === 0) return noDropout;
  let place = 0;
  return (x) => {
    const own = tf.add(seed, tf.tensor1d([0, place++], 'int32'));
    const kept = tf.greaterEqual(uniform(x.shape, own), rate);
    return tf.mul(x, tf.mul(tf.cast(kept, 'float32'), 1 / (1 - rate)));
  };
}

/** Numbers in [0, 1) that follow from `seed` [2] int32. */
function uniform(shape: number[], seed: Tensor): Tensor {
  const native = nativeBackend();
  if (!native) {
    const [high, low] = seed.dataSync() as unknown as [number, number];
    return tf.randomUniform(shape, 0, 1, 'float32', high * 65_537 + low);
  }
  const { TF_ATTR_TYPE: kind, TF_FLOAT: float, TF_INT32: integer } = native.binding;
  const attributes = [
    { name: 'dtype', type: kind, value: float },
    { name: 'T', type: kind, value: integer },
    { name: 'Tseed', type: kind, value: integer },
  ];
  return native.executeSingleOutput('StatelessRandomUniform', attributes, [tf.tensor1d(shape, 'int32'), seed]);
}

/**
 * Softmax cross-entropy of each row against its class: [N] from logits [N, K] and labels [N] int32. On TensorFlow one pass
 * gives both the loss and its gradient; nothing of size [N, K] is made for the labels.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const native = nativeBackend();
  if (!native) {
    const oneHot = tf.oneHot(labels as never, logits.shape[1] as number);
    return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), oneHot), -1));
  }
  const { TF_ATTR_TYPE: kind, TF_FLOAT: float, TF_INT32: integer } = native.binding;
  const run = tf.customGrad((...args: unknown[]) => {
    const [input, save] = args as [Tensor, (tensors: Tensor[]) => void];
    const attributes = [
      { name: 'T', type: kind, value: float },
      { name: 'Tlabels', type: kind, value: integer },
    ];
    const [loss, slope] = native.executeMultipleOutputs(
      'SparseSoftmaxCrossEntropyWithLogits',
      attributes,
      [input, labels],
      2,
    ) as [Tensor, Tensor];
    save([slope]);
    return {
      value: loss,
      gradFunc: (dy: Tensor, saved: Tensor[]) => [tf.mul(saved[0] as Tensor, tf.expandDims(dy, -1))],
    };
  });
  return run(logits);
}

/** Σ values·weights / max(Σ weights, 1): a mean that is 0 where nothing counts. */
export function weightedMean(values: Tensor, weights: Tensor): Tensor {
  return tf.div(tf.sum(tf.mul(values, weights)), tf.maximum(tf.sum(weights), 1));
}
