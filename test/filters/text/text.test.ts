import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Pair } from '../../../dataset/pair.ts';
import type { Filter } from '../../../filters/filter.ts';
import { pageHost } from '../../../filters/page/host.ts';
import { pageLanguage } from '../../../filters/page/language.ts';
import { textBoilerplate } from '../../../filters/text/boilerplate.ts';
import { textCapitals } from '../../../filters/text/capitals.ts';
import { textFileName } from '../../../filters/text/file-name.ts';
import { textGrammar } from '../../../filters/text/grammar.ts';
import { textLanguage } from '../../../filters/text/language.ts';
import { textLength } from '../../../filters/text/length.ts';
import { textRareWords } from '../../../filters/text/rare-words.ts';
import { textRepetition } from '../../../filters/text/repetition.ts';
import { textSymbols } from '../../../filters/text/symbols.ts';
import { textUnsafeWords } from '../../../filters/text/unsafe-words.ts';
import { lowerCaseWords, words } from '../../../filters/text/words.ts';
import { outcome, pair } from '../sample.ts';

const spanish =
  'La química es el estudio de la composición, las propiedades y las interacciones de la materia que nos rodea.';
const some = (count: number, word = 'boat') => Array(count).fill(word).join(' ');

const known = new Set('a red boat on the beach'.split(' '));

const cases: [Filter, [Partial<Pair>, string][]][] = [
  [pageHost(), [[{}, 'keep']]],
  [
    pageHost({ deny: ['ads.test'] }),
    [
      [{ pageUrl: 'http://ads.test/' }, 'denied-host'],
      [{ pageUrl: 'http://cdn.ads.test/x' }, 'denied-host'],
      [{ pageUrl: 'http://loads.test/' }, 'keep'],
    ],
  ],
  [
    pageHost({ allow: ['site.test'], deny: ['old.site.test'] }),
    [
      [{ pageUrl: 'http://site.test/' }, 'keep'],
      [{ pageUrl: 'http://www.site.test/' }, 'keep'],
      [{ pageUrl: 'http://old.site.test/' }, 'denied-host'],
      [{ pageUrl: 'http://other.test/' }, 'host-not-allowed'],
    ],
  ],
  [
    // A pair of a list has the list's name for a page: the image's host counts.
    pageHost({ allow: ['Site.TEST.', '*.müller.test'], deny: ['img.site.test'] }),
    [
      [{ pageUrl: 'list:boats.csv', imageUrl: 'http://site.test/boat.jpg' }, 'keep'],
      [{ pageUrl: 'list:boats.csv', imageUrl: 'http://img.site.test/boat.jpg' }, 'denied-host'],
      [{ pageUrl: 'list:boats.csv', imageUrl: 'http://other.test/site.test.jpg' }, 'host-not-allowed'],
      [{ pageUrl: 'list:boats.csv', imageUrl: 'http://www.xn--mller-kva.test/boat.jpg' }, 'keep'],
      [{ pageUrl: 'http://site.test/', imageUrl: 'http://img.site.test/boat.jpg' }, 'keep'],
      [{ pageUrl: 'list:site.test', imageUrl: 'http://other.test/boat.jpg' }, 'host-not-allowed'],
    ],
  ],
  [
    textFileName(),
    [
      [{}, 'keep'],
      [{ text: 'the red boat.jpg' }, 'file-extension'],
      [{ text: 'IMG 1234 (copy)' }, 'camera-number'],
      [{ text: 'IMG_20190405_123456' }, 'camera-number'],
      [{ text: 'DSC 0012' }, 'camera-number'],
      [{ text: 'P1010001' }, 'camera-number'],
      [{ text: 'P 12' }, 'keep'],
      [{ text: 'unnamed (3)' }, 'camera-number'],
      [{ text: 'Screenshot 2020-03-04 at 12.00.01' }, 'camera-number'],
      [{ text: 'Image of 2 boats' }, 'keep'],
      [{ text: 'red_boat_on_beach' }, 'joined-words'],
      [{ text: 'red-boat-on-beach' }, 'joined-words'],
      [{ text: 'a jack-in-the-box on a table' }, 'keep'],
      [{ text: 'state-of-the' }, 'keep'],
      [{ text: 'state-of-the-art' }, 'joined-words'],
      [{ text: '-state-of-the-' }, 'keep'],
      [{ text: 'a--b--c--d' }, 'joined-words'],
      [{ text: 'a---b' }, 'keep'],
      [{ text: Array(41).fill('of').join('-') }, 'joined-words'],
      [{ text: `${Array(41).fill('of').join('-')} it` }, 'keep'],
    ],
  ],
  [
    textBoilerplate(),
    [
      [{}, 'keep'],
      [{ text: 'Embedded image permalink' }, 'site-phrase'],
      [{ text: 'Profile photo of a member' }, 'site-phrase'],
      [{ text: 'Ann Smith profile picture' }, 'site-phrase'],
      [{ text: 'A girl updating her profile picture' }, 'keep'],
      [{ text: 'A profile picture being taken' }, 'keep'],
      [{ text: 'Download this free photo about boats' }, 'site-phrase'],
      [{ text: 'A woman who can download this photo' }, 'site-phrase'],
      [{ text: 'Bird watchers download the photos at home' }, 'keep'],
      [{ text: 'Image may contain: boat, sky' }, 'site-phrase'],
      [{ text: 'Rice University Logo' }, 'site-mark'],
      [{ text: 'A wall with the logo of a brewery' }, 'keep'],
      [{ text: 'A man next to an advertisement' }, 'keep'],
      [{ text: 'Advertisement' }, 'site-phrase'],
      [{ text: 'No image available' }, 'site-phrase'],
      [{ text: 'Placeholder image for a post' }, 'site-phrase'],
      [{ text: 'Follow us on Facebook' }, 'site-phrase'],
      [{ text: 'Skip to main content' }, 'site-phrase'],
      [{ text: 'Loading…' }, 'site-phrase'],
      [{ text: 'the main menu icon' }, 'site-mark'],
      [{ text: 'A boat with an icon on its sail' }, 'keep'],
    ],
  ],
  [
    textSymbols(),
    [
      [{ text: 'abcdefg 1!' }, 'keep'],
      [{ text: 'abcdefg1!2!' }, 'symbols'],
      [{ text: 'abcdef 12!' }, 'keep'],
      [{ text: 'abcdef1234' }, 'digits'],
      [{ text: '★★★ boat ★★★' }, 'symbols'],
    ],
  ],
  [
    textRepetition(),
    [
      [{ text: 'a man and a woman' }, 'keep'],
      [{ text: 'a man and a dog, a cat' }, 'keep'],
      [{ text: 'boat and fish, boat and crab' }, 'keep'],
      [{ text: 'boat boat and crab, fish, a crab' }, 'keep'],
      [{ text: 'boat boat boat and crab, fish' }, 'repeated-word'],
      [{ text: 'Boats boats BOATS for sale' }, 'repeated-word'],
      [{ text: 'a boy, a lake, a duck' }, 'keep'],
    ],
  ],
  [
    // CC12M counts short words too: one of five may say it again.
    textRepetition({ shortWords: true }),
    [
      [{ text: 'a boy at a lake' }, 'keep'],
      [{ text: 'a boy, a lake' }, 'repeated-word'],
      [{ text: 'a boy at a lake with a duck' }, 'repeated-word'],
    ],
  ],
  [
    textUnsafeWords(),
    [
      [{}, 'keep'],
      [{ text: 'Free PORN here' }, 'unsafe-word'],
      [{ text: 'A girl on a big black horse' }, 'keep'],
      [{ text: 'A poster about sexual health' }, 'keep'],
    ],
  ],
  [
    textRareWords({ source: 'six words', knows: (word: string) => known.has(word) }),
    [
      [{ text: 'A red boat on the beach' }, 'keep'],
      [{ text: 'A red boat on the beach, Xyzzy plugh' }, 'keep'],
      [{ text: 'A red boat on the beach, Xyzzy plugh foo' }, 'rare-words'],
      [{ text: 'the red-boat, beach' }, 'keep'],
      [{ text: '“Red” boat/beach: a boat’s' }, 'keep'],
      [{ text: 'the red-xyzzy, plugh' }, 'rare-words'],
    ],
  ],
  [
    textGrammar(),
    [
      [{ text: 'A red boat on the beach' }, 'keep'],
      [{ text: 'Two boats and three children' }, 'keep'],
      [{ text: 'Running quickly and jumping' }, 'no-noun'],
      [{ text: 'Boats in Norway' }, 'no-determiner'],
      [{ text: `${some(300, 'quickly')} a boat` }, 'keep'],
      [{ text: `a ${'b'.repeat(71)}` }, 'no-noun'],
    ],
  ],
  [
    textGrammar({ needs: ['noun'] }),
    [
      [{ text: 'Boats in Norway' }, 'keep'],
      [{ text: 'Running quickly and jumping' }, 'no-noun'],
    ],
  ],
  [
    textGrammar({ needs: ['noun', 'determiner', 'preposition'] }),
    [
      [{ text: 'A red boat on the beach' }, 'keep'],
      [{ text: 'A red boat' }, 'no-preposition'],
      [{ text: 'Boats in Norway' }, 'no-determiner'],
    ],
  ],
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
      // Characters are code points: six of them in twelve UTF-16 units, 1,000 in 2,000.
      [{ text: 'a b 𝒜𝒜' }, 'keep'],
      [{ text: 'a b 𝒜' }, 'too-short'],
      [{ text: `${some(4, '𝒜'.repeat(247))} a b c d`.slice(0, 4 * 495 + 8) }, 'keep'],
    ],
  ],
  [
    // DataComp: len(text.split()) > 2 and len(text) > 5.
    textLength({ minWords: 3, maxWords: null, minChars: 6, maxChars: null, countedBy: 'spaces' }),
    [
      [{ text: 'red — boat' }, 'keep'],
      [{ text: 'red —boat' }, 'too-few-words'],
      [{ text: '一艘红色的船停在海滩上' }, 'too-few-words'],
      [{ text: 'a b cd' }, 'keep'],
      [{ text: 'a b c' }, 'too-short'],
      [{ text: some(5000) }, 'keep'],
    ],
  ],
  [
    // 2,000 bytes of UTF-8.
    textLength({ minWords: 1, maxWords: null, minChars: 5, maxChars: null, maxTextBytes: 2000 }),
    [
      [{ text: 'b'.repeat(2000) }, 'keep'],
      [{ text: 'b'.repeat(2001) }, 'too-long'],
      [{ text: 'é'.repeat(1000) }, 'keep'],
      [{ text: 'é'.repeat(1001) }, 'too-long'],
      [{ text: '船'.repeat(666) }, 'keep'],
      [{ text: '船'.repeat(667) }, 'too-long'],
    ],
  ],
  [
    textCapitals(),
    [
      [{ text: 'A red boat on the Elbe' }, 'keep'],
      [{ text: 'a red boat on the Elbe' }, 'begins-in-lower-case'],
      [{ text: '“a red boat”' }, 'begins-in-lower-case'],
      [{ text: 'A Red boat here' }, 'keep'],
      [{ text: 'A Red Boat here' }, 'many-capitals'],
      [{ text: '3 boats on the beach' }, 'keep'],
      [{ text: '赤い船。海がとてもきれいです。' }, 'keep'],
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
    ['—é-é— «Ñ» 𝒜—', ['é-é', 'Ñ', '𝒜']],
  ] as const) {
    it(`${JSON.stringify(text)} → ${expected.length}`, () => assert.deepEqual(words(text), expected));
  }
  it('are the same whether or not a letter beyond ASCII follows', () => {
    const ascii = fc.string({ unit: fc.constantFrom(...'abZ09 \t\n.,-\'"()_'), maxLength: 40 });
    fc.assert(fc.property(ascii, (text) => assert.deepEqual([...words(text), 'é'], words(`${text} é`))));
  });
});

describe('lowerCaseWords', () => {
  it('are those of the text given, the last one or another', () => {
    for (const text of ['A Red Boat', 'A Red Boat', 'Two Boats', 'A Red Boat'])
      assert.deepEqual(lowerCaseWords(text), text.toLowerCase().split(' '));
    assert.deepEqual(lowerCaseWords(''), []);
  });
});
