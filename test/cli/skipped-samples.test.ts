import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SkippedSamples } from '../../cli/skipped-samples.ts';

test('samples that are left out are counted once each and named by key, the first three of a reason', () => {
  const leftOut = new SkippedSamples();
  assert.deepEqual(leftOut.lines(), []);
  for (const epoch of [0, 1]) {
    for (const key of ['a', 'b', 'c', 'd']) leftOut.add({ shard: '00000.tar', key, reason: 'not-finite' });
    leftOut.add({ shard: '00001.tar', key: '', reason: 'cannot-read' });
    assert.equal(leftOut.lines().length, 2, `epoch ${epoch}`);
  }
  assert.deepEqual(leftOut.lines(), [
    'left out, not-finite: 4 (a of 00000.tar, b of 00000.tar, c of 00000.tar, …)',
    'left out, cannot-read: 1 ((whole shard) of 00001.tar)',
  ]);
});
