/** Memory that is lent: never to two at once, and the same again when it is free. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withScratch } from '../../../dataset/image/scratch.ts';

test('what is lent is nobody else’s until it is given back, whatever becomes of the borrower', async () => {
  const [first, second] = await withScratch(1000, async (one) => withScratch(1000, async (other) => [one, other]));
  assert.ok(first!.length >= 1000 && second!.length >= 1000 && first!.buffer !== second!.buffer);
  await assert.rejects(
    withScratch(1000, async () => {
      throw new Error('a fault');
    }),
    /a fault/,
  );
  const again = await withScratch(1000, async (one) => withScratch(1000, async (other) => [one.buffer, other.buffer]));
  assert.deepEqual(new Set(again), new Set([first!.buffer, second!.buffer]));
  assert.ok((await withScratch(5_000_000, async (large) => large.length)) >= 5_000_000);
});
