/** Text as a page shows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHtml } from '../../../crawler/page/parse.ts';
import { textOf } from '../../../crawler/page/visible-text.ts';

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
  test(name, () => assert.equal(textOf(parseHtml(`<div>${html}</div>`)), text));
}
