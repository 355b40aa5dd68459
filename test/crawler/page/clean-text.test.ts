/** Text as a page shows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from 'cheerio/slim';
import type { Element } from 'domhandler';
import fc from 'fast-check';
import { cleanText, textOf } from '../../../crawler/page/clean-text.ts';

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

for (const { name, html, text } of [
  {
    name: 'inline elements touch, blocks do not',
    html: '<p>One t<b>w</b>o</p><p>three<br>four</p>',
    text: 'One two three four',
  },
  { name: 'scripts and styles are silent', html: 'a<script>b</script><style>c</style> d', text: 'a d' },
  {
    name: 'permalinks, edit links, reference numbers and words for screen readers stand beside the text',
    html: 'A lake<a class="headerlink" href="#x">¶</a><sup class="reference"><a>[1]</a></sup><span class="mw-editsection">[edit]</span> <span class="sr-only">Image caption</span>in May',
    text: 'A lake in May',
  },
  { name: 'other superscripts stay', html: 'E = mc<sup>2</sup>', text: 'E = mc2' },
]) {
  test(name, () => {
    const root = load(`<div>${html}</div>`, { xml: { xmlMode: false, decodeEntities: true } }).root()[0]!;
    assert.equal(textOf(root as unknown as Element), text);
  });
}
