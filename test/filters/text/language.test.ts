import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { languageCodes, languages, loadLanguages } from '../../../filters/language.ts';
import { textLanguage } from '../../../filters/text/language.ts';
import { outcome, pair } from '../sample.ts';
import { english, foreign } from './short-captions.ts';

test('the languages that can be chosen are those that the detector tells apart', async () => {
  const { eld } = await import('eld/large');
  assert.deepEqual([...languageCodes].sort(), Object.values(eld.info().Languages).sort());
});

describe('short captions on an English page', () => {
  const rule = textLanguage();
  const kept = async (texts: readonly string[]) => {
    const outcomes = await Promise.all(texts.map((text) => outcome(rule, pair({ text }))));
    return texts.filter((_, at) => outcomes[at] === 'keep');
  };
  it('keep the language of their page, 52 of 60 that are English with names', async () => {
    const found = await kept(english);
    assert.ok(
      found.length >= 52,
      `${found.length}: without ${english.filter((text) => !found.includes(text)).join(', ')}`,
    );
  });
  it('do not where they are in another, none of 56', async () => {
    assert.deepEqual(await kept(foreign.map(([, text]) => text)), []);
  });
});

describe('text/language, by the page', () => {
  const german = 'Das Museum am Hafen zeigt, wie im Dorf Boote gebaut wurden, bevor es Straßen zwischen den Höfen gab.';
  for (const [text, pageText, expected] of [
    ['Taj Mahal at sunrise', undefined, 'keep'],
    ['Taj Mahal', undefined, 'keep'],
    ['Sagrada Familia, Barcelona', undefined, 'keep'],
    ['Rio de Janeiro', undefined, 'keep'],
    ['Unter den Linden', undefined, 'keep'],
    // What is no name is in another language, or in another script.
    ['El Taj Mahal al amanecer', undefined, 'is-es'],
    ['Ein rotes Boot', undefined, 'is-de'],
    ['Красный Тадж-Махал на рассвете', undefined, 'is-ru'],
    // Five names and more are no short text.
    ['Taj Mahal Agra Uttar Pradesh', undefined, 'is-tl'],
    // A German page makes no English of a name.
    ['Taj Mahal', german, 'is-de'],
    ['A red wooden boat lies on the beach', german, 'keep'],
    // A page that says nothing.
    ['Taj Mahal', '', 'is-tl'],
  ] as const) {
    it(`${JSON.stringify(text)} on ${pageText === undefined ? 'an English' : pageText === '' ? 'an empty' : 'a German'} page → ${expected}`, async () => {
      const page = pageText === undefined ? {} : { pageText, pageTitle: '' };
      assert.equal(await outcome(textLanguage(), pair({ text, ...page })), expected);
    });
  }
});

describe('a language and its score', () => {
  it('are those of the text, or of its page where that decides', async () => {
    await loadLanguages();
    const { scored } = languages();
    const page = { language: 'en', bonus: 0.05 };
    const own = scored('Das rote Boot liegt am Strand', page);
    assert.equal(own.code, 'de');
    assert.ok(own.score > 0.6 && own.score < 1);
    assert.deepEqual(scored('Taj Mahal', page), { code: 'en', score: 0 });
    assert.deepEqual(scored('12:45', page), { code: '', score: 0 });
  });
});
