import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leastLosses } from '../../../model/ranking/contrast-loss.ts';

/** Two images, the first with two texts. */
const owner = [0, 0, 1];
const near = (found: Float64Array, wanted: readonly number[]) =>
  found.forEach((one, query) => {
    assert.ok(Math.abs(one - wanted[query]!) < 1e-6, `${[...found]} ${wanted}`);
  });

test('an image looks for any of its texts, a text for its image', () => {
  // What is wrong is nearer for half of the queries, so that the lowest scale is best.
  const cosines = Float32Array.of(0.2, 0.1, 0.3, 0.4, 0, 0.1);
  const power = (cosine: number) => Math.exp(5 * Math.fround(cosine));
  const right = power(0.2) + power(0.1);
  near(leastLosses(cosines, owner, 'text'), [
    Math.log((right + power(0.3)) / right),
    Math.log((power(0.4) + power(0) + power(0.1)) / power(0.1)),
  ]);
  near(leastLosses(cosines, owner, 'image'), [
    Math.log((power(0.2) + power(0.4)) / power(0.2)),
    Math.log((power(0.1) + power(0)) / power(0.1)),
    Math.log((power(0.3) + power(0.1)) / power(0.1)),
  ]);
});

test('where all is right the highest scale is best', () => {
  const found = leastLosses(Float32Array.of(0.3, 0.3, 0.2, 0.2, 0.2, 0.3), owner, 'image');
  near(found, [0, 1, 2].map(() => Math.log(1 + Math.exp(80 * (Math.fround(0.2) - Math.fround(0.3)))))); // biome-ignore format: one line
});
