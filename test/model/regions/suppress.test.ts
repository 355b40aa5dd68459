import assert from 'node:assert/strict';
import { test } from 'node:test';
import { overlap, suppressOverlaps } from '../../../model/regions/suppress.ts';

test('intersection over union', () => {
  const table: [number[], number[], number][] = [
    [[0, 0, 1, 1], [0, 0, 1, 1], 1],
    [[0, 0, 0.5, 1], [0.5, 0, 1, 1], 0],
    [[0, 0, 1, 1], [0, 0, 0.5, 0.5], 0.25],
    [[0, 0, 0.5, 0.5], [0.25, 0.25, 0.75, 0.75], 1 / 7],
    [[0.5, 0.5, 0.5, 0.9], [0, 0, 1, 1], 0],
    [[0.9, 0, 0.1, 1], [0, 0, 1, 1], 0],
  ];
  for (const [a, b, expected] of table) {
    assert.ok(Math.abs(overlap(Float32Array.from(a), 0, Float32Array.from(b), 0) - expected) < 1e-6, `${a} ${b}`);
  }
});

test('of overlapping boxes the first stays, empty boxes go', () => {
  const boxes = [
    [0, 0, 0.5, 0.5],
    [0, 0, 0.5, 0.4], // 0.8 of the first
    [0.3, 0.3, 0.3, 0.9], // empty
    [0, 0, 1, 1], // 0.25 of the first
    [0.1, 0, 1, 1], // 0.9 of the one before
  ];
  assert.deepEqual(suppressOverlaps(Float32Array.from(boxes.flat()), 0.5), [0, 3]);
  assert.deepEqual(suppressOverlaps(new Float32Array(0), 0.5), []);
});
