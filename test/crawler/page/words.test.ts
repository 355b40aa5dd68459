/** The words of a text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lettersIn } from '../../../crawler/page/words.ts';

test('words are runs of letters, in ASCII and beyond', () => {
  const unit = fc.constantFrom(...'aZéß漢я0_ -.\u00a0\u0000@[`{', '\ud800');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit, maxLength: 30 }), fc.string({ maxLength: 30 })), (text) => {
      const words = text.match(/\p{L}+/gu) ?? [];
      assert.deepEqual([...lettersIn(text)], words);
      assert.deepEqual(
        [...lettersIn(text, 3)],
        words.filter(({ length }) => length >= 3),
      );
    }),
    { numRuns: 1000 },
  );
});
