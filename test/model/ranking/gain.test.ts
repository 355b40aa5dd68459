import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { recallGain, sureGain } from '../../../model/ranking/gain.ts';

const index = (count: number) => Array.from({ length: count }, (_, at) => at);

test('a gain is the difference of recalls, and one that all queries share has no width', () => {
  const found = recallGain({ before: [1, 1, 1], after: [0, 0, 0], image: [0, 1, 2] }, 1);
  assert.deepEqual(found, { mean: 1, low: 1, high: 1 });
  assert.equal(recallGain({ before: [1, 0, 4], after: [0, 3, 4], image: [0, 1, 2] }, 5).mean, 0);
});

test('the interval has the width that the central limit theorem says', () => {
  const draw = random(1);
  const queries = index(2000);
  // Half of the queries change, as many for the better as for the worse but one in ten.
  const kind = queries.map(() => draw.next());
  const before = kind.map((one) => (one < 0.3 ? 1 : 0));
  const after = kind.map((one) => (one >= 0.3 && one < 0.5 ? 1 : 0));
  const { mean, low, high } = recallGain({ before, after, image: queries }, 1);
  const wide = 2 * 1.96 * Math.sqrt((0.5 - mean ** 2) / queries.length);
  assert.ok(low < mean && mean < high && low > 0, JSON.stringify({ low, mean, high }));
  assert.ok(Math.abs((high - low) / wide - 1) < 0.15, `${high - low} beside ${wide}`);
});

test('what is sure of a gain is never that of one lucky query, and more than a few that agree are enough', () => {
  const gains = (won: number, of: number, by = 1 / 3) => index(of).map((query) => (query < won ? by : 0));
  for (const of of [1, 4, 20, 256]) assert.ok(sureGain(gains(1, of, 1)) < 0, `one of ${of}`);
  const surelyWon = [gains(4, 4), gains(5, 5), gains(8, 8), gains(20, 256)].map((one) => sureGain(one) > 0);
  assert.deepEqual(surelyWon, [false, false, true, true]);
  assert.ok(sureGain([]) < 0 && sureGain(gains(0, 50)) < 0);
});

test('texts of one image count as one: five copies of each query leave the interval as wide', () => {
  const draw = random(2);
  const before = index(400).map(() => draw.below(3));
  const after = index(400).map(() => draw.below(3));
  const once = recallGain({ before, after, image: index(400) }, 1);
  const copies = index(2000);
  const five = recallGain(
    {
      before: copies.map((at) => before[at % 400]!),
      after: copies.map((at) => after[at % 400]!),
      image: copies.map((at) => at % 400),
    },
    1,
  );
  assert.deepEqual(five, once);
});
