/** The tokenizer that skips says of any page what htmlparser2's own says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Parser, Tokenizer } from 'htmlparser2';
import { SkippingTokenizer } from '../../../crawler/page/tokenizer.ts';

/** What a parser tells of a page, event by event, with the places. */
function eventsOf(html: string, tokenizer: typeof Tokenizer): unknown[] {
  const events: unknown[] = [];
  const note =
    (name: string) =>
    (...values: unknown[]) =>
      events.push([name, parser.startIndex, parser.endIndex, ...values]);
  const parser = new Parser(
    {
      onopentagname: note('name'),
      onopentag: note('open'),
      onattribute: note('attribute'),
      ontext: note('text'),
      oncomment: note('comment'),
      onclosetag: note('close'),
      onprocessinginstruction: note('instruction'),
      onend: note('end'),
    },
    { xmlMode: false, decodeEntities: true, Tokenizer: tokenizer },
  );
  parser.end(html);
  return events;
}

const pieces =
  '< > </ <p> </p> <br/> <a href=" " \' = / & &amp; &ampx &nbsp &#x41; &#65 &; text <!-- --> <!> <!doctype <? ?> <![CDATA[ ]]> <script> </script> </SCRIPT </scr <style> </style> <title> </title> <textarea> </textarea> <svg> </svg> <math> <b c=\'&lt;\'> <i d="e&quot;f"> <u v=w&x>'
    .split(' ')
    .concat(' ', '\n', '\0', 'é', '<li class="a b">', '<!-- a -- b ->');

test('both tell the same of any page', () => {
  const page = fc.array(fc.constantFrom(...pieces), { maxLength: 25 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(page, (html) => assert.deepEqual(eventsOf(html, SkippingTokenizer), eventsOf(html, Tokenizer))),
    { numRuns: 3000 },
  );
});

/** Searches of the engine's `indexOf` while a page is read, and the characters that they may pass at most. */
function charactersSearched(html: string): number {
  const { indexOf } = String.prototype;
  let searched = 0;
  String.prototype.indexOf = function (mark: string, from = 0) {
    const at = indexOf.call(this, mark, from);
    searched += (at === -1 ? this.length : at) - from;
    return at;
  };
  try {
    eventsOf(html, SkippingTokenizer);
  } finally {
    String.prototype.indexOf = indexOf;
  }
  return searched;
}

for (const { name, html } of [
  { name: 'ampersands in text', html: '&x'.repeat(5000) },
  { name: 'ampersands in a value without end', html: `<p title="${'&x'.repeat(5000)}` },
  { name: 'a far ampersand', html: `${'<p title="x">y'.repeat(5000)}&` },
  { name: 'quotes of both kinds', html: `${'<p a=\'x\' b="y">'.repeat(2000)}` },
  { name: 'script ends that are none', html: `<script>${'</x'.repeat(5000)}` },
  { name: 'comments', html: '<!-- - -- > -->'.repeat(2000) },
])
  test(`each character is searched a few times at most: ${name}`, () => {
    assert.ok(charactersSearched(html) <= 4 * html.length);
  });
