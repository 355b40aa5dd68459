import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suppressOverlaps } from '../../../model/regions/suppress.ts';

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
