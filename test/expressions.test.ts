/**
 * No regular expression of the tree takes much longer than its text is long, by recheck's analysis. An expression that is quadratic
 * may stay where its text has a limit or is the operator's own: `bounded` says which. Of what recheck cannot decide in time, the
 * tests of costs (crawler/costs.test.ts, filters/text/linear.test.ts) try the worst texts that we could think of.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { check } from 'recheck';
import ts from 'typescript';

const root = join(import.meta.dirname, '..');
const folders = ['crawler', 'filters', 'dataset', 'model', 'cli'];

/** Milliseconds for one expression. A quick machine decides more in it than a slow one: what 6 s decide on two cores is mended or listed. */
const timeout = 1000;

/** Polynomial, by source: why that does no harm. */
const bounded = new Map([
  ['; .*$', 'a message of ours'],
  [', received .*$', 'a message of zod'],
  [String.raw`^(?:https?:\/\/|mailto:)?[^\s()]+\.[^\s()]+$`, "the operator's contact"],
  [String.raw`^([^|]+)\|\s*\d+\s*\|?(.*)$`, "a line of the operator's file of captions"],
  ['[-._ 0-9]+$', "the name of an operator's folder"],
  [String.raw`\d+$`, "the name of one of TensorFlow's kernels"],
  [
    String.raw`(?:^\S+|\d\S*)\.(?:jpe?g|png|gif|webp|avif|svg|bmp|tiff?|heic|jfif|ashx|aspx)$`,
    'at most 200 characters',
  ],
  ["[^A-Za-z]+(?<!['`])", 'at most 350 characters'],
  [String.raw`[\s()./-]+\d+$`, 'a form of a telephone number'],
  [String.raw`"(?:[^"\\]|\\.)*"|[{}[\]]`, 'JSON that was parsed, so that each string ends'],
]);

/** Polynomial, by file: why that does no harm. Exponential ones are not accepted here either. */
const boundedFiles = new Map([
  ['crawler/page/remarks.ts', 'at most 80 characters'],
  ['crawler/page/wordless.ts', 'at most 200 characters'],
  ['crawler/page/software-words.ts', 'at most 200 characters'],
  ['crawler/input/list-rows.ts', 'each string that begins ends, at the latest with the line'],
  ['filters/text/telephone.ts', 'at most 40 characters before a number'],
  ['filters/text/personal.ts', 'each part of an address has a limit; filters/text/linear.test.ts tries the worst'],
  ['filters/text/crop.ts', 'a credit has at most 80 characters; filters/text/linear.test.ts tries the worst'],
]);

interface Expression {
  readonly place: string;
  readonly source: string;
  readonly flags: string;
}

function expressionsOf(file: string): Expression[] {
  const found: Expression[] = [];
  const tree = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/');
      const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      found.push({
        place: `${file}:${line}`,
        source: node.text.slice(1, end),
        // recheck knows neither; they change nothing here.
        flags: node.text.slice(end + 1).replace(/[dy]/g, ''),
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);
const expressions = files.flatMap(expressionsOf);

describe('regular expressions', () => {
  it('are found', () => assert.ok(expressions.length > 300, `${expressions.length}`));

  it('are none of those that recheck finds too slow', async () => {
    const slow: string[] = [];
    const unused = new Set(bounded.keys());
    const known = new Map(expressions.map((one) => [`${one.source}/${one.flags}`, one]));
    for (const { place, source, flags } of known.values()) {
      const found = await check(source, flags, { timeout });
      unused.delete(source);
      if (found.status !== 'vulnerable') continue;
      const isBounded = bounded.has(source) || boundedFiles.has(place.slice(0, place.lastIndexOf(':')));
      const isAccepted = isBounded && found.complexity.type === 'polynomial';
      if (!isAccepted) slow.push(`${place} ${found.complexity.summary}: /${source}/`);
    }
    assert.deepEqual(slow, []);
    assert.deepEqual([...unused], [], 'bounded names expressions that are gone');
  });

  it('are found too slow by recheck where they are', async () => {
    const found = await check('(?:[a-z]+-?)+$', 'u', { timeout });
    assert.equal(found.status === 'vulnerable' && found.complexity.type, 'exponential');
  });
});
