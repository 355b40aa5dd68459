import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { type CaptionedFeature, linearMapRetrieval, wholeImageFeature } from '../../../model/ranking/linear-map.ts';
import { wordSpace } from '../../../model/ranking/word-space.ts';
import type { Regions } from '../../../model/regions/region.ts';

const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...'abcdefghijklmnopqrst', '##s', '##t'];

const regions = (boxes: number[], features: number[]): Regions => ({
  boxes: Float32Array.from(boxes),
  labels: new Int32Array(boxes.length / 4),
  confidences: new Float32Array(boxes.length / 4).fill(1),
  features: Float32Array.from(features),
});

test('the feature of the whole image is that of its largest region, or the mean of patches', () => {
  const whole = regions([0, 0, 0.5, 1, 0, 0, 1, 1, 0.2, 0.2, 0.9, 0.9], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([...wholeImageFeature(whole)], [3, 4]);
  const patches = regions([0, 0, 1 / 3, 1, 1 / 3, 0, 2 / 3, 1, 2 / 3, 0, 1, 1], [1, 2, 3, 4, 5, 9]);
  assert.deepEqual([...wholeImageFeature(patches)], [3, 5]);
});

test('words are pieces put together, the rarer the heavier, and each text has the length 1', () => {
  const of = wordSpace(vocabulary).fit([[5, 6], [5, 25, 7], [5]]);
  // a, b, as, c; the most frequent first
  const { rows, columns, values } = of([[5], [5, 25], [6, 5], [24]]) as Awaited<ReturnType<typeof of>>;
  assert.deepEqual([rows, columns], [4, 4]);
  const row = (at: number) => [...values.subarray(at * 4, at * 4 + 4)].map((one) => Number(one.toFixed(3)));
  assert.deepEqual(row(0), [1, 0, 0, 0]);
  assert.deepEqual(row(1), [0, 0, 1, 0]);
  const [common, rare] = [Math.log(4 / 3) + 1, Math.log(4 / 2) + 1];
  const length = Math.hypot(common, rare);
  assert.deepEqual(
    row(2),
    [common / length, rare / length, 0, 0].map((one) => Number(one.toFixed(3))),
  );
  assert.deepEqual(row(3), [0, 0, 0, 0]);
});

/** Images whose feature is a linear mixture of what their two words stand for, or of nothing. */
function images(count: number, seed: number, tells: boolean): CaptionedFeature[] {
  const draw = random(seed);
  const meaning = random(1);
  const directions = vocabulary.map(() => Array.from({ length: 16 }, () => meaning.normal()));
  return Array.from({ length: count }, () => {
    const words = [5 + draw.below(20), 5 + draw.below(20), 5 + draw.below(20)];
    const feature = Float32Array.from({ length: 16 }, (_, at) =>
      tells ? words.reduce((sum, word) => sum + directions[word]![at]!, 0) : draw.normal(),
    );
    return { feature, texts: [words] };
  });
}

const setOf = (all: readonly CaptionedFeature[]) => ({
  images: all.map(({ feature }) => regions([0, 0, 1, 1], [...feature])),
  texts: all.flatMap(({ texts }) => texts),
  owner: all.map((_, at) => at),
});

test('a map finds what is linear, and chance where nothing is', async () => {
  for (const tells of [true, false]) {
    const result = await linearMapRetrieval(
      images(400, 2, tells),
      [setOf(images(100, 3, tells)), setOf(images(100, 4, tells))],
      wordSpace(vocabulary),
    );
    assert.equal(result.trainingImages, 400);
    for (const { r10 } of [result.imageRetrieval, result.textRetrieval]) {
      assert.ok(tells ? r10 > 0.9 : r10 < 0.25, `${tells}: ${r10}`);
    }
  }
});

test('hubs are taken off the map as training images tell', async () => {
  // A third of the texts are of one word beside one that many have.
  const withHubs = (count: number, seed: number): CaptionedFeature[] => {
    const draw = random(seed);
    return images(count, seed, true).map(({ feature, texts }) => {
      return {
        feature: feature.map((one) => one + 2 * draw.normal()),
        texts: draw.below(3) === 0 ? [[texts[0]![0]!, 5, 5, 5]] : texts,
      };
    });
  };
  const { withoutHubs, ...map } = await linearMapRetrieval(
    withHubs(400, 2),
    [setOf(withHubs(100, 3))],
    wordSpace(vocabulary),
  );
  const told = JSON.stringify({ map, withoutHubs });
  assert.ok(withoutHubs.taken.text.share > 0, told);
  assert.ok(withoutHubs.textRetrieval.r5 > map.textRetrieval.r5, told);
});
