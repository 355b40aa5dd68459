/** What a moved threshold would keep is what `lait filter` keeps with it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import type { RawStore } from '../../dataset/ledger/raw-store.ts';
import { currentRecipe } from '../../dataset/ledger/recipes.ts';
import { type ScoredPairs, scoredPairs } from '../../dataset/ledger/scored-pairs.ts';
import { keptRange, type Movable, movables, ruleOf, thresholdOf } from '../../filters/movable.ts';
import { moveThreshold, scoreHistogram } from '../../filters/moved-threshold.ts';
import { type RecipeOptions, recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';
import { judging, recordPictures } from '../cli/view/looked-at.ts';

const movable = (rule: string): Movable => movables.find((one) => one.rule === rule)!;
const sorted = (...scores: number[]): Float64Array => Float64Array.from(scores);

describe('keptRange', () => {
  const cases: readonly (readonly [rule: string, scores: Float64Array, threshold: number | null, kept: number[]])[] = [
    ['image/blur', sorted(10, 59.9, 60, 61), 60, [60, 61]],
    ['image/blur', sorted(10, 20), 60, []],
    ['image/blur', sorted(60, 70), 60, [60, 70]],
    ['image/blur', sorted(1, 2), null, [1, 2]],
    ['image/blur', sorted(), 60, []],
    ['image/size', sorted(300, 301, 302), 301, [301, 302]],
    ['image/bytes', sorted(4_999, 5_000), 5_000, [5_000]],
    ['image/flat', sorted(2.49, 2.5, 2.5, 7), 2.5, [2.5, 2.5, 7]],
    ['image/dominant', sorted(0.39, 0.4, 0.9), 0.4, [0.4, 0.9]],
    ['image/photo', sorted(0.49, 0.5, 0.51), 0.5, [0.5, 0.51]],
    ['image/photo', sorted(0.1), null, [0.1]],
    ['image/unsafe', sorted(0.1, 0.5, 0.51, 0.9), 0.5, [0.1, 0.5]],
    ['image/unsafe', sorted(0.1, 0.9), null, [0.1, 0.9]],
    ['match/relevance', sorted(-1, 0.19, 0.2), 0.2, [0.2]],
  ];
  for (const [rule, scores, threshold, kept] of cases) {
    it(`${rule} at ${threshold} of ${[...scores].join(', ')}`, () => {
      const { from, to } = keptRange(scores, movable(rule), threshold);
      assert.deepEqual([...scores.subarray(from, to)], kept);
    });
  }
});

describe('moveThreshold', () => {
  const pairs: ScoredPairs = {
    scores: sorted(1, 2, 3, 4, 5),
    rows: sorted(11, 12, 13, 14, 15),
    // Today's threshold is 3; a later rule dropped the pair with 4.
    fates: Uint8Array.from([0, 0, 2, 1, 2]),
    unscored: { kept: 2, keptByAll: 1, dropped: 3 },
  };
  const cases = [
    [3, { kept: 5, keptByAll: 3, regained: 0, lost: 0, lostOfKept: 0, changed: [] }],
    [2, { kept: 6, keptByAll: 3, regained: 1, lost: 0, lostOfKept: 0, changed: [12] }],
    [0, { kept: 7, keptByAll: 3, regained: 2, lost: 0, lostOfKept: 0, changed: [11, 12] }],
    [4.5, { kept: 3, keptByAll: 2, regained: 0, lost: 2, lostOfKept: 1, changed: [14, 13] }],
    [9, { kept: 2, keptByAll: 1, regained: 0, lost: 3, lostOfKept: 2, changed: [15, 14, 13] }],
  ] as const;
  for (const [to, expected] of cases) {
    it(`from 3 to ${to}`, () => {
      assert.deepEqual(moveThreshold(pairs, movable('image/blur'), { from: 3, to }), { entered: 10, ...expected });
    });
  }
  it('names the nearest only', () => {
    assert.deepEqual(moveThreshold(pairs, movable('image/blur'), { from: 3, to: 9 }, 2).changed, [15, 14]);
  });
});

describe('scoreHistogram', () => {
  it('counts each score once, on an axis that reaches to the threshold', () => {
    const { low, high, isLogarithmic, counts } = scoreHistogram(sorted(2, 3, 3, 4), 0, 4);
    assert.deepEqual([low, high, isLogarithmic, counts], [0, 4, false, [0, 0, 1, 3]]);
  });
  it('is logarithmic over orders of magnitude', () => {
    const { isLogarithmic, counts } = scoreHistogram(sorted(0, 9, 99, 999), null, 3);
    assert.deepEqual([isLogarithmic, counts], [true, [1, 1, 2]]);
  });
  it('of no scores has no counts', () => {
    assert.deepEqual(scoreHistogram(sorted(), null, 2), { low: 0, high: 1, isLogarithmic: false, counts: [0, 0] });
  });
});

describe('a moved threshold keeps what lait filter keeps with it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-moved-'));
  let ledger: Ledger;
  let raw: RawStore;
  before(async () => {
    ledger = Ledger.open(folder);
    raw = await recordPictures(ledger, folder, 24);
  });
  after(() => {
    raw.close();
    ledger.close();
    rmSync(folder, { recursive: true });
  });

  const byLength = (bytes: Buffer) => (bytes.length % 100) / 100;
  const models: RecipeOptions = {
    photo: { model: 'p', score: async (list) => list.map(byLength) },
    unsafe: { model: 'u', score: async (list) => list.map((bytes) => 1 - byLength(bytes)) },
    relevance: { model: 'r', score: async (list) => list.map(({ text }) => text.length / 100) },
  };
  const today: RecipeOptions = { ...judging, ...models, maxUnsafe: 0.9, minPhoto: 0.1, minRelevance: 0.3 };
  const judge = (changes: RecipeOptions = {}) => screen({ ledger, recipe: recipe({ ...today, ...changes }), raw });

  const moves: readonly (readonly [rule: string, thresholds: readonly number[]])[] = [
    ['image/dominant', [0, 0.02, 0.35, 0.4, 0.7, 1]],
    ['image/size', [1, 301, 320, 321]],
    ['image/bytes', [0, 3_000, 20_000, 40_000, 80_000, 1_000_000]],
    ['image/flat', [0, 2.5, 5.5, 6, 8]],
    ['image/blur', [0, 10, 60, 300, 2_000, 100_000]],
    ['image/unsafe', [0, 0.25, 0.5, 0.9, 1]],
    ['image/photo', [0, 0.1, 0.5, 0.75, 1]],
    ['match/relevance', [0, 0.3, 0.5, 0.6, 1]],
  ];
  for (const [rule, thresholds] of moves) {
    it(rule, async () => {
      const one = movable(rule);
      let changes = 0;
      for (const to of thresholds) {
        await judge();
        const record = currentRecipe(ledger)!.rules.find(({ name }) => name === rule)!;
        const from = thresholdOf(one, record);
        const pairs = scoredPairs(ledger, rule, one.judgedBy)!;
        const told = moveThreshold(pairs, one, { from, to });
        const { rows } = await judge({ [one.setting]: to });
        const row = rows.find((step) => step.rule === rule)!;
        assert.deepEqual([told.entered, told.kept], [row.entered, row.kept], `${from} to ${to}`);
        changes += told.regained + told.lost;
      }
      assert.ok(changes > 0, 'no threshold changed anything');
    });
  }

  it('goes by the original’s bytes where a smaller picture is stored', () => {
    const bytes = () => [...scoredPairs(ledger, 'image/bytes', 'bytes')!.scores];
    const before = bytes();
    const longest = before.at(-1)!;
    ledger.db.exec('SAVEPOINT smaller');
    ledger.db
      .prepare(
        `UPDATE images SET byte_length = 7, resized = json_object('originalByteLength', byte_length) WHERE byte_length = ?`,
      )
      .run(longest);
    assert.deepEqual(bytes(), before);
    ledger.db.exec('ROLLBACK TO smaller; RELEASE smaller');
  });

  it('is not told of a size with two ends', () => {
    const size = (maxSidePx: number | null) => ({
      name: 'image/size',
      stage: 'image' as const,
      settings: { maxSidePx },
    });
    assert.equal(ruleOf(movable('image/size'), [size(20_000)]), undefined);
    assert.deepEqual(ruleOf(movable('image/size'), [size(null)]), size(null));
  });

  it('is told of rules that the recipe has, and of no other', async () => {
    await judge({ minSharpness: null });
    assert.equal(scoredPairs(ledger, 'image/blur', 'image-score'), undefined);
  });
});
