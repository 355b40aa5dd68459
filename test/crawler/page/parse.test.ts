/** Pages that nest too deeply are cut, whatever hides the nesting, and no others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHtml } from '../../../crawler/page/parse.ts';
import { walk } from '../../../crawler/page/walk.ts';

const deep = '<div>'.repeat(20_000);
for (const { name, html, elements } of [
  { name: 'the deepest nesting', html: `${'<div>'.repeat(4998)}<p></p><p></p>`, elements: 5000 },
  { name: 'one more and what follows is not read', html: `${'<div>'.repeat(5001)}<p></p>`, elements: 5000 },
  { name: 'closed elements are no depth', html: '<div></div>'.repeat(20_000), elements: 20_000 },
  { name: 'elements without an end tag are none', html: '<br><img src=x><li>'.repeat(10_000), elements: 30_000 },
  { name: 'tags in a script are text', html: `<script>${'"<div>"'.repeat(10_000)}</script><p>`, elements: 2 },
  { name: 'a script without end', html: `<script>${'<div>'.repeat(10_000)}`, elements: 1 },
  { name: 'end tags of nothing', html: `${'</div>'.repeat(9000)}${deep}`, elements: 5000 },
  { name: 'a script that ends in capitals', html: `<script>1</SCRIPT>${deep}`, elements: 5001 },
  { name: 'a script in a comment', html: `<!-- <script> -->${deep}`, elements: 5000 },
  { name: 'a script in a text area', html: `<textarea><script></textarea>${deep}`, elements: 5001 },
  { name: 'a script in a title', html: `<title><script></title>${deep}`, elements: 5001 },
  { name: 'a script in an attribute', html: `<p title="<script>">${deep}`, elements: 5001 },
  { name: 'end tags in comments', html: '<div><!-- </div> -->'.repeat(20_000), elements: 5000 },
]) {
  test(name, () => {
    let found = 0;
    walk(parseHtml(html), {
      enter: () => {
        found += 1;
        return true;
      },
    });
    assert.equal(found, elements);
  });
}
