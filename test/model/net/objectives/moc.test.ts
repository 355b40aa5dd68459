import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../../dataset/random.ts';
import { hideRegions } from '../../../../model/net/objectives/moc.ts';

/** Boxes side by side that do not overlap. */
const apart = (count: number) =>
  Float32Array.from({ length: count }, (_, index) => index).reduce(
    (boxes, index) => {
      boxes.set([index / count, 0, (index + 0.9) / count, 1], index * 4);
      return boxes;
    },
    new Float32Array(count * 4),
  );

test('15 % of the regions are asked for, 90 % of those lose their feature', () => {
  let asked = 0;
  let zeroed = 0;
  for (let image = 0; image < 2000; image++) {
    const hidden = hideRegions(apart(50), 50, { maxOverlap: 0.4, limit: 50 }, random(image));
    asked += hidden.predicted.length;
    zeroed += hidden.zeroed.size;
  }
  assert.ok(Math.abs(asked / 100_000 - 0.15) < 0.01, `${asked}`);
  assert.ok(Math.abs(zeroed / asked - 0.9) < 0.02, `${zeroed}`);
});

test('a region that overlaps a hidden one by more than 0.4 loses its feature too', () => {
  // 0 and 1 are nearly one box, 2 and 3 stand apart.
  const boxes = Float32Array.from([0, 0, 0.4, 1, 0.02, 0, 0.42, 1, 0.5, 0, 0.6, 1, 0.8, 0, 0.9, 1]);
  let seen = 0;
  for (let image = 0; image < 200; image++) {
    const { predicted: asked, zeroed } = hideRegions(boxes, 4, { maxOverlap: 0.4, limit: 4 }, random(image));
    if (zeroed.has(0) && !asked.includes(1)) {
      assert.ok(zeroed.has(1), `image ${image}`);
      seen += 1;
    }
    const off = hideRegions(boxes, 4, { maxOverlap: 1, limit: 4 }, random(image));
    assert.ok([...off.zeroed].every((index) => off.predicted.includes(index)));
  }
  assert.ok(seen > 10);
});

test('an image of one region keeps it in 85 % of the cases, one of many always hides some', () => {
  const hides = (count: number) =>
    Array.from({ length: 1000 }, (_, image) =>
      hideRegions(apart(count), count, { maxOverlap: 0.4, limit: count }, random(image)),
    ).filter(({ predicted: asked }) => asked.length > 0).length / 1000;
  assert.ok(hides(1) < 0.3, `${hides(1)}`);
  assert.equal(hides(20), 1);
});
