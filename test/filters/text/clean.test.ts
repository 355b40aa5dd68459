import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { textClean } from '../../../filters/text/clean.ts';

const { clean } = textClean();

describe('text/clean', () => {
  for (const [found, cleaned] of [
    ['A red boat', 'A red boat'],
    ['  A\tred\n\u00a0boat ', 'A red boat'],
    ['A re\u00add boat\u200b', 'A red boat'],
    ['Cafe\u0301 in Paris', 'Café in Paris'],
    ['A red boat - click to enlarge', 'A red boat'],
    ['A red boat (Click here to enlarge the image)', 'A red boat'],
    ['Royalty-free stock photo | A red boat', 'A red boat'],
    ['A stock photographer on the beach', 'A stock photographer on the beach'],
    ['A red boat https://site.test/x?y=1', 'A red boat'],
    ['click to stock photo enlarge', ''],
    ['A bo\ud800at', 'A boat'],
    ['“A red boat.”', '“A red boat.”'],
    ['赤い船', '赤い船'],
    ['', ''],
  ] as const) {
    it(`${JSON.stringify(found)} → ${JSON.stringify(cleaned)}`, () => assert.equal(clean(found), cleaned));
  }

  const anything = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 }).map((units) => String.fromCharCode(...units)),
    fc
      .array(fc.constantFrom('stock photo', 'click to', 'enlarge', ' ', '(', ')', '|', '-', 'www.', 'a', '\u0958', 'é'))
      .map((parts) => parts.join('')),
  );
  it('cleaned twice is cleaned once', () => {
    fc.assert(
      fc.property(anything, (text) => assert.equal(clean(clean(text)), clean(text))),
      { numRuns: 2000 },
    );
  });
  it('never lengthens a text', () => {
    fc.assert(
      fc.property(anything, (text) => assert.ok(clean(text).length <= text.length)),
      { numRuns: 2000 },
    );
  });
});
