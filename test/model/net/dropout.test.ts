import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dropout, noDropout, type Rows } from '../../../model/net/dropout.ts';
import { type Tensor, tf } from '../../../model/runtime/backend.ts';

const seed = (...values: [number, number]) => tf.tensor1d(values, 'int32');

for (const shape of [[1000, 400], [7, 11, 3], [1]]) {
  test(`a mask of [${shape}] has 1 and 0 only, and its share`, () => {
    tf.tidy(() => {
      const rate = 0.1;
      const drop = dropout(rate, seed(1, 2));
      const mask = drop.mask(shape) as Tensor;
      assert.deepEqual(mask.shape, shape);
      const values = mask.dataSync() as Float32Array;
      assert.ok(values.every((value) => value === 0 || value === 1));
      const kept = values.reduce((sum, value) => sum + value, 0);
      // Six standard deviations of a binomial: one mask in a billion.
      assert.ok(
        Math.abs(kept - (1 - rate) * values.length) <= 6 * Math.sqrt(rate * (1 - rate) * values.length),
        `${kept}`,
      );
      assert.equal(drop.grow, 1 / (1 - rate));
    });
  });
}

test('a seed gives its masks again, each place and each seed another', () => {
  tf.tidy(() => {
    const masks = (...values: [number, number]) => {
      const drop = dropout(0.5, seed(...values));
      return [drop.mask([40]), drop.mask([40])].map((mask) => mask?.dataSync().join(''));
    };
    const [first, second] = masks(1, 0);
    assert.deepEqual(masks(1, 0), [first, second]);
    const all = new Set([first, second, ...masks(1, 8), ...masks(2, 0)]);
    assert.equal(all.size, 6);
  });
});

test('what stays is scaled so that the mean stays, and nothing is lost in memory', () => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const values = dropout(0.25, seed(3, 4))(tf.ones([2000, 100])).dataSync() as Float32Array;
    assert.deepEqual([...new Set(values)].sort(), [0, Math.fround(4 / 3)]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    assert.ok(Math.abs(mean - 1) < 0.01, `${mean}`);
  });
  assert.equal(tf.memory().numTensors, before);
});

test('without dropout everything stays as it is', () => {
  assert.equal(dropout(0, seed(1, 2)), noDropout);
  assert.deepEqual([noDropout.mask([3]), noDropout.grow], [undefined, 1]);
});

test('a part of a batch has the masks that it has in the whole, by device and by process', () => {
  tf.tidy(() => {
    // Rows of 12, which is no multiple of what the generator gives at a time, and of 16; three groups of four pairs.
    for (const width of [12, 16]) {
      const masks = (shape: number[], rows?: Rows, pairs?: Rows) => {
        const drop = dropout(0.5, seed(5, 6), pairs);
        drop.place();
        return [...(drop.mask(shape, rows)!.dataSync() as Float32Array)];
      };
      const whole = masks([12, width]);
      assert.deepEqual(masks([6, width], { first: 6, count: 6, of: 12 }), whole.slice(6 * width));
      // Two rows of each sequence.
      assert.deepEqual(masks([24, width / 2], { first: 0, count: 12, of: 12 }), whole);
      // The second half of the pairs of each group.
      const second = masks([6, width], undefined, { first: 2, count: 2, of: 4 });
      assert.deepEqual(
        second,
        [2, 6, 10].flatMap((row) => whole.slice(row * width, (row + 2) * width)),
      );
      // Of those the later half, on a device.
      const part = masks([3, width], { first: 3, count: 3, of: 6 }, { first: 2, count: 2, of: 4 });
      assert.deepEqual(part, second.slice(3 * width));
    }
  });
});
