/** When a page is looked at again: between an hour and 90 days. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextIntervalMs } from '../../../crawler/frontier/revisit.ts';

const hourMs = 3_600_000;

for (const { before, changed, after } of [
  { before: null, changed: true, after: 24 * hourMs },
  { before: 10 * hourMs, changed: true, after: 8 * hourMs },
  { before: 10 * hourMs, changed: false, after: 14 * hourMs },
  { before: hourMs, changed: true, after: hourMs },
  { before: 80 * 24 * hourMs, changed: false, after: 90 * 24 * hourMs },
]) {
  test(`interval ${before} changed ${changed}`, () => assert.equal(nextIntervalMs(before, changed), after));
}

test('whatever is seen, the interval stays between its bounds', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), (visits) => {
      let intervalMs = nextIntervalMs(null, true);
      for (const changed of visits) intervalMs = nextIntervalMs(intervalMs, changed);
      assert.ok(intervalMs >= hourMs && intervalMs <= 90 * 24 * hourMs);
    }),
  );
});
