import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { type Matrix, mapped, openRidge } from '../../../model/runtime/ridge.ts';

const draw = random(7);
const matrix = (rows: number, columns: number): Matrix => ({
  rows,
  columns,
  values: Float32Array.from({ length: rows * columns }, () => draw.normal()),
});
const at = ({ columns, values }: Matrix, row: number, column: number): number => values[row * columns + column]!;

/** The gradient of |y - x W|² + λ |W|² by W, for standardised x and centred y: nought at the least. */
function gradient(inputs: Matrix, targets: Matrix, lambda: number): number {
  const ridge = openRidge(inputs, targets);
  const map = ridge.fit(lambda);
  const guesses = mapped(map, inputs);
  ridge.dispose();
  let largest = 0;
  for (let column = 0; column < inputs.columns; column++) {
    for (let target = 0; target < targets.columns; target++) {
      let slope = lambda * at(map.weights, column, target);
      for (let row = 0; row < inputs.rows; row++) {
        const x = (at(inputs, row, column) - map.mean[column]!) / map.scale[column]!;
        const error = at(guesses, row, target) - (at(targets, row, target) - map.offset[target]!);
        slope += x * error;
      }
      largest = Math.max(largest, Math.abs(slope));
    }
  }
  return largest;
}

test('the map has the least error with its size, with more rows than inputs and with fewer', () => {
  for (const [rows, columns] of [
    [40, 5],
    [6, 30],
  ] as const) {
    for (const lambda of [0.1, 3, 300]) {
      const slope = gradient(matrix(rows, columns), matrix(rows, 3), lambda);
      assert.ok(slope < 1e-3, `${rows} x ${columns}, ${lambda}: ${slope}`);
    }
  }
});

test('what is predicted is what the map makes', () => {
  for (const rows of [40, 4]) {
    const inputs = matrix(rows, 9);
    const queries = matrix(5, 9);
    const ridge = openRidge(inputs, matrix(rows, 7));
    const predicted = ridge.predict(2, queries);
    const expected = mapped(ridge.fit(2), queries);
    ridge.dispose();
    assert.deepEqual([predicted.rows, predicted.columns], [5, 7]);
    for (const [index, value] of predicted.values.entries()) {
      assert.ok(Math.abs(value - expected.values[index]!) < 1e-4, `${value} at ${index}`);
    }
  }
});

test('an input that never changes is no fault', () => {
  const inputs = matrix(12, 3);
  for (let row = 0; row < 12; row++) inputs.values[row * 3] = 5;
  const ridge = openRidge(inputs, matrix(12, 2));
  assert.ok(ridge.fit(1).weights.values.every(Number.isFinite));
  ridge.dispose();
});
