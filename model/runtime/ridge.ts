/**
 * Ridge regression in closed form: the linear map from inputs to targets with the least squared error and λ times its own squared
 * size. Inputs are standardised, so that λ means the same for each of them. Where rows are fewer than inputs their products are
 * solved in place of the inputs' (the dual form), which gives the same map.
 */
import { tf, valuesOf } from './backend.ts';
import { Graph } from './graph.ts';
import { bool, type } from './graph-node.ts';

/** Rows of numbers, [N, D]. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
}

export interface LinearMap {
  /** [D] */
  readonly mean: Float32Array;
  /** [D] standard deviation */
  readonly scale: Float32Array;
  /** [D, V], over inputs less their mean, through their scale. */
  readonly weights: Matrix;
  /** [V] mean of the targets: what an input at the mean is mapped to. */
  readonly offset: Float32Array;
}

export interface Ridge {
  /** [V] mean of the targets: what an input at the mean is mapped to. */
  readonly offset: Float32Array;
  /** The map for a λ of the sum of squares, not of their mean. */
  fit(lambda: number): LinearMap;
  /** What that map makes of inputs [n, D]: [n, V] less the offset. Cheaper than the map where V is more than n. */
  predict(lambda: number, inputs: Matrix): Matrix;
  dispose(): void;
}

/** `inputs` [N, D] and `targets` [N, V] have a row for each example. The products are made once, so that each λ costs one solution. */
export function openRidge(inputs: Matrix, targets: Matrix): Ridge {
  const { rows: N, columns: D } = inputs;
  const V = targets.columns;
  const { mean, scale } = moments(inputs);
  const offset = moments(targets).mean;
  const dual = N < D;
  const x = tf.tensor2d(standardised(inputs, mean, scale), [N, D]);
  const y = tf.tidy(() => tf.sub(tf.tensor2d(targets.values, [N, V]), offset)); // [N, V]
  const right = dual ? y : tf.matMul(x, y, true); // [N, V] or [D, V]
  if (right !== y) y.dispose();
  const side = dual ? N : D;
  const products = valuesOf(() => tf.matMul(x, x, !dual, dual));
  const system = { rows: side, columns: side, values: products };
  const solver = openSolver();
  return {
    offset,
    fit(lambda) {
      const wanted = { rows: side, columns: V, values: right.dataSync() as Float32Array };
      const solved = solver.solve(system, lambda, wanted);
      const values = dual ? valuesOf(() => tf.matMul(x, tf.tensor2d(solved, [N, V]), true)) : solved;
      return { mean, scale, weights: { rows: D, columns: V, values }, offset };
    },
    predict(lambda, queries) {
      const n = queries.rows;
      const z = valuesOf(() => {
        const asked = tf.tensor2d(standardised(queries, mean, scale), [n, D]);
        return dual ? tf.matMul(x, asked, false, true) : tf.transpose(asked); // [N, n] or [D, n]
      });
      const solved = solver.solve(system, lambda, { rows: side, columns: n, values: z });
      const values = valuesOf(() => tf.matMul(tf.tensor2d(solved, [side, n]), right, true));
      return { rows: n, columns: V, values };
    },
    dispose() {
      solver.dispose();
      tf.dispose([x, right]);
    },
  };
}

/** What a map makes of inputs [N, D]: [N, V] less the offset. */
export function mapped({ mean, scale, weights }: LinearMap, inputs: Matrix): Matrix {
  const values = valuesOf(() => {
    const x = tf.tensor2d(standardised(inputs, mean, scale), [inputs.rows, inputs.columns]);
    return tf.matMul(x, tf.tensor2d(weights.values, [weights.rows, weights.columns]));
  });
  return { rows: inputs.rows, columns: weights.columns, values };
}

/** Rows of one length side by side. */
export function matrixOf(rows: readonly Float32Array[]): Matrix {
  const columns = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * columns);
  rows.forEach((row, at) => {
    values.set(row, at * columns);
  });
  return { rows: rows.length, columns, values };
}

/** Mean and standard deviation of each column. A column that never changes has the deviation 1e-6. */
export function moments({ rows, columns, values }: Matrix): { mean: Float32Array; scale: Float32Array } {
  const sum = new Float64Array(columns);
  const squares = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) sum[column]! += values[row * columns + column]!;
  }
  const mean = Float32Array.from(sum, (one) => one / rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      squares[column]! += (values[row * columns + column]! - mean[column]!) ** 2;
    }
  }
  return { mean, scale: Float32Array.from(squares, (one) => Math.sqrt(one / rows) + 1e-6) };
}

export function standardised({ columns, values }: Matrix, mean: Float32Array, scale: Float32Array): Float32Array {
  return values.map((value, at) => (value - mean[at % columns]!) / scale[at % columns]!);
}

/** Solves (A + λI) X = B for a symmetric A without negative directions, by Cholesky. */
export function openSolver() {
  const graph = new Graph();
  const T = { T: type('float32') };
  const factor = graph.add('factor', 'Cholesky', [graph.placeholder('system', 'float32', [-1, -1])], T);
  const half = graph.add('half', 'MatrixTriangularSolve', [factor, graph.placeholder('right', 'float32', [-1, -1])], {
    ...T,
    lower: bool(true),
    adjoint: bool(false),
  });
  graph.add('whole', 'MatrixTriangularSolve', [factor, half], { ...T, lower: bool(true), adjoint: bool(true) });
  const running = graph.start();
  const run = (node: 'half' | 'whole', system: Matrix, lambda: number, right: Matrix): Float32Array => {
    const values = system.values.slice();
    for (let at = 0; at < system.rows; at++) values[at * system.columns + at]! += lambda;
    const [solved] = running.run(
      {
        system: { shape: [system.rows, system.columns], values },
        right: { shape: [right.rows, right.columns], values: right.values },
      },
      [node],
    );
    return solved!.values as Float32Array;
  };
  return {
    solve: (system: Matrix, lambda: number, right: Matrix): Float32Array => run('whole', system, lambda, right),
    /** The diagonal of the inverse of A + λI. */
    inverseDiagonal(system: Matrix, lambda: number): Float32Array {
      const N = system.rows;
      const identity = new Float32Array(N * N);
      for (let at = 0; at < N; at++) identity[at * (N + 1)] = 1;
      // The inverse is the product of that of the factor with itself, transposed.
      const half = run('half', system, lambda, { rows: N, columns: N, values: identity });
      const diagonal = new Float32Array(N);
      for (let at = 0; at < half.length; at++) diagonal[at % N]! += half[at]! ** 2;
      return diagonal;
    },
    dispose: () => running.dispose(),
  };
}
