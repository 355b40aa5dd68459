import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nearHashes } from '../../../filters/corpus/near-hashes.ts';

const hex = (value: bigint) => value.toString(16).padStart(16, '0');
const distance = (a: bigint, b: bigint) => (a ^ b).toString(2).replaceAll('0', '').length;
const hash = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

describe('nearHashes', () => {
  for (const maxDistanceBits of [0, 1, 3, 5, 7]) {
    it(`finds what comparing all pairs finds within ${maxDistanceBits} bits`, () => {
      const flips = fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { maxLength: maxDistanceBits + 2 });
      fc.assert(
        fc.property(fc.array(hash, { maxLength: 20 }), hash, flips, (others, one, bits) => {
          const near = bits.reduce((value, bit) => value ^ (1n << BigInt(bit)), one);
          const set = nearHashes(maxDistanceBits);
          const added = [...others, near];
          for (const value of added) set.add(hex(value));
          assert.equal(
            set.has(hex(one)),
            added.some((value) => distance(value, one) <= maxDistanceBits),
          );
        }),
      );
    });
  }

  it('compares with the last 16,384 that agree in a band, so that made ones take no time by the square', () => {
    // With 4 bits the first of five bands has twelve bits: these agree in it, and differ by a bit in each of the others.
    const [first, near] = ['0000000000000000', '0008008008008000'];
    const far = 'ffffffffffff0000';
    const hasAfter = (between: number): boolean => {
      const set = nearHashes(4);
      set.add(first);
      for (let n = 0; n < between; n++) set.add(far);
      return set.has(near);
    };
    assert.deepEqual([0, 16_383, 16_384].map(hasAfter), [true, true, false]);
  });
});
