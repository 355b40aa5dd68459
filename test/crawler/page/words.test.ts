/** The words of a text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lettersIn } from '../../../crawler/page/words.ts';

test('words are runs of letters, in ASCII and beyond', () => {
  const unit = fc.constantFrom(...'aZéß漢я0_ -.\u00a0\u0000@[`{', '\ud800');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit, maxLength: 30 }), fc.string({ maxLength: 30 })), (text) => {
      assert.deepEqual([...lettersIn(text)], text.match(/\p{L}+/gu) ?? []);
    }),
    { numRuns: 1000 },
  );
});
