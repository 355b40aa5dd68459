import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eld } from 'eld/large';
import fc from 'fast-check';
import { languageDetector } from '../../filters/detect-language.ts';

const languages = Object.values(eld.info().Languages);

describe('languageDetector', () => {
  const detect = languageDetector(eld);
  const same = (text: string) => {
    const expected = eld.detect(text);
    const scores = expected.getScores();
    const found = detect(text);
    assert.equal(found.language, expected.language, text);
    for (const language of languages)
      assert.equal(found.scoreOf(language), scores[language] ?? 0, `${text}: ${language}`);
  };

  for (const [what, text] of [
    ['words of one to nine letters', 'a an the boat boats harbor harbors lighted lanterns'],
    ['a repeated word', 'The dog and the other dog'],
    ['words that share an n-gram', 'a standing man is holding a ball'],
    ['a word that repeats its own n-grams', 'lalalalalalalalalala hahahahahaha'],
    ['apostrophes and backticks', "the dogs' toys aren't 'here' `code` ' ` ''"],
    ['digits and signs', '3 boats -- (at) 17:30, 1234'],
    ['no letters', '1234 -- 5'],
    ['nothing', ''],
    ['a language in ASCII', 'Ein Hund rennt am Strand und spielt mit dem Ball'],
    ['letters beyond ASCII', 'Žena v červených šatech kráčí po ulici'],
    ['another script', 'Мужчина идёт по улице'],
    ['a word of 71 letters', `a ${'boatyard'.repeat(9).slice(0, 71)} by the sea`],
    ['a word of 70 letters', `a ${'boatyard'.repeat(9).slice(0, 70)} by the sea`],
    ['350 characters', 'a red boat lies in the old harbour near '.repeat(9).slice(0, 350)],
    ['more than ELD reads', 'a red boat lies in the harbour ein Hund rennt am Strand '.repeat(20)],
  ] as const)
    it(`answers as ELD does: ${what}`, () => {
      same(text);
      same(text); // now of words it knows
    });

  it('answers as ELD does for any text', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'aehinorst', ..."'`- E"), maxLength: 60 });
    const words = fc
      .array(fc.constantFrom('the', 'dog', 'running', 'a', 'casa', 'und', 'Wasser', 'on', 'standing', 'perro', "it's"))
      .map((list) => list.join(' '));
    fc.assert(fc.property(fc.oneof(letters, words, fc.string({ unit: 'binary' })), same));
  });

  it('answers as ELD does after it has met more words than it keeps', () => {
    const few = languageDetector(eld, { maxWords: 3 });
    for (const text of ['a dog runs past the red boat', 'the standing man', 'a holding hand', 'a dog']) {
      assert.equal(few(text).language, eld.detect(text).language);
      assert.equal(few(text).scoreOf('en'), eld.detect(text).getScores().en);
    }
  });
});
