import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { fitKernelMap, openKernelMap } from '../../../model/runtime/kernel-ridge.ts';
import { type Matrix, matrixOf } from '../../../model/runtime/ridge.ts';

const draw = random(11);
const rowsOf = (rows: number, columns: number) =>
  Array.from({ length: rows }, () => Float32Array.from({ length: columns }, () => draw.normal()));
const predicted = (inputs: Matrix, targets: Matrix, lambda: number, asked: Matrix): Float32Array => {
  const map = openKernelMap(fitKernelMap(inputs, targets, lambda));
  try {
    return map.predict(asked).values;
  } finally {
    map.dispose();
  }
};

test('a map that is no straight line is learned', () => {
  const inputs = Array.from({ length: 120 }, (_, at) => Float32Array.of(at / 20 - 3));
  const targets = inputs.map(([x]) => Float32Array.of(Math.abs(x!), 5));
  const between = [-1.99, -0.51, 1.01, 2.03].map((x) => Float32Array.of(x));
  const found = predicted(matrixOf(inputs), matrixOf(targets), 1e-3, matrixOf(between));
  // Less the mean of the targets, of which the second never changes.
  between.forEach(([x], row) => {
    assert.ok(Math.abs(found[2 * row]! - (Math.abs(x!) - 1.5)) < 0.1, `${x}: ${found[2 * row]}`);
    assert.ok(Math.abs(found[2 * row + 1]!) < 1e-4);
  });
});

test('an example is mapped as by a map that was fitted without it', () => {
  const [inputs, targets] = [rowsOf(24, 6), rowsOf(24, 2)];
  const whole = predicted(matrixOf(inputs), matrixOf(targets), 0.3, matrixOf(inputs));
  const map = fitKernelMap(matrixOf(inputs), matrixOf(targets), 0.3);
  for (const left of [0, 7, 23]) {
    const others = inputs.map((_, row) => row).filter((row) => row !== left);
    // Inputs and targets are counted from the means of all.
    const near = (a: number, b: number) =>
      Math.exp(-inputs[a]!.reduce((sum, value, at) => sum + ((value - inputs[b]![at]!) / map.scale[at]!) ** 2, 0) / 6);
    const means = [0, 1].map((at) => targets.reduce((sum, row) => sum + row[at]!, 0) / 24);
    for (const column of [0, 1]) {
      const weights = solved(
        others.map((a) => others.map((b) => near(a, b) + (a === b ? 0.3 : 0))),
        others.map((row) => targets[row]![column]! - means[column]!),
      );
      const expected = others.reduce((sum, row, at) => sum + near(left, row) * weights[at]!, 0);
      assert.ok(Math.abs(whole[2 * left + column]! - expected) < 2e-3, `${whole[2 * left + column]} ${expected}`);
    }
  }
});

/** By elimination. */
function solved(system: number[][], right: number[]): number[] {
  const rows = system.map((row, at) => [...row, right[at]!]);
  const n = rows.length;
  for (let pivot = 0; pivot < n; pivot++) {
    for (let row = 0; row < n; row++) {
      if (row === pivot) continue;
      const factor = rows[row]![pivot]! / rows[pivot]![pivot]!;
      for (let at = pivot; at <= n; at++) rows[row]![at]! -= factor * rows[pivot]![at]!;
    }
  }
  return rows.map((row, at) => row[n]! / row[at]!);
}
