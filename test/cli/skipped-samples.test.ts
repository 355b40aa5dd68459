import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SkippedSamples } from '../../cli/skipped-samples.ts';

test('skipped samples are counted once each and named by key, the first three of a reason', () => {
  const skipped = new SkippedSamples();
  assert.deepEqual(skipped.lines(), []);
  for (const epoch of [0, 1]) {
    for (const key of ['a', 'b', 'c', 'd']) skipped.add({ shard: '00000.tar', key, reason: 'not-finite' });
    skipped.add({ shard: '00001.tar', key: '', reason: 'cannot-read' });
    assert.equal(skipped.lines().length, 2, `epoch ${epoch}`);
  }
  assert.deepEqual(skipped.lines(), [
    'skipped, not-finite: 4 (a of 00000.tar, b of 00000.tar, c of 00000.tar, …)',
    'skipped, cannot-read: 1 ((whole shard) of 00001.tar)',
  ]);
});
