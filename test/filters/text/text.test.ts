import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pair } from '../../../dataset/pair.ts';
import type { Filter } from '../../../filters/filter.ts';
import { pageLanguage } from '../../../filters/page/language.ts';
import { textLanguage } from '../../../filters/text/language.ts';
import { textLength } from '../../../filters/text/length.ts';
import { words } from '../../../filters/text/words.ts';
import { outcome, pair } from '../sample.ts';

const spanish =
  'La química es el estudio de la composición, las propiedades y las interacciones de la materia que nos rodea.';
const some = (count: number, word = 'boat') => Array(count).fill(word).join(' ');

const cases: [Filter, [Partial<Pair>, string][]][] = [
  [
    textLength(),
    [
      [{ text: 'a red boat' }, 'keep'],
      [{ text: 'a red — boat!' }, 'keep'],
      [{ text: 'red boat' }, 'too-few-words'],
      [{ text: 'red — boat' }, 'too-few-words'],
      [{ text: 'a b c' }, 'too-short'],
      [{ text: 'a b cd' }, 'keep'],
      [{ text: some(64) }, 'keep'],
      [{ text: some(65) }, 'too-many-words'],
      [{ text: some(40, 'b'.repeat(24)) }, 'keep'],
      [{ text: `${some(40, 'b'.repeat(24))} b` }, 'too-long'],
      [{ text: '一艘红色的船停在海滩上' }, 'keep'],
    ],
  ],
  [
    pageLanguage(),
    [
      [{}, 'keep'],
      [{ pageText: spanish }, 'is-es'],
      [{ pageText: 'Galería de fotos', pageTitle: 'Química' }, 'keep'],
      [{ pageText: '', pageTitle: '' }, 'keep'],
    ],
  ],
  [
    pageLanguage({ languages: ['es', 'en'] }),
    [
      [{}, 'keep'],
      [{ pageText: spanish }, 'keep'],
      [{ pageText: 'Das Museum am Hafen zeigt, wie im Dorf Boote gebaut wurden, bevor es Straßen gab.' }, 'is-de'],
    ],
  ],
  [
    textLanguage(),
    [
      [{ text: 'A red wooden boat lies on the beach' }, 'keep'],
      [{ text: 'Two old doors' }, 'keep'],
      [{ text: 'Un barco rojo de madera en la playa' }, 'is-es'],
      [{ text: 'Foto de un barco' }, 'is-es'],
      [{ text: 'Ein rotes Boot am Strand' }, 'is-de'],
      [{ text: 'Красная деревянная лодка лежит на берегу моря' }, 'is-ru'],
      [{ text: 'Iguana in sand' }, 'keep'],
      [{ text: '12:45 — 13:30' }, 'no-language'],
      [{ text: 'A red wooden boat lies on the beach', pageText: spanish }, 'keep'],
    ],
  ],
  [
    // What the page is worth: without it these three English words are taken for another language.
    textLanguage({ pageBonus: 0 }),
    [[{ text: 'Iguana in sand' }, 'is-de']],
  ],
];

for (const [rule, rows] of cases) {
  describe(`${rule.name} ${JSON.stringify(rule.settings)}`, () => {
    for (const [changes, expected] of rows) {
      it(`${JSON.stringify(changes).slice(0, 80)} → ${expected}`, async () => {
        assert.equal(await outcome(rule, pair(changes)), expected);
      });
    }
  });
}

describe('words', () => {
  for (const [text, expected] of [
    ['', []],
    [' — ', []],
    ['“Red” boat, 2nd!', ['Red', 'boat', '2nd']],
    ["the fisher's son-in-law", ['the', "fisher's", 'son-in-law']],
    ['赤い船と海', ['赤い', '船', 'と', '海']],
  ] as const) {
    it(`${JSON.stringify(text)} → ${expected.length}`, () => assert.deepEqual(words(text), expected));
  }
});
