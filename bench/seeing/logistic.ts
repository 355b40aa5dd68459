/**
 * Logistic regression with an L2 penalty, by Newton's method with conjugate gradients: the same on every machine, and fast where most
 * features of an example are 0.
 */
import type { Weights } from '../../crawler/page/dominance-weights.ts';

export interface Example {
  readonly features: Readonly<Record<string, number>>;
  /** 1 or 0; between them where it is only probable. */
  readonly positive: number;
  readonly weight: number;
}

/** Half the factor of the squared distance of a weight from what is expected of it. */
export interface Prior {
  readonly penalty: (name: string) => number;
  /** 0 for features that it does not name. */
  readonly expected?: Readonly<Record<string, number>>;
}

const maxSteps = 40;
const maxInnerSteps = 300;

/** Changes of weights that are none: they are written with two decimals. */
const smallEnough = 1e-5;

/** The part of the gradient that one step of Newton may leave. */
const maxRest = 0.01;

/** The bias has no penalty, but a curvature where nothing bends. */
const biasPenalty = 1e-9;

/** The features of each example that are not 0, as places in the list of weights; the bias is the first. */
interface SparseRows {
  readonly starts: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

/** The weights that fit the examples. */
export function fit(examples: readonly Example[], names: readonly string[], prior: Prior): Weights {
  const size = names.length + 1;
  const rows = sparseRows(examples, names);
  const expected = Float64Array.from([0, ...names.map((name) => prior.expected?.[name] ?? 0)]);
  const penalties = Float64Array.from([biasPenalty, ...names.map(prior.penalty)]);
  const weights = expected.slice();
  for (let step = 0; step < maxSteps; step += 1) {
    const bends = new Float64Array(examples.length);
    const errors = new Float64Array(examples.length);
    sums(rows, weights).forEach((sum, at) => {
      const { positive, weight } = examples[at]!;
      const p = 1 / (1 + Math.exp(-sum));
      errors[at] = weight * (p - positive);
      bends[at] = weight * Math.max(1e-6, p * (1 - p));
    });
    const gradient = spread(rows, errors, size).map((value, i) => value + penalties[i]! * (weights[i]! - expected[i]!));
    const change = solve(rows, bends, penalties, gradient);
    for (let i = 0; i < size; i += 1) weights[i]! -= change[i]!;
    if (change.every((value) => Math.abs(value) < smallEnough)) break;
  }
  return { bias: weights[0]!, features: new Map(names.map((name, at) => [name, weights[at + 1]!])) };
}

function sparseRows(examples: readonly Example[], names: readonly string[]): SparseRows {
  const columnOf = new Map(names.map((name, at) => [name, at + 1]));
  const starts = new Int32Array(examples.length + 1);
  const columns: number[] = [];
  const values: number[] = [];
  examples.forEach(({ features }, at) => {
    columns.push(0);
    values.push(1);
    for (const name in features) {
      const column = columnOf.get(name);
      if (column === undefined || features[name] === 0) continue;
      columns.push(column);
      values.push(features[name]!);
    }
    starts[at + 1] = columns.length;
  });
  return { starts, columns: Int32Array.from(columns), values: Float64Array.from(values) };
}

/** The weighted sum of each row. */
function sums({ starts, columns, values }: SparseRows, weights: Float64Array): Float64Array {
  const all = new Float64Array(starts.length - 1);
  for (let row = 0; row < all.length; row += 1) {
    let sum = 0;
    for (let at = starts[row]!; at < starts[row + 1]!; at += 1) sum += values[at]! * weights[columns[at]!]!;
    all[row] = sum;
  }
  return all;
}

/** The sum of the rows, each times its factor. */
function spread({ starts, columns, values }: SparseRows, factors: Float64Array, size: number): Float64Array {
  const all = new Float64Array(size);
  for (let row = 0; row < factors.length; row += 1)
    for (let at = starts[row]!; at < starts[row + 1]!; at += 1) all[columns[at]!]! += values[at]! * factors[row]!;
  return all;
}

/** Newton's step, by conjugate gradients that know the diagonal of the curvature. */
function solve(rows: SparseRows, bends: Float64Array, penalties: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const diagonal = penalties.slice();
  for (let row = 0; row < bends.length; row += 1)
    for (let at = rows.starts[row]!; at < rows.starts[row + 1]!; at += 1)
      diagonal[rows.columns[at]!]! += bends[row]! * rows.values[at]! ** 2;
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const found = new Float64Array(size);
  const rest = right.slice();
  let direction = rest.map((value, i) => value / diagonal[i]!);
  let length = dot(rest, direction);
  const enough = maxRest ** 2 * length;
  for (let step = 0; step < maxInnerSteps && length > enough; step += 1) {
    const along = sums(rows, direction).map((sum, row) => sum * bends[row]!);
    const bent = spread(rows, along, size).map((value, i) => value + penalties[i]! * direction[i]!);
    const far = length / dot(direction, bent);
    for (let i = 0; i < size; i += 1) {
      found[i]! += far * direction[i]!;
      rest[i]! -= far * bent[i]!;
    }
    const next = rest.map((value, i) => value / diagonal[i]!);
    const nextLength = dot(rest, next);
    direction = next.map((value, i) => value + (nextLength / length) * direction[i]!);
    length = nextLength;
  }
  return found;
}
