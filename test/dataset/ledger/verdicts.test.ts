import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { recordCorpusDrops } from '../../../dataset/ledger/corpus-drops.ts';
import { funnel } from '../../../dataset/ledger/funnel.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { currentRecipe, markFinished, type RuleRecord, recipeId } from '../../../dataset/ledger/recipes.ts';
import { scoresOf } from '../../../dataset/ledger/scores.ts';
import { keptSamples } from '../../../dataset/ledger/survivors.ts';
import { countUnjudged, pairsToJudge, recordVerdicts, rowsAsRead } from '../../../dataset/ledger/verdicts.ts';
import { pairId } from '../../../dataset/pair.ts';

const image = (name: string) => `http://site.test/${name}`;
const stored = (byte: string) => ({
  format: 'jpeg',
  width: 400,
  height: 301,
  frames: 1,
  byteLength: 9000,
  sha256: byte.repeat(64),
  phash: byte.repeat(16),
  segment: 0,
  offset: 512,
});
const rules: RuleRecord[] = [
  { name: 'text/length', stage: 'text', settings: { minWords: 3 } },
  { name: 'image/size', stage: 'image', settings: { minSidePx: 301 } },
  { name: 'corpus/best-text', stage: 'corpus', settings: {} },
];

describe('verdicts', () => {
  let folder: string;
  let ledger: Ledger;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lait-verdicts-'));
    ledger = Ledger.open(folder);
    ledger.recordPage({ url: 'http://site.test/', status: 'fetched', text: 'Words of a page.', fetchedAtMs: 1 }, [
      {
        url: image('a.jpg'),
        texts: [
          { source: 'alt', text: 'a red boat' },
          { source: 'title', text: 'boat' },
        ],
      },
      { url: image('b.jpg'), texts: [{ source: 'alt', text: 'two old doors' }] },
      { url: image('c.jpg'), texts: [{ source: 'alt', text: 'a small bird' }] },
    ]);
    ledger.recordImage({ url: image('a.jpg'), status: 'success', fetchedAtMs: 2, stored: stored('a') });
    ledger.recordImage({ url: image('b.jpg'), status: 'failed_to_download', reason: 'http-404', fetchedAtMs: 2 });
  });
  after(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });

  it('has found everything and judged nothing before a recipe exists', () => {
    assert.deepEqual(funnel(ledger), { found: 4, gone: 0, unjudged: 4, kept: 0, rows: [] });
    assert.equal(currentRecipe(ledger), null);
    assert.deepEqual([...keptSamples(ledger)], []);
  });

  it('names a recipe by its rules and settings', () => {
    const one = recipeId(ledger, rules);
    assert.equal(recipeId(ledger, rules), one);
    const other = recipeId(ledger, [{ ...rules[0]!, settings: { minWords: 4 } }]);
    assert.notEqual(other, one);
    assert.equal(currentRecipe(ledger)?.id, other);
    recipeId(ledger, rules);
    assert.equal(currentRecipe(ledger)?.id, one);
  });

  it('gives pairs in the order found, with their sample or the reason why there is none', () => {
    const batches = [...pairsToJudge(ledger, recipeId(ledger, rules), { batchSize: 3 })];
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [3, 1],
    );
    assert.deepEqual(
      batches.flat().map(({ pair, sample, missing, before }) => [pair.text, sample?.width ?? null, missing, before]),
      [
        ['a red boat', 400, null, null],
        ['boat', 400, null, null],
        ['two old doors', null, 'http-404', null],
        ['a small bird', null, 'pending', null],
      ],
    );
    assert.equal(batches[0]![0]!.pair.pageText, 'Words of a page.');
  });

  it('counts the funnel rule by rule and loses no pair', () => {
    const recipe = recipeId(ledger, rules);
    const id = (name: string, text: string) => pairId(image(name), text);
    const judge = () =>
      recordVerdicts(ledger, recipe, [
        {
          id: id('a.jpg', 'a red boat'),
          droppedBy: null,
          reason: null,
          cleanedText: 'a boat',
          scores: [
            { subject: 'a'.repeat(64), rule: 'image/blur', score: 80 },
            { subject: id('a.jpg', 'a red boat'), rule: 'match/relevance', score: 0.5 },
          ],
        },
        { id: id('a.jpg', 'boat'), droppedBy: 'text/length', reason: 'too-short' },
        { id: id('b.jpg', 'two old doors'), droppedBy: 'download', reason: 'http-404' },
      ]);
    judge();
    judge();
    assert.deepEqual(funnel(ledger), {
      found: 4,
      gone: 0,
      unjudged: 1,
      kept: 1,
      rows: [
        {
          rule: 'text/length',
          stage: 'text',
          entered: 3,
          dropped: 1,
          kept: 2,
          reasons: [{ reason: 'too-short', count: 1 }],
        },
        {
          rule: 'download',
          stage: 'download',
          entered: 2,
          dropped: 1,
          kept: 1,
          reasons: [{ reason: 'http-404', count: 1 }],
        },
        { rule: 'image/size', stage: 'image', entered: 1, dropped: 0, kept: 1, reasons: [] },
        { rule: 'corpus/best-text', stage: 'corpus', entered: 1, dropped: 0, kept: 1, reasons: [] },
      ],
    });
    assert.equal(countUnjudged(ledger, recipe), 1);
    assert.deepEqual(scoresOf(ledger, 'a'.repeat(64)), { 'image/blur': 80 });
  });

  it('gives survivors with cleaned text, scores and the place of their bytes', () => {
    const [sample, ...others] = [...keptSamples(ledger)];
    assert.deepEqual(others, []);
    assert.deepEqual(
      [sample?.text, sample?.foundText, sample?.segment, sample?.offset, sample?.byteLength, sample?.scores],
      ['a boat', 'a red boat', 0, 512, 9000, { 'image/blur': 80, 'match/relevance': 0.5 }],
    );
  });

  it('says again what corpus rules drop on every pass', async () => {
    const recipe = recipeId(ledger, rules);
    const id = pairId(image('a.jpg'), 'a red boat');
    markFinished(ledger, recipe, false);
    assert.equal(currentRecipe(ledger)?.finished, false);
    await recordCorpusDrops(ledger, recipe, [
      { name: 'corpus/best-text', drops: async () => [{ id, reason: 'better-text' }] },
    ]);
    assert.equal(funnel(ledger).kept, 0);
    assert.equal(currentRecipe(ledger)?.finished, true);
    const seen: unknown[] = [];
    await recordCorpusDrops(ledger, recipe, [
      {
        name: 'corpus/best-text',
        drops: async (of) => {
          seen.push(...of.db.prepare('SELECT id, text, width FROM survivors').all());
          return [];
        },
      },
    ]);
    assert.deepEqual(seen, [{ id, text: 'a boat', width: 400 }]);
    assert.equal(funnel(ledger).kept, 1);
  });

  it('forgets a verdict when the image, the page text or the source has changed', () => {
    const recipe = recipeId(ledger, rules);
    const unjudged = () => [...pairsToJudge(ledger, recipe)].flat().map(({ pair }) => pair.text);
    const judgeAll = () =>
      recordVerdicts(
        ledger,
        recipe,
        [...pairsToJudge(ledger, recipe)].flat().map(({ pair }) => ({ id: pair.id, droppedBy: null, reason: null })),
      );
    judgeAll();
    assert.deepEqual(unjudged(), []);
    ledger.recordImage({ url: image('c.jpg'), status: 'success', fetchedAtMs: 3, stored: stored('c') });
    assert.deepEqual(unjudged(), ['a small bird']);
    judgeAll();
    ledger.recordImage({ url: image('c.jpg'), status: 'success', fetchedAtMs: 4, stored: stored('c') });
    assert.deepEqual(unjudged(), []);
    const page = { url: 'http://site.test/', status: 'fetched', fetchedAtMs: 5 } as const;
    ledger.recordPage({ ...page, text: 'Other words.' });
    assert.deepEqual(unjudged().length, 4);
    judgeAll();
    ledger.recordPage({ ...page, url: 'http://site.test/0', text: 'Other words.' }, [
      { url: image('a.jpg'), texts: [{ source: 'alt', text: 'boat' }] },
    ]);
    assert.deepEqual(unjudged(), ['boat']);
  });

  it('tells which pairs are as they were read: not those of another picture, page or text since', () => {
    const recipe = recipeId(ledger, [...rules].reverse());
    const batch = [...pairsToJudge(ledger, recipe)].flat();
    const changed = batch.find(({ sample }) => sample !== null)!;
    const asRead = () => batch.filter(({ row }) => rowsAsRead(ledger, batch).has(row));
    assert.deepEqual(asRead(), batch);
    ledger.recordImage({ url: changed.pair.imageUrl, status: 'success', fetchedAtMs: 6, stored: stored('d') });
    const others = batch.filter(({ pair }) => pair.imageUrl !== changed.pair.imageUrl);
    assert.ok(others.length > 0 && others.length < batch.length);
    assert.deepEqual(asRead(), others);
    const { pageUrl } = others[0]!.pair;
    ledger.recordPage({ url: pageUrl, status: 'fetched', fetchedAtMs: 7, text: 'Words of another day.' });
    assert.deepEqual(
      asRead(),
      others.filter(({ pair }) => pair.pageUrl !== pageUrl),
    );
  });

  it('gives what an earlier recipe said, so that only changed rules need judging', () => {
    const first = recipeId(ledger, rules);
    const id = pairId(image('a.jpg'), 'boat');
    recordVerdicts(ledger, first, [{ id, droppedBy: 'text/length', reason: 'too-short' }]);
    const next = recipeId(ledger, rules.slice(1));
    assert.deepEqual([...pairsToJudge(ledger, next)].flat().find(({ pair }) => pair.id === id)?.before, {
      recipe: first,
      droppedBy: 'text/length',
      reason: 'too-short',
      language: null,
    });
  });
});
