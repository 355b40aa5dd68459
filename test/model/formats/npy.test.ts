import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeNpy, encodeNpy, type NpyType } from '../../../model/formats/npy.ts';

const size = (shape: readonly number[]) => shape.reduce((product, one) => product * one, 1);
const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });

test('what is written is read again, and the data starts at a multiple of 64 bytes', () => {
  const cases: [NpyType, fc.Arbitrary<number>][] = [
    ['f4', fc.float()],
    ['i4', fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })],
    ['i2', fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })],
    ['f2', fc.integer({ min: -2048, max: 2048 })],
  ];
  for (const [type, number] of cases) {
    const arrays = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        values: fc.array(number, { minLength: size(shape), maxLength: size(shape) }),
      }),
    );
    fc.assert(
      fc.property(arrays, ({ shape, values }) => {
        const typed = type.startsWith('i') ? Int32Array.from(values) : Float32Array.from(values);
        const file = encodeNpy({ shape, values: typed }, type);
        assert.deepEqual(decodeNpy(file), { shape, values: typed });
        assert.equal((file.length - typed.length * Number(type[1])) % 64, 0);
      }),
      { numRuns: 50 },
    );
  }
});

/** As NumPy 2.3 writes np.arange(3, dtype='<i8'). */
const numpyFile = Buffer.concat([
  Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'),
  Buffer.from(`${"{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }".padEnd(117)}\n`, 'latin1'),
  Buffer.from(BigInt64Array.of(0n, 1n, 2n).buffer),
]);

test('a file of NumPy is read', () => {
  assert.deepEqual(decodeNpy(numpyFile), { shape: [3], values: Int32Array.of(0, 1, 2) });
});

test('bytes that are no such file give the reason', () => {
  const change = (from: string, to: string) => Buffer.from(numpyFile.toString('latin1').replace(from, to), 'latin1');
  const table: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /do not start/],
    [numpyFile.subarray(0, 8), /version/],
    [numpyFile.subarray(0, 20), /names no simple type/],
    [numpyFile.subarray(0, 140), /has 140 B of 152/],
    [change('<i8', '>i8'), /big-endian/],
    [change('<i8', '|O8'), /O8|simple type/],
    [change("False, 'shape': (3,)", "True, 'shape': (3,1)"), /Fortran/],
    [change('(3,)', '(9999999999999999,)'), /B of/],
  ];
  for (const [bytes, reason] of table) {
    assert.throws(
      () => decodeNpy(bytes),
      (error) => error instanceof RangeError && reason.test(error.message),
      `${reason}`,
    );
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeNpy(Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), bytes]));
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }),
  );
});

test('values that do not fit are refused', () => {
  assert.throws(() => encodeNpy({ shape: [1], values: Int32Array.of(40000) }, 'i2'), /40000 does not fit/);
  assert.throws(() => encodeNpy({ shape: [2], values: Int32Array.of(1) }, 'i4'), /has 2 values, not 1/);
});
