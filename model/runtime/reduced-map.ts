/** The directions that a linear map predicts best, so that inputs and targets can be compared in a space of few dimensions. */
import { tf, valuesOf } from './backend.ts';
import { Graph } from './graph.ts';
import { bool, type } from './graph-node.ts';
import { type LinearMap, type Matrix, mapped } from './ridge.ts';

/** `inputs` [n, D] are some that the map was fitted to; gives up to `size` orthonormal directions of the targets, a row each, [k, V]. */
export function predictedDirections(map: LinearMap, inputs: Matrix, size: number): Matrix {
  const { rows: n, columns: V, values } = mapped(map, inputs);
  const products = valuesOf(() => {
    const predicted = tf.tensor2d(values, [n, V]);
    return tf.matMul(predicted, predicted, false, true); // [n, n]
  });
  const { roots, vectors } = eigen({ rows: n, columns: n, values: products });
  // Ascending; those that are hardly there would be rounding blown up.
  const largest = roots.at(-1) ?? 0;
  const kept = [...roots.keys()]
    .reverse()
    .filter((at) => roots[at]! > 1e-6 * largest)
    .slice(0, size);
  const basis = new Float32Array(kept.length * n);
  kept.forEach((at, row) => {
    for (let index = 0; index < n; index++) basis[row * n + index] = vectors[index * n + at]! / Math.sqrt(roots[at]!);
  });
  const directions = valuesOf(() => tf.matMul(tf.tensor2d(basis, [kept.length, n]), tf.tensor2d(values, [n, V])));
  return { rows: kept.length, columns: V, values: directions };
}

/** Roots, ascending, and the vectors in columns of a symmetric matrix. */
function eigen({ rows, columns, values }: Matrix): { roots: Float32Array; vectors: Float32Array } {
  const graph = new Graph();
  const found = graph.add('eigen', 'SelfAdjointEigV2', [graph.placeholder('matrix', 'float32', [-1, -1])], {
    compute_v: bool(true),
    T: type('float32'),
  });
  const running = graph.start();
  try {
    const [roots, vectors] = running.run({ matrix: { shape: [rows, columns], values } }, [`${found}:0`, `${found}:1`]);
    return { roots: roots!.values as Float32Array, vectors: vectors!.values as Float32Array };
  } finally {
    running.dispose();
  }
}
