import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWithin } from '../../dataset/is-within.ts';

for (const [folder, path, expected] of [
  ['/sets/birds', '/sets/birds', true],
  ['/sets/birds', '/sets/birds/train', true],
  ['/sets/birds', '/sets/birds/..train', true],
  ['/sets/birds', '/sets/birdsong', false],
  ['/sets/birds', '/sets', false],
  ['/', '/train', true],
  ['/', '/', true],
] as const) {
  test(`${path} ${expected ? 'is' : 'is not'} within ${folder}`, () => assert.equal(isWithin(folder, path), expected));
}
