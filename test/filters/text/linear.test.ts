/**
 * No text costs a rule much more than its length. A text of 20,000 characters of the worst kind takes no longer than a hundred
 * harmless ones of that length, or else no more than six times what its first quarter takes (4 is linear, 16 quadratic; the least
 * of five times, in CPU time). What is quadratic takes thousands and 16 times, what is exponential never ends.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { textBoilerplate } from '../../../filters/text/boilerplate.ts';
import { textCapitals } from '../../../filters/text/capitals.ts';
import { textClean } from '../../../filters/text/clean.ts';
import { textFileName } from '../../../filters/text/file-name.ts';
import { textGrammar } from '../../../filters/text/grammar.ts';
import { textLanguage } from '../../../filters/text/language.ts';
import { textLength } from '../../../filters/text/length.ts';
import { textPersonal } from '../../../filters/text/personal.ts';
import { textRareWords } from '../../../filters/text/rare-words.ts';
import { textRepetition } from '../../../filters/text/repetition.ts';
import { textSymbols } from '../../../filters/text/symbols.ts';
import { textUnsafeWords } from '../../../filters/text/unsafe-words.ts';
import { words } from '../../../filters/text/words.ts';
import { pair } from '../sample.ts';

const clean = textClean({ firstSentences: { maxWords: 64, maxChars: 1000 } });
const masks = textClean({ maskPersons: true, maskContacts: true, firstSentences: { maxWords: 64, maxChars: 20_000 } });
const rules = [
  textLength({ countedBy: 'words' }),
  textLength({ countedBy: 'spaces', maxTextBytes: 2000 }),
  textFileName(),
  textBoilerplate(),
  textSymbols(),
  textRepetition(),
  textUnsafeWords(),
  textPersonal(),
  textLanguage(),
  textRareWords({ source: 'none', knows: () => true }),
  textGrammar(),
  textCapitals(),
];
const works: Record<string, (text: string) => unknown> = {
  'text/clean': (text) => clean.clean(text),
  'text/clean with masks': (text) => masks.clean(text),
  words: (text) => words(text),
  ...Object.fromEntries(rules.map((rule) => [rule.name, (text: string) => rule.judge(pair({ text }))])),
};

const harmless = 'a red boat lies on the beach near the old harbour. ';
const pieces: Record<string, string> = {
  hyphens: 'of-',
  'a hyphen and a space at the end': 'of-',
  underscores: '_',
  capitals: 'A',
  letters: 'a',
  initials: 'A.',
  names: 'Ann ',
  'names with particles': 'Ann van ',
  'hyphened names': 'Ann-',
  'full stops': '.',
  'full stops and brackets': '.)',
  dashes: '-',
  'spaces and dashes': '- ',
  'open credits': '(credit: (',
  'closed credits': '(credit: (x)) ',
  'nested brackets': '(',
  labels: 'Photo: ',
  numbers: '3. ',
  'stock phrases': 'stock photo ',
  'half stock phrases': 'royalty-free free hd ',
  clicks: 'click to ',
  downloads: 'download this free ',
  digits: '1',
  'digits and spaces': '1 ',
  'digits and signs': '1-(',
  'telephone numbers': '+44 20 7946 0958 ',
  pluses: '+',
  'at signs': 'a@',
  handles: '@a',
  domains: 'a.b@c.',
  addresses: 'www.',
  apostrophes: "'s",
  umlauts: 'ä',
  'umlauts and dashes': 'ä—',
  'sharp signs': '#',
  accents: '\u0301',
  'a script without spaces': '赤い船',
  'a camera': 'img 1 copy ',
  surrogates: '\ud83d\ude00',
};
const size = 20_000;
const hostile = Object.entries(pieces).map(([name, piece]): readonly [string, string] => {
  const start = name === 'a camera' ? 'IMG ' : '';
  return [name, `${`${start}${piece.repeat(size)}`.slice(0, size - 3)} a!`];
});
hostile.push(['dashes within a word', `é${'-'.repeat(size - 2)}é`]);
hostile.push(['an address and dashes', `ann${'-'.repeat(size - 4)}@`]);
hostile.push(['a camera number', `img ${'1 '.repeat(size / 2)}!`]);

/** Milliseconds of CPU. */
async function cpuMs(work: () => unknown): Promise<number> {
  const started = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}

const plain = harmless.repeat(Math.ceil(size / harmless.length)).slice(0, size);

before(() => Promise.all(rules.map((rule) => rule.load?.())));

for (const [name, work] of Object.entries(works)) {
  describe(`${name}: 20,000 characters`, () => {
    let limitMs: number;
    before(async () => {
      await work(plain);
      const times = [await cpuMs(() => work(plain)), await cpuMs(() => work(plain)), await cpuMs(() => work(plain))];
      limitMs = 100 * Math.max(1, Math.min(...times));
    });
    for (const [kind, text] of hostile) {
      it(`of ${kind}`, async () => {
        const quarter = text.slice(0, size / 4);
        let least = Number.POSITIVE_INFINITY;
        let leastOfQuarter = Number.POSITIVE_INFINITY;
        const bounded = () => least <= limitMs || least <= 6 * leastOfQuarter;
        for (let tries = 0; tries < 5 && !bounded(); tries += 1) {
          least = Math.min(least, await cpuMs(() => work(text)));
          if (least > limitMs) leastOfQuarter = Math.min(leastOfQuarter, await cpuMs(() => work(quarter)));
        }
        assert.ok(
          bounded(),
          `${Math.round(least)} ms of ${Math.round(limitMs)}, its first quarter ${Math.round(leastOfQuarter)}`,
        );
      });
    }
  });
}
