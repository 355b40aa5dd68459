import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workLine } from '../../cli/evaluate.ts';
import { firstImages } from '../../cli/first-images.ts';
import type { Example } from '../../model/data/example.ts';
import { smallExamples } from '../model/small-model.ts';

async function* read(pairs: readonly (readonly [key: string, imageId: string])[]): AsyncGenerator<Example> {
  const [example] = smallExamples(1);
  for (const [key, imageId] of pairs) yield { ...example!, key, imageId };
}

test('two samples of one picture are one image, however the limit is counted', async () => {
  const pairs = [['a', 'x'], ['a', 'x'], ['b', 'y'], ['c', 'x'], ['d', 'z']] as const; // biome-ignore format: one line
  for (const [maxImages, together, ...wanted] of [
    [9, true, 5, 3, 4, true],
    [9, false, 5, 3, 4, true],
    [3, true, 4, 2, 3, false],
    [2, false, 4, 2, 3, false],
  ] as const) {
    const { examples, images, samples, complete } = await firstImages(read(pairs), { maxImages, together });
    assert.deepEqual([examples.length, images, samples, complete], wanted, `${maxImages}, ${together}`);
  }
});

for (const [method, pairsScored, pairsPerSecond, line] of [
  ['itc', 0, null, 'step-1, itc'],
  ['itm', 1600, null, 'step-1, itm, 1,600 pairs scored'],
  ['rerank', 1600, 79.6, 'step-1, rerank, 1,600 pairs scored, 80 pairs/s'],
] as const) {
  test(`an evaluation says what applies to it: ${line}`, () => {
    assert.equal(workLine({ checkpoint: 'step-1', method, pairsScored, pairsPerSecond }), line);
  });
}
