/**
 * Kernel ridge regression in closed form: like `openRidge`, but the map is no straight line. An input is mapped by how near it is to each
 * example, e^(−d) of the mean squared distance d of standardised inputs. An example is mapped as if it had not been one.
 */
import { type Tensor, tf, valuesOf } from './backend.ts';
import { type Matrix, moments, openSolver, standardised } from './ridge.ts';

export interface KernelMap {
  /** [D] */
  readonly mean: Float32Array;
  /** [D] standard deviation */
  readonly scale: Float32Array;
  /** [N, D] the examples, less their mean, through their scale. */
  readonly examples: Matrix;
  /** [N, V] */
  readonly weights: Matrix;
  /** [N] What an example has to be less near to itself, to be mapped as by a map that was fitted without it. */
  readonly own: Float32Array;
}

/** A map that is asked often. */
export interface OpenKernelMap {
  /** What it makes of inputs [n, D]: [n, V] less the mean of the targets. */
  predict(inputs: Matrix): Matrix;
  dispose(): void;
}

/** An input so near to an example is the example itself: float32 says distances of standardised inputs to a millionth. */
const sameDistance = 1e-4;

/** `inputs` [N, D] and `targets` [N, V] have a row for each example; λ is of the sum of squares. Takes N³ operations. */
export function fitKernelMap(inputs: Matrix, targets: Matrix, lambda: number): KernelMap {
  const { rows: N, columns: D } = inputs;
  const V = targets.columns;
  const { mean, scale } = moments(inputs);
  const offset = moments(targets).mean;
  const examples = { rows: N, columns: D, values: standardised(inputs, mean, scale) };
  const nearness = valuesOf(() => {
    const x = tf.tensor2d(examples.values, [N, D]);
    return tf.exp(tf.neg(distances(x, x)));
  });
  const system = { rows: N, columns: N, values: nearness };
  const wanted = { rows: N, columns: V, values: targets.values.map((value, at) => value - offset[at % V]!) };
  const solver = openSolver();
  try {
    const weights = { rows: N, columns: V, values: solver.solve(system, lambda, wanted) };
    // Leaving an example out moves its prediction from y − λc to y − c / a, a of the inverse's diagonal and c its weights.
    const own = solver.inverseDiagonal(system, lambda).map((one) => 1 / one - lambda);
    return { mean, scale, examples, weights, own };
  } finally {
    solver.dispose();
  }
}

export function openKernelMap({ mean, scale, examples, weights, own }: KernelMap): OpenKernelMap {
  const { rows: N, columns: D } = examples;
  const V = weights.columns;
  const x = tf.tensor2d(examples.values, [N, D]);
  const w = tf.tensor2d(weights.values, [N, V]);
  const taken = tf.tensor1d(own);
  return {
    predict(inputs) {
      const values = valuesOf(() => {
        const far = distances(tf.tensor2d(standardised(inputs, mean, scale), [inputs.rows, D]), x); // [n, N]
        const isSame = tf.cast(tf.less(far, sameDistance), 'float32');
        return tf.matMul(tf.sub(tf.exp(tf.neg(far)), tf.mul(isSame, taken)), w);
      });
      return { rows: inputs.rows, columns: V, values };
    },
    dispose: () => tf.dispose([x, w, taken]),
  };
}

/** Mean squared distances [n, N] of rows [n, D] and [N, D]. */
function distances(some: Tensor, others: Tensor): Tensor {
  const squares = (rows: Tensor): Tensor => tf.sum(tf.square(rows), 1, true);
  const products = tf.mul(tf.matMul(some, others, false, true), 2);
  const all = tf.sub(tf.add(squares(some), tf.transpose(squares(others))), products);
  return tf.div(tf.relu(all), some.shape[1]!);
}
