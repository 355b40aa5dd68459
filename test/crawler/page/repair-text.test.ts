/** What publishing systems break in texts, and texts that only look broken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanText } from '../../../crawler/page/clean-text.ts';
import { repairText } from '../../../crawler/page/repair-text.ts';

const cases: [broken: string, text: string][] = [
  ['Salt &amp; pepper', 'Salt & pepper'],
  ['Salt &amp;amp; pepper', 'Salt & pepper'],
  ['The Queen&#39;s &quot;Young Leaders&quot;', `The Queen's "Young Leaders"`],
  ['Gr&uuml;&szlig;e &#x2013; Wien', 'Grüße – Wien'],
  ['a &lt;b&gt; c', 'a <b> c'],
  ['cafÃ© au lait', 'café au lait'],
  ['It’s fine â€“ the childâ€™s', 'It’s fine â€“ the childâ€™s'],
  ['the childâ€™s toy â€“ blue', 'the child’s toy – blue'],
  ['MÃ¼nchen, 20 Â°C', 'München, 20 °C'],
  ['cafÃƒÂ©', 'café'],
  ['Ð¿Ñ€Ð¸Ð²ÐµÑ‚', 'привет'],
  ['Î±-helix', 'α-helix'],
  ['×©×œ×•×', '×©×œ×•×'], // its last byte is lost, as a browser shows it
  ['×©×œ×•×\u009d', 'שלום'],
  ['ÅŸehir, È™coalÄƒ', 'şehir, școală'],
  // Not broken.
  ['CAFÉ’S', 'CAFÉ’S'],
  ['Spaß–Test', 'Spaß–Test'],
  ['„MENÜ“', '„MENÜ“'],
  ['SOCIETÀ… LUNEDÌ’', 'SOCIETÀ… LUNEDÌ’'],
  ['L’ÉTÉ»', 'L’ÉTÉ»'],
  ['DÉJÀ VU É®', 'DÉJÀ VU É®'],
  ['ZOË™', 'ZOË™'],
  ['5×– 6×–', '5×– 6×–'],
  ['AT&T; R&D; Q&A', 'AT&T; R&D; Q&A'],
  ['a & b < c', 'a & b < c'],
  ['Café in Orléans', 'Café in Orléans'],
  ['São Tomé e Príncipe', 'São Tomé e Príncipe'],
  ['Århus Ø', 'Århus Ø'],
  ['VOILÀ « l’été »', 'VOILÀ « l’été »'],
  ['東京 – タワー', '東京 – タワー'],
];
for (const [broken, text] of cases) test(broken, () => assert.equal(repairText(broken), text));

test('a space that was escaped twice is a space', () => assert.equal(cleanText('A&nbsp;&nbsp;boat'), 'A boat'));

test('what UTF-8 makes of any text is undone, and the text itself is left', () => {
  const special = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
  const misread = (text: string): string =>
    [...new TextEncoder().encode(text)]
      .map((byte) => (byte >= 0x80 && byte < 0xa0 ? special[byte - 0x80] : String.fromCharCode(byte)))
      .join('');
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'abc éüñßœ–’привет東京 ') }), (text) => {
      // Of a letter with an accent before a sign that stands for a byte of UTF-8 none can tell which it is.
      fc.pre(!/[&\u00c2-\u00f4][\u0080-\u00bfœ–’]/.test(text));
      // A word or two in another script, or a letter of it among Latin ones, is not taken for broken.
      const foreign = text.match(/[а-я]/g)?.length ?? 0;
      fc.pre(foreign === 0 || (foreign > 2 && !/[a-zéüñßœ][а-я]|[а-я][a-zéüñßœ]/.test(text)));
      assert.equal(repairText(misread(text)), text);
      assert.equal(repairText(text), text);
    }),
  );
});
