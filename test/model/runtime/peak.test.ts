import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tf } from '../../../model/runtime/backend.ts';
import { measurePeakFlops } from '../../../model/runtime/peak.ts';

test('the peak is that of some machine, in either precision, and leaves nothing behind', () => {
  const before = tf.memory().numTensors;
  for (const precision of ['f32', 'bf16'] as const) {
    const flops = measurePeakFlops(precision);
    assert.ok(flops > 1e8 && flops < 1e16, `${precision}: ${flops}`);
  }
  assert.equal(tf.memory().numTensors, before);
});
