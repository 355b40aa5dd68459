import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { shareOfRight } from '../../../filters/corpus/share-of-right.ts';

test('the share of right pairs is told by their chances alone', () => {
  for (const share of [0.4, 0.8]) {
    const draw = random(6);
    const scores = Array.from({ length: 20_000 }, () => draw.normal() + (draw.next() < share ? 1 : -1));
    // Of normal scores around 1 and -1 the chance has the slope 2.
    const found = shareOfRight(scores.map((score) => 1 / (1 + Math.exp(-2 * score))));
    assert.ok(Math.abs(found - share) < 0.02, `${found} for ${share}`);
  }
  assert.equal(shareOfRight([]), 0);
});
