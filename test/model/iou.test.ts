import assert from 'node:assert/strict';
import { test } from 'node:test';
import { iou } from '../../model/iou.ts';

test('intersection over union', () => {
  const table: [number[], number[], number][] = [
    [[0, 0, 1, 1], [0, 0, 1, 1], 1],
    [[0, 0, 0.5, 1], [0.5, 0, 1, 1], 0],
    [[0, 0, 1, 1], [0, 0, 0.5, 0.5], 0.25],
    [[0, 0, 0.5, 0.5], [0.25, 0.25, 0.75, 0.75], 1 / 7],
    [[0, 0, 1, 1], [0, 0, 0.5, 1], 0.5],
    [[0, 0, 0.5, 1], [0.25, 0, 0.75, 1], 1 / 3],
    [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5], 0],
    [[0.5, 0.5, 0.5, 0.9], [0, 0, 1, 1], 0],
    [[0.9, 0, 0.1, 1], [0, 0, 1, 1], 0],
  ];
  for (const [a, b, expected] of table) {
    assert.ok(Math.abs(iou(Float32Array.from(a), 0, Float32Array.from(b), 0) - expected) < 1e-6, `${a} ${b}`);
    assert.ok(Math.abs(iou(Float32Array.from([...a, ...b]), 0, Float32Array.from([...a, ...b]), 1) - expected) < 1e-6);
  }
});
