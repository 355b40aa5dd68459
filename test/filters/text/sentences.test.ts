import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstSentences } from '../../../filters/text/sentences.ts';

describe('firstSentences', () => {
  for (const [text, maxWords, cut] of [
    ['One two three. Four five.', 5, 'One two three. Four five.'],
    ['One two three. Four five.', 4, 'One two three.'],
    ['One two three. Four five.', 3, 'One two three.'],
    ['One two three. Four five.', 2, 'One two three. Four five.'],
    ['One two! Three four? Five six… Seven.', 6, 'One two! Three four? Five six…'],
    ['He said “one two.” Three four five.', 5, 'He said “one two.”'],
    ['A boat (red.) One two three four.', 4, 'A boat (red.)'],
    // Abbreviations, initials and decimals end no sentence.
    ['A talk by Dr. Ann at noon. One two three four.', 7, 'A talk by Dr. Ann at noon.'],
    ['A talk by Dr. Ann at noon. One two three four.', 4, 'A talk by Dr. Ann at noon. One two three four.'],
    ['A boat of J. Thomson here. One two three four.', 6, 'A boat of J. Thomson here.'],
    ['It is 3.5 m long. One two three four.', 6, 'It is 3.5 m long.'],
    ['one two three four five', 3, 'one two three four five'],
    ['赤い船。海がとてもきれいです。', 4, '赤い船。'],
    ['', 3, ''],
  ] as const) {
    it(`${JSON.stringify(text)} in ${maxWords} words → ${JSON.stringify(cut)}`, () => {
      assert.equal(firstSentences(text, { maxWords, maxChars: 1000 }), cut);
    });
  }
  for (const [maxChars, cut] of [
    [25, 'One two three. Four five.'],
    [24, 'One two three.'],
    [14, 'One two three.'],
    [13, 'One two three. Four five.'],
  ] as const) {
    it(`in ${maxChars} characters → ${JSON.stringify(cut)}`, () => {
      assert.equal(firstSentences('One two three. Four five.', { maxWords: 64, maxChars }), cut);
    });
  }
});
