import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { floatsFromHalves, halvesAreFinite, halvesFromFloats } from '../../../model/runtime/half.ts';

const halfOf = (value: number) => halvesFromFloats(Float32Array.of(value))[0];

test('halves that IEEE 754 defines', () => {
  const table: [number, number][] = [
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.996, 0x7bff],
    [65520, 0x7c00],
    [1e30, 0x7c00],
    [Number.NEGATIVE_INFINITY, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // a tie goes to the even 0
    [2 ** -25 * 1.5, 0x0001],
    [1 + 2 ** -11, 0x3c00], // a tie goes to the even 1
    [1 + 3 * 2 ** -11, 0x3c02],
    [1 / 3, 0x3555],
  ];
  for (const [value, half] of table) assert.equal(halfOf(value), half, `${value}`);
  assert.ok(Number.isNaN(floatsFromHalves(halvesFromFloats(Float32Array.of(Number.NaN)))[0]));
});

test('every half survives the way to a float and back', () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, half) => half).filter((half) => (half & 0x7fff) <= 0x7c00);
  assert.deepEqual(halvesFromFloats(floatsFromHalves(halves)), halves);
});

test('a float becomes the nearest half', () => {
  fc.assert(
    fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
      const half = halfOf(value) as number;
      const distance = Math.abs(floatsFromHalves(Uint16Array.of(half))[0]! - value);
      const neighbours = [half - 1, half + 1].filter((one) => one >= 0 && (one & 0x7fff) <= 0x7bff);
      for (const other of floatsFromHalves(Uint16Array.from(neighbours)))
        assert.ok(distance <= Math.abs(other - value));
    }),
  );
});

test('every half that is infinite or no number is found, wherever it lies', () => {
  for (let half = 0; half < 65536; half++) {
    const finite = Number.isFinite(floatsFromHalves(Uint16Array.of(half))[0]);
    for (const halves of [Uint16Array.of(half), Uint16Array.of(0x7bff, half), Uint16Array.of(half, 0xfbff, 0xfbff)])
      assert.equal(halvesAreFinite(halves), finite, `${half}`);
  }
  // In memory that does not begin at a multiple of four bytes.
  const odd = new Uint16Array(new ArrayBuffer(12), 2, 5).fill(0x7bff);
  assert.equal(halvesAreFinite(odd), true);
  odd[4] = 0x7c00;
  assert.equal(halvesAreFinite(odd), false);
});
