/** One form for every text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanText } from '../../../crawler/page/clean-text.ts';

test('any text comes out clean, and cleaning again changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const clean = cleanText(text);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
      assert.doesNotMatch(clean, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\s\s|^\s|\s$/);
      assert.equal(cleanText(clean), clean);
    }),
  );
});

test('white space of any kind and length is one space between words', () => {
  const unit = fc.constantFrom('a', 'b', ' ', '\n', '\t', '\u00a0', '\u2003');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
      assert.equal(
        cleanText(text),
        text
          .split(/\s+/)
          .filter((word) => word !== '')
          .join(' '),
      );
    }),
    { numRuns: 1000 },
  );
});
