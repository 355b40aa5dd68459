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
const both = (...own: [similar: number[], matching: number[], right: number]) => [
  query('image', ...own),
  query('text', ...own),
];

const tables: [name: string, queries: RerankQuery[], weight: number, contrast: number, reranked: number][] = [
  ['matching puts right what contrast got wrong', both([2, 1], [0, 3], 1), 2 ** -1.5, 2 / 3, 1],
  ['matching is wrong', both([2, 1], [0, 5], 0), 0, 1, 1],
  ['matching is as right as contrast', both([2, 1], [1, 0], 0), 0, 1, 1],
  ['ties count against the model', both([1, 1], [0, 1], 1), 2 ** -5, 2 / 3, 1],
  ['what is won in one direction is lost in the other', [query('image', [2, 1], [0, 3], 1), query('text', [1, 0.99], [0, 1], 0)], 0, 5 / 6, 5 / 6],
  ['the right answer is no candidate', both([2, 1], [0, 3], -1), 0, 0, 0],
  ['a right answer is the fourth', both([5, 4, 3, 2], [0, 0, 0, 1.5], 3), 2 ** 1.5, 2 / 3, 1],
['an answer comes nearer, though no recall changes', both([9, 8, 7, -0.5], [0, 0, 0, 1], 3), 0, 2 / 3, 2 / 3],
  ['two queries won and one lost are not sure', [...both([2, 1], [0, 3], 1), query('image', [1, 0.99], [0, 1], 0)], 0, 7 / 9, 7 / 9],
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

/** Four images with a text each; contrast takes every text for its neighbour's, matching knows better, or is as wrong for the last two. */
const scoresOf = (right: readonly number[]) => {
  const similar = new Float32Array(16);
  const matching = new Float32Array(16);
  for (let image = 0; image < 4; image++) {
    for (let text = 0; text < 4; text++) {
      const at = image * 4 + text;
      similar[at] = image === text ? 1 : (image + 2) % 4 === text ? 2 : 0;
      matching[at] = image === text ? right[image]! : 0;
    }
  }
  return { similar, matching, owner: [0, 1, 2, 3] };
};

test('queries are of the images that are asked, among those that are allowed', () => {
  const found = rerankQueries(scoresOf([3, 3, 3, 3]), (image) => image === 0, (image) => image % 2 === 0); // biome-ignore format: one line
  assert.deepEqual(found, [
    { wanted: 'text', similar: [1, 2], matching: [3, 0], right: [true, false] },
    { wanted: 'image', similar: [1, 2], matching: [3, 0], right: [true, false] },
  ]);
});

test('each half of the images is ranked with the weight of the other half', () => {
  const all = crossFittedRanks(scoresOf([3, 3, 3, 3]));
  assert.deepEqual(all, { image: [0, 0, 0, 0], text: [0, 0, 0, 0], weights: [2 ** -1.5, 2 ** -1.5] });
  // Matching is right of even images only: their weight is what the odd ones give, and the other way round.
  const half = crossFittedRanks(scoresOf([3, -3, 3, -3]));
  assert.deepEqual(half, { image: [1, 3, 1, 3], text: [1, 3, 1, 3], weights: [0, 2 ** -1.5] });
});
