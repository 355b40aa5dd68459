/**
 * For who labels a page: prints its outline, and turns what the reader notes about it into labels.
 *
 *     node --import tsx bench/seeing/label.ts --outlines FOLDER [--pages FOLDER]
 *     node --import tsx bench/seeing/label.ts --notes FOLDER [--pages FOLDER]
 *
 * The first writes the outlines of the pages that a second reader gets, 01.txt to 60.txt; the second prints labels of the notes, files
 * of the same names. A line of notes is `s` (subject) or `t` (teaser), the numbers of pictures (`124-217/4` is every fourth), a
 * colon, and their texts: numbers, `+1` or `-2` from the picture's own, or attributes as in labels.ts. All other pictures are furniture.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type LabelledPage, type LabelledPicture, readLabels } from './labels.ts';
import { type Outline, outlineOf, printOutline, selectorOf } from './outline.ts';
import { readPage, savedPagesFlags } from './pages.ts';
import { drawPages } from './second-reader.ts';
import { jsonLdRef } from './truth.ts';

const { values } = parseArgs({
  options: {
    pages: savedPagesFlags.pages,
    outlines: { type: 'string' },
    notes: { type: 'string' },
  },
});

const { outlines, notes } = values;
if (outlines !== undefined) mkdirSync(outlines, { recursive: true });
for (const [at, page] of drawPages(readLabels()).entries()) {
  const name = `${String(at + 1).padStart(2, '0')}.txt`;
  const outline = outlineOf(readPage(values.pages, page));
  if (outlines !== undefined)
    writeFileSync(path.join(outlines, name), `${page.url} (${page.kind})\n${printOutline(outline)}\n`);
  if (notes !== undefined)
    console.log(JSON.stringify(labelsOf(page, outline, readFileSync(path.join(notes, name), 'utf8'))));
}

function labelsOf(page: LabelledPage, outline: Outline, text: string): LabelledPage {
  const said = new Map<number, { kind: string; texts: Set<string> }>();
  for (const line of text.split('\n').filter((candidate) => candidate.trim() !== '')) {
    const [, kind, numbers, words] = /^([st]) ([\d\s/-]+):(.*)$/.exec(line) ?? [];
    if (kind === undefined) throw new Error(`Expected s or t, numbers, a colon and texts but found ${line}`);
    for (const number of numbersIn(numbers!)) {
      if (!outline.images.has(number)) throw new Error(`Expected a picture at ${number} in ${line}`);
      const entry: { kind: string; texts: Set<string> } = said.get(number) ?? { kind, texts: new Set() };
      if (entry.kind !== kind) throw new Error(`Expected one class of picture ${number} but found two`);
      for (const word of words!.split(/\s+/).filter((candidate) => candidate !== ''))
        for (const ref of refsOf(word, number, outline)) entry.texts.add(ref);
      said.set(number, entry);
    }
  }
  const of = (kind: string): LabelledPicture[] =>
    [...said]
      .filter(([, entry]) => entry.kind === kind)
      .sort(([a], [b]) => a - b)
      .map(([number, { texts }]) => [selectorOf(outline.images.get(number)!.element), [...texts]]);
  const { repository, path: file, sha256, url, kind, half } = page;
  const furniture = [...outline.images]
    .filter(([number]) => !said.has(number))
    .map(([, { element }]) => selectorOf(element));
  return { repository, path: file, sha256, url, kind, half, subject: of('s'), teaser: of('t'), furniture };
}

function* numbersIn(words: string): Generator<number> {
  for (const word of words.trim().split(/\s+/)) {
    const [, first, last = first, step = '1'] = /^(\d+)(?:-(\d+))?(?:\/(\d+))?$/.exec(word) ?? [];
    if (first === undefined) throw new Error(`Expected a number or a range but found ${word}`);
    for (let number = Number(first); number <= Number(last); number += Number(step)) yield number;
  }
}

function refsOf(word: string, picture: number, { texts, metas }: Outline): string[] {
  if (/^[a-z]+$/.test(word)) return [word];
  const ids = /^[+-]/.test(word) ? [picture + Number(word)] : [...numbersIn(word)];
  return ids.map((id) => {
    const text = texts.get(id);
    if (text) return selectorOf(text.element);
    const meta = metas.get(id);
    if (!meta) throw new Error(`Expected a text at ${id}, said of picture ${picture}`);
    const { name, property } = meta.element.attribs;
    return meta.element.name === 'meta' ? `meta:${property ?? name}` : jsonLdRef(meta.text);
  });
}
