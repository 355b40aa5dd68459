import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepsOf } from '../../../model/ranking/steps.ts';

test('each step stands beside the one before it, over the queries of all folds', () => {
  const fold = (contrast: number[], matching: number[]) => ({
    owner: [0, 0, 1, 1],
    orders: [
      { by: 'contrast', image: contrast, text: [0, 9] },
      { by: 'matching', image: matching, text: [0, 9] },
    ] as const,
  });
  const [first, second] = stepsOf([fold([0, 1, 7, 20], [0, 0, 7, 20]), fold([1, 1, 1, 1], [0, 0, 0, 0])]);
  assert.equal(first!.gain, null);
  assert.deepEqual(first!.imageRetrieval, { r1: 0.125, r5: 0.75, r10: 0.875 });
  assert.deepEqual(second!.imageRetrieval, { r1: 0.75, r5: 0.75, r10: 0.875 });
  assert.equal(second!.gain!.imageRetrieval.mean, 0.625);
  // Four images, two in each fold, of which one gains nothing, one a half and two all: all of the latter are drawn in one of 16 draws.
  const { low, high } = second!.gain!.imageRetrieval;
  assert.ok(low > 0 && low < 0.625 && high === 1, `${low} to ${high}`);
  assert.deepEqual(second!.gain!.textRetrieval, { mean: 0, low: 0, high: 0 });
});
