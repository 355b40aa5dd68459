/** How much of a labelled sample is masked rightly. `lait` masks nobody until both are 0.95. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { maskPersons, personMask } from '../../../filters/text/persons.ts';

const lines = readFileSync(join(import.meta.dirname, 'person-captions.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));

interface Span {
  readonly from: number;
  readonly end: number;
}

/** The caption without its braces, and where they stood. */
function labelled(line: string): { readonly text: string; readonly names: readonly Span[] } {
  const names: Span[] = [];
  let text = '';
  for (const [at, part] of line.split(/[{}]/).entries()) {
    if (at % 2 === 1) names.push({ from: text.length, end: text.length + part.length });
    text += part;
  }
  return { text, names };
}

/** Where the masked text has masks, in places of the text. */
function masksOf(text: string, masked: string): Span[] {
  const found: Span[] = [];
  const [first, ...kept] = masked.split(personMask) as [string, ...string[]];
  let at = first.length;
  for (const [index, part] of kept.entries()) {
    const end = index === kept.length - 1 ? text.length - part.length : text.indexOf(part, at + 1);
    found.push({ from: at, end });
    at = end + part.length;
  }
  return found;
}

/** A mask is right where it hides a name and nothing else; a name is found where such a mask hides it. */
function measure(captions: readonly string[]) {
  let [names, masks, right] = [0, 0, 0];
  const wrong: string[] = [];
  for (const line of captions) {
    const { text, names: wanted } = labelled(line);
    const masked = maskPersons(text);
    const found = masksOf(text, masked);
    const hits = found.filter(({ from, end }) => wanted.some((name) => name.from === from && name.end === end));
    names += wanted.length;
    masks += found.length;
    right += hits.length;
    if (hits.length < Math.max(found.length, wanted.length)) wrong.push(`${line} → ${masked}`);
  }
  return { names, masks, precision: right / masks, recall: right / names, wrong };
}

describe('maskPersons on captions of eight kinds of sites', () => {
  for (const [half, parity, precision, recall] of [
    ['looked at', 0, 0.8, 0.83],
    ['only counted', 1, 0.8, 0.86],
  ] as const) {
    it(`the half that was ${half}: precision ${precision}, recall ${recall} at least`, () => {
      const result = measure(lines.filter((_, at) => at % 2 === parity));
      assert.ok(result.precision >= precision && result.recall >= recall, JSON.stringify(result, null, 1));
    });
  }
});
