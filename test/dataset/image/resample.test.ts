/** The sums in WebAssembly, beside the same sums in plain integers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Kernel, meansOf, type Raster, resample, weightsOf } from '../../../dataset/image/resample.ts';

/** Pixels that follow from a seed. */
function raster(width: number, height: number, seed = 1): Raster {
  let state = seed;
  const pixels = Uint8Array.from({ length: 4 * width * height }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return (state >> 16) & 255;
  });
  return { pixels, width, height };
}

/** One channel of a resize, rows first, in doubles; rounded after each pass. */
function expected(
  { pixels, width, height }: Raster,
  to: { width: number; height: number },
  kernel: Kernel,
  channel: number,
): number[] {
  const clamp = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
  const rows = weightsOf(height, to.height, kernel);
  const columns = weightsOf(width, to.width, kernel);
  const sum = (
    { starts, weights, taps }: typeof rows,
    sample: number,
    from: number,
    at: (i: number) => number,
  ): number => {
    let total = 0;
    for (let tap = 0; tap < Math.min(taps, from - starts[sample]!); tap++)
      total += weights[sample * taps + tap]! * at(starts[sample]! + tap);
    return clamp(total);
  };
  const low = Array.from({ length: to.height * width }, (_, i) =>
    sum(rows, Math.floor(i / width), height, (y) => pixels[4 * (y * width + (i % width)) + channel]!),
  );
  return Array.from({ length: to.height * to.width }, (_, i) =>
    sum(columns, i % to.width, width, (x) => low[Math.floor(i / to.width) * width + x]!),
  );
}

describe('a resize', () => {
  for (const kernel of ['lanczos3', 'triangle'] as const) {
    for (const [from, to] of [
      [
        [512, 384],
        [341, 256],
      ],
      [
        [37, 53],
        [32, 20],
      ],
      [
        [20, 20],
        [64, 48],
      ],
      [
        [1, 1],
        [5, 3],
      ],
      [
        [3, 2],
        [2, 1],
      ],
      [
        [400, 7],
        [9, 7],
      ],
    ] as const) {
      test(`${kernel}, ${from.join(' × ')} to ${to.join(' × ')}`, () => {
        const source = raster(from[0], from[1]);
        const made = resample(source, { width: to[0], height: to[1] }, kernel);
        assert.deepEqual([made.width, made.height, made.pixels.length], [...to, 4 * to[0] * to[1]]);
        for (const channel of [0, 1, 2]) {
          const wanted = expected(source, { width: to[0], height: to[1] }, kernel, channel);
          const off = wanted.map((value, i) => Math.abs(made.pixels[4 * i + channel]! - value));
          // Weights of 14 bits round to the next level now and then, in each pass.
          assert.ok(Math.max(...off) <= 2 && off.filter((levels) => levels > 0).length <= 1 + off.length / 10);
        }
      });
    }
  }
  test('one colour stays that colour', () => {
    const plain = { width: 301, height: 203, pixels: new Uint8Array(4 * 301 * 203).fill(201) };
    for (const value of resample(plain, { width: 97, height: 64 }, 'lanczos3').pixels) assert.equal(value, 201);
  });
  test('the same size is the same picture', () => {
    const source = raster(33, 21);
    assert.deepEqual(resample(source, source, 'lanczos3').pixels, source.pixels);
  });
});

describe('means of whole squares', () => {
  for (const side of [2, 4, 8] as const) {
    test(`${side}`, () => {
      const { pixels, width, height } = raster(37, 26);
      const made = meansOf({ pixels, width, height }, side);
      assert.deepEqual([made.width, made.height], [Math.floor(37 / side), Math.floor(26 / side)]);
      for (let i = 0; i < made.pixels.length; i++) {
        const [x, y] = [Math.floor(i / 4) % made.width, Math.floor(i / 4 / made.width)];
        let sum = 0;
        for (let down = 0; down < side; down++) {
          for (let right = 0; right < side; right++)
            sum += pixels[4 * ((y * side + down) * width + x * side + right) + (i % 4)]!;
        }
        assert.equal(made.pixels[i], Math.floor(sum / side ** 2 + 0.5));
      }
    });
  }
});
