import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crossFittedRanks, fitRerankWeight, likeliest, type RerankQuery, rerankedTable, rerankQueries } from '../../../model/ranking/rerank.ts'; // biome-ignore format: one line

/** A query whose right answer is the candidate `right`; -1 for none of them. */
const query = (wanted: RerankQuery['wanted'], similar: number[], matching: number[], right: number): RerankQuery => ({
  wanted,
  similar,
  matching,
  right: similar.map((_, index) => index === right),
});
type Own = [similar: number[], matching: number[], right: number];
const times = (count: number, wanted: RerankQuery['wanted'], ...own: Own) =>
  Array.from({ length: count }, () => query(wanted, ...own));
/** Four of each direction, as many as a gain of a third takes to be sure. */
const both = (...own: Own) => [...times(4, 'image', ...own), ...times(4, 'text', ...own)];

const tables: [name: string, queries: RerankQuery[], weight: number, contrast: number, reranked: number][] = [
  ['matching puts right what contrast got wrong', both([2, 1], [0, 3], 1), 2 ** -1.5, 2 / 3, 1],
  ['matching is wrong', both([2, 1], [0, 5], 0), 0, 1, 1],
  ['matching is as right as contrast', both([2, 1], [1, 0], 0), 0, 1, 1],
  ['ties count against the model', both([1, 1], [0, 1], 1), 2 ** -5, 2 / 3, 1],
  ['what is won in one direction is lost in the other', [...times(16, 'image', [2, 1], [0, 3], 1), query('text', [1, 0.99], [0, 1], 0)], 0, 35 / 51, 35 / 51],
  ['the right answer is no candidate', both([2, 1], [0, 3], -1), 0, 0, 0],
  ['a right answer is the fourth', both([5, 4, 3, 2], [0, 0, 0, 1.5], 3), 2 ** 1.5, 2 / 3, 1],
['an answer comes nearer, though no recall changes', both([9, 8, 7, -0.5], [0, 0, 0, 1], 3), 0, 2 / 3, 2 / 3],
  ['eight queries won and two lost are not sure', [...both([2, 1], [0, 3], 1), ...times(2, 'image', [1, 0.99], [0, 1], 0)], 0, 11 / 15, 11 / 15],
  ['one query won in each direction may be luck', [query('image', [2, 1], [0, 3], 1), query('text', [2, 1], [0, 3], 1)], 0, 2 / 3, 2 / 3],
]; // biome-ignore format: a table
for (const [name, queries, weight, contrast, reranked] of tables) {
  test(`the weight where ${name}`, () => {
    const fit = fitRerankWeight(queries);
    assert.deepEqual([fit.weight, fit.queries], [weight, queries.length]);
    assert.ok(Math.abs(fit.recall.contrast - contrast) < 1e-9, `${fit.recall.contrast}`);
    assert.ok(Math.abs(fit.recall.reranked - reranked) < 1e-9, `${fit.recall.reranked}`);
  });
}

const none = Number.NaN;

test('what is no candidate comes after every candidate, in the order of its similarity', () => {
  const scores = { similar: Float32Array.of(1, 2, 3, 4), matching: Float32Array.of(-9, none, none, 1), owner: [0, 1, 1, 1] }; // biome-ignore format: one line
  assert.deepEqual([...rerankedTable(scores, 2)], [-17, -998, -997, 6]);
  assert.deepEqual([...rerankedTable(scores, 0)], [1, -998, -997, 4]);
});

test('candidates are the highest of each row and column that asks', () => {
  const table = Float32Array.of(9, 1, 2, 3, 4, 8);
  const chosen = (candidates: number, queries?: number) =>
    likeliest(table, { images: 2, texts: 3 }, candidates, queries).map(String).sort();
  assert.deepEqual(chosen(1), ['0,0', '1,1', '1,2']);
  assert.deepEqual(chosen(1, 1), ['0,0']);
  assert.deepEqual(chosen(3, 1), ['0,0', '0,1', '0,2', '1,0']);
});

/** Images with a text each; contrast takes every text for its neighbour's, matching knows better, or is as wrong for the last two. */
const scoresOf = (right: readonly number[]) => {
  const N = right.length;
  const similar = new Float32Array(N * N);
  const matching = new Float32Array(N * N);
  for (let image = 0; image < N; image++) {
    for (let text = 0; text < N; text++) {
      const at = image * N + text;
      similar[at] = image === text ? 1 : (image + 2) % N === text ? 2 : 0;
      matching[at] = image === text ? right[image]! : 0;
    }
  }
  return { similar, matching, owner: right.map((_, image) => image) };
};

test('queries are of the images that are asked, among those that are allowed', () => {
  const found = rerankQueries(scoresOf([3, 3, 3, 3]), (image) => image === 0, (image) => image % 2 === 0); // biome-ignore format: one line
  assert.deepEqual(found, [
    { wanted: 'text', similar: [1, 2], matching: [3, 0], right: [true, false] },
    { wanted: 'image', similar: [1, 2], matching: [3, 0], right: [true, false] },
  ]);
});

test('each half of the images is ranked with the weight of the other half', () => {
  const each = (...two: [even: number, odd: number]) => Array.from({ length: 8 }, (_, image) => two[image % 2]!);
  const all = crossFittedRanks(scoresOf(each(3, 3)));
  assert.deepEqual(all, { image: each(0, 0), text: each(0, 0), weights: [2 ** -1.5, 2 ** -1.5] });
  // Matching is right of even images only: their weight is what the odd ones give, and the other way round.
  const half = crossFittedRanks(scoresOf(each(3, -3)));
  assert.deepEqual(half, { image: each(1, 7), text: each(1, 7), weights: [0, 2 ** -1.5] });
});
