/** Logistic regression with an L2 penalty, by Newton's method: exact and the same on every machine. */
import type { Weights } from '../../crawler/page/dominance-weights.ts';

export interface Example {
  readonly features: Readonly<Record<string, number>>;
  /** 1 or 0; between them where it is only probable. */
  readonly positive: number;
  readonly weight: number;
}

const maxSteps = 25;
const smallEnough = 1e-9;

/**
 * The weights that fit the examples; `penalty` is half the factor of the squared distance from `expected` (0 where it says nothing),
 * and the bias has none.
 */
export function fit(
  examples: readonly Example[],
  names: readonly string[],
  penalty: number,
  expected: Readonly<Record<string, number>> = {},
): Weights {
  const size = names.length + 1;
  const rows = examples.map(({ features }) => [1, ...names.map((name) => features[name] ?? 0)]);
  const weights = new Float64Array(size);
  for (let step = 0; step < maxSteps; step += 1) {
    const gradient = new Float64Array(size);
    const curvature = Array.from({ length: size }, () => new Float64Array(size));
    rows.forEach((row, at) => {
      const { positive, weight } = examples[at]!;
      const sum = row.reduce((total, value, i) => total + value * weights[i]!, 0);
      const p = 1 / (1 + Math.exp(-sum));
      const bend = weight * Math.max(1e-6, p * (1 - p));
      row.forEach((value, i) => {
        if (value === 0) return;
        gradient[i]! += weight * (p - positive) * value;
        for (let j = 0; j <= i; j += 1) curvature[i]![j]! += bend * value * row[j]!;
      });
    });
    for (let i = 0; i < size; i += 1) {
      if (i > 0) gradient[i]! += penalty * (weights[i]! - (expected[names[i - 1]!] ?? 0));
      curvature[i]![i]! += i > 0 ? penalty : smallEnough;
      for (let j = 0; j < i; j += 1) curvature[j]![i] = curvature[i]![j]!;
    }
    const change = solve(curvature, gradient);
    for (let i = 0; i < size; i += 1) weights[i]! -= change[i]!;
    if (change.every((value) => Math.abs(value) < smallEnough)) break;
  }
  return { bias: weights[0]!, features: new Map(names.map((name, at) => [name, weights[at + 1]!])) };
}

/** Gauss and Jordan, with the largest pivot. */
function solve(matrix: readonly Float64Array[], right: Float64Array): number[] {
  const size = right.length;
  const rows = matrix.map((row, at) => [...row, right[at]!]);
  for (let column = 0; column < size; column += 1) {
    let pivot = column;
    for (let at = column + 1; at < size; at += 1)
      if (Math.abs(rows[at]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = at;
    [rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!];
    const head = rows[column]!;
    rows.forEach((row, at) => {
      const factor = at === column ? 0 : row[column]! / head[column]!;
      if (factor !== 0) for (let i = column; i <= size; i += 1) row[i]! -= factor * head[i]!;
    });
  }
  return rows.map((row, at) => row[size]! / row[at]!);
}
