/** Pages that nest too deeply are cut, and no others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitDepth } from '../../../crawler/page/parse.ts';

const filler = '<!-- a page long enough to be looked at -->'.repeat(500);
for (const { name, html, kept } of [
  { name: 'a short page is left alone, however deep', html: '<b>'.repeat(6000), kept: 18_000 },
  { name: 'the deepest nesting that is kept', html: `${filler}${'<div>'.repeat(5000)}x`, kept: filler.length + 25_001 },
  { name: 'one more is cut before its tag', html: `${filler}${'<div>'.repeat(5001)}x`, kept: filler.length + 25_000 },
  { name: 'closed elements are no depth', html: '<div></div>'.repeat(20_000), kept: 220_000 },
  { name: 'elements without an end tag are none', html: `${'<br><img src=x><li>'.repeat(10_000)}`, kept: 190_000 },
  { name: 'tags in a script are text', html: `<script>${'"<div>"'.repeat(10_000)}</script>x`, kept: 70_018 },
  { name: 'a script without end', html: `<script>${'<div>'.repeat(10_000)}`, kept: 50_008 },
  {
    name: 'end tags of nothing do not count below zero',
    html: `${'</div>'.repeat(9000)}${'<div>'.repeat(5001)}`,
    kept: 54_000 + 25_000,
  },
]) {
  test(name, () => assert.equal(limitDepth(html).length, kept));
}
