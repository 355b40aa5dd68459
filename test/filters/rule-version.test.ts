/** A raised version makes a rule judge an old corpus anew, and only that rule. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../../dataset/ledger/raw-store.ts';
import { scoresOf } from '../../dataset/ledger/scores.ts';
import { keptSamples } from '../../dataset/ledger/survivors.ts';
import { type CorpusFilter, drop, type Filter, keep, type ScoredFilter } from '../../filters/filter.ts';
import { type Recipe, recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';
import { textClean } from '../../filters/text/clean.ts';

let folder: string;
let ledger: Ledger;
let raw: RawStore;
let asked: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lait-rule-version-'));
  ledger = Ledger.open(folder);
  raw = openRawStore(folder);
  asked = [];
  const texts = ['a red boat', 'a blue boat', 'a green boat'];
  const url = (text: string) => `http://site.test/${text.split(' ')[1]}.jpg`;
  ledger.recordPage(
    { url: 'http://site.test/', status: 'fetched', fetchedAtMs: 1 },
    texts.map((text) => ({ url: url(text), texts: [{ source: 'alt', text }] })),
  );
  for (const text of texts) {
    const bytes = Buffer.from(text);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const place = raw.append({ sha256, format: 'jpg', bytes });
    const measured = { format: 'jpg', width: 400, height: 400, frames: 1, phash: sha256.slice(0, 16) };
    const stored = { ...place, ...measured, byteLength: bytes.length, sha256 };
    ledger.recordImage({ url: url(text), status: 'success', fetchedAtMs: 2, stored });
  }
});
afterEach(() => {
  raw.close();
  ledger.close();
  rmSync(folder, { recursive: true });
});

/** Rules without settings: nothing but the version tells a corrected one from what it was. */
const textRule = (colour: string, version?: number): Filter => ({
  name: 'text/colour',
  ...(version === undefined ? {} : { version }),
  settings: {},
  judge: ({ text }) => {
    asked.push(`text/colour ${text}`);
    return text.includes(colour) ? drop(`is-${colour}`) : keep;
  },
});
const otherTextRule: Filter = {
  name: 'text/other',
  settings: {},
  judge: ({ text }) => {
    asked.push(`text/other ${text}`);
    return keep;
  },
};
const scoredRule = (colour: string, version?: number): ScoredFilter => ({
  name: 'image/colour',
  ...(version === undefined ? {} : { version }),
  settings: {},
  scoreName: 'image/colour',
  subject: 'image',
  score: async (samples) => {
    asked.push(...samples.map(({ text }) => `image/colour ${text}`));
    return samples.map(({ text }) => (text.includes(colour) ? 1 : 0));
  },
  judge: (score) => (score < 1 ? keep : drop(`is-${colour}`)),
});
const corpusRule = (text: string, version?: number): CorpusFilter => ({
  name: 'corpus/colour',
  ...(version === undefined ? {} : { version }),
  settings: {},
  drops: async (from) => {
    const chosen = [...keptSamples(from)].filter((sample) => sample.text === text);
    return chosen.map(({ id }) => ({ id, reason: 'chosen' }));
  },
});

const clean = textClean();
const run = async (rules: Partial<Recipe>) => {
  asked.length = 0;
  await screen({ ledger, raw, recipe: { clean, text: [], image: [], corpus: [], ...rules } });
  return [...keptSamples(ledger)].map(({ text }) => text).sort();
};

describe('a raised version', () => {
  it('replaces the verdicts of a text rule, and asks no other rule of pairs that have passed it', async () => {
    assert.deepEqual(await run({ text: [otherTextRule, textRule('red')] }), ['a blue boat', 'a green boat']);
    assert.deepEqual(await run({ text: [otherTextRule, textRule('blue', 2)] }), ['a green boat', 'a red boat']);
    assert.deepEqual(asked.sort(), ['text/colour a blue boat', 'text/colour a green boat', 'text/colour a red boat']);
  });

  it('replaces the verdicts and the scores of a scored rule', async () => {
    assert.deepEqual(await run({ scored: [scoredRule('red')] }), ['a blue boat', 'a green boat']);
    assert.deepEqual(await run({ scored: [scoredRule('blue', 2)] }), ['a green boat', 'a red boat']);
    assert.equal(asked.length, 3);
    const [green] = keptSamples(ledger);
    assert.deepEqual(scoresOf(ledger, green!.sha256), { 'image/colour': 0 });
    assert.deepEqual(await run({ scored: [scoredRule('blue', 2)], text: [otherTextRule] }), [
      'a green boat',
      'a red boat',
    ]);
    assert.deepEqual(
      asked.filter((one) => one.startsWith('image/')),
      [],
    );
  });

  it('replaces the drops of a corpus rule', async () => {
    assert.deepEqual(await run({ corpus: [corpusRule('a red boat')] }), ['a blue boat', 'a green boat']);
    assert.deepEqual(await run({ corpus: [corpusRule('a blue boat', 2)] }), ['a green boat', 'a red boat']);
  });

  it('of the cleaning asks the text rules of every pair', async () => {
    await run({ text: [textRule('red')] });
    await run({ clean: { ...clean, version: 99 }, text: [textRule('red')] });
    assert.equal(asked.length, 3);
  });
});

describe('the same version', () => {
  it('judges nothing again, and 1 is the version of a rule without one', async () => {
    const kept = await run({ text: [textRule('red')], scored: [scoredRule('blue')] });
    assert.deepEqual(await run({ text: [textRule('blue')], scored: [scoredRule('red')] }), kept);
    assert.deepEqual(asked, []);
    assert.deepEqual(await run({ text: [textRule('blue', 1)], scored: [scoredRule('red', 1)] }), kept);
    assert.deepEqual(asked, []);
    assert.equal(ledger.db.prepare('SELECT count(*) FROM recipes').pluck().get(), 1);
  });
});

it('a ledger from before rules had versions is judged anew by the rules that were corrected since, and by no other', async () => {
  const watch = <F extends { name: string; judge: (x: never) => unknown }>(rule: F): F => ({
    ...rule,
    judge: (x: never) => {
      asked.push(rule.name);
      return rule.judge(x);
    },
  });
  const full = recipe({ minBytes: 0, minEntropyBits: null, minSharpness: null, webPhrases: true });
  const watched = { ...full, clean, text: full.text.map(watch), image: full.image.map(watch) };
  await run(watched);
  const rules = JSON.parse(ledger.db.prepare('SELECT rules FROM recipes').pluck().get() as string);
  const old = rules.map(({ name, stage, settings }: Record<string, unknown>) => ({ name, stage, settings }));
  // Cleaning was corrected too, after which every text is judged anew: here it is as it was, to see the other rules.
  old[0].version = rules[0].version;
  ledger.db.prepare(`UPDATE recipes SET sha256 = 'old', rules = ?`).run(JSON.stringify(old));
  await run(watched);
  assert.deepEqual(
    [...new Set(asked)],
    [
      'page/host',
      'text/length',
      'text/file-name',
      'text/boilerplate',
      'text/repetition',
      'text/unsafe-words',
      'text/personal',
      'text/language',
    ],
  );
});
