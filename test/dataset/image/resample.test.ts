/** The sums in WebAssembly, beside the same sums in plain integers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Kernel,
  type Plane,
  type Raster,
  resample,
  resamplePlane,
  sumRows,
  weightsOf,
} from '../../../dataset/image/resample.ts';

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

test('rows summed with exact weights are as in JavaScript to the last bit', () => {
  for (const [width, from, to] of [
    [64, 48, 32],
    [37, 100, 32],
    [3, 32, 32],
    [50, 20, 32],
  ] as const) {
    const { pixels } = raster(width, from);
    const { starts, weights, taps } = weightsOf(from, to, 'lanczos3');
    const wanted = new Uint8ClampedArray(width * to);
    for (let i = 0; i < wanted.length; i++) {
      const [x, y] = [i % width, Math.floor(i / width)];
      let sum = 0;
      for (let tap = 0; tap < Math.min(taps, from - starts[y]!); tap++)
        sum += weights[y * taps + tap]! * pixels[(starts[y]! + tap) * width + x]!;
      wanted[i] = sum;
    }
    assert.deepEqual([...sumRows(pixels, { width, from, to }, { starts, weights, taps })], [...wanted]);
  }
});

describe('a plane', () => {
  /** The first channel of a raster, rows some bytes longer than they need to be. */
  const planeOf = ({ pixels, width, height }: Raster, more: number): Plane => {
    const stride = width + more;
    const samples = new Uint8Array(stride * height).fill(77);
    for (let i = 0; i < width * height; i++) samples[Math.floor(i / width) * stride + (i % width)] = pixels[4 * i]!;
    return { samples, stride, width, height };
  };
  const rowsOf = ({ samples, stride, width, height }: Plane): number[] =>
    Array.from({ length: width * height }, (_, i) => samples[Math.floor(i / width) * stride + (i % width)]!);

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
      [1, 1],
      [5, 3],
    ],
    [
      [400, 7],
      [9, 7],
    ],
    [
      [3, 2],
      [2, 1],
    ],
  ] as const) {
    test(`${from.join(' × ')} to ${to.join(' × ')} is as a channel of pixels`, () => {
      const source = raster(from[0], from[1]);
      const size = { width: to[0], height: to[1] };
      const made = resamplePlane(planeOf(source, 3), size, 'lanczos3');
      assert.deepEqual([made.width, made.height, made.stride % 8], [...to, 0]);
      const { pixels } = resample(source, size, 'lanczos3');
      assert.deepEqual(
        rowsOf(made),
        Array.from({ length: to[0] * to[1] }, (_, i) => pixels[4 * i]),
      );
    });
  }
  for (const side of [1, 2, 4, 8]) {
    test(`means of squares of ${side}`, () => {
      const { pixels, width, height } = raster(37, 26);
      const to = { width: Math.floor(37 / side), height: Math.floor(26 / side) };
      const steps = { across: side, down: side };
      const made = rowsOf(resamplePlane(planeOf({ pixels, width, height }, 0), to, 'box', steps));
      for (const [i, value] of made.entries()) {
        const [x, y] = [i % to.width, Math.floor(i / to.width)];
        let sum = 0;
        for (let down = 0; down < side; down++) {
          for (let right = 0; right < side; right++) sum += pixels[4 * ((y * side + down) * width + x * side + right)]!;
        }
        assert.ok(Math.abs(value - sum / side ** 2) <= 1, 'rounded in each direction');
      }
    });
  }
  test('a step of a half doubles a plane', () => {
    const source = { samples: Uint8Array.of(0, 100), stride: 2, width: 2, height: 1 };
    const made = resamplePlane(source, { width: 4, height: 2 }, 'triangle', { across: 0.5, down: 0.5 });
    assert.deepEqual(rowsOf(made), [0, 25, 75, 100, 0, 25, 75, 100]);
  });
});
