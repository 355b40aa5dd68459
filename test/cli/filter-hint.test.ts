/** Where nearly all pairs fall by one threshold, `lait filter` says how it is moved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { thresholdHint } from '../../cli/filter.ts';

const row = (rule: string, dropped: number) => ({
  stage: 'image' as const,
  rule,
  entered: 20,
  dropped,
  kept: 20 - dropped,
  reasons: [],
});
const rules = [{ name: 'image/size', settings: { minSidePx: 301 } }];

const cases: [name: string, rows: ReturnType<typeof row>[], hint: string][] = [
  ['all by one threshold', [row('text/short', 0), row('image/size', 20)], '\nimage/size drops 20 of 20 pairs: --min-side-px (filter.minSidePx in lait.yaml) moves its threshold, now 301'],
  ['nearly all', [row('image/size', 18)], '\nimage/size drops 18 of 20 pairs: --min-side-px (filter.minSidePx in lait.yaml) moves its threshold, now 301'],
  ['many', [row('image/size', 17)], ''],
  ['all by a rule without a threshold', [row('text/short', 20)], ''],
  ['none', [row('image/size', 0)], ''],
]; // biome-ignore format: a table
for (const [name, rows, hint] of cases) {
  test(name, () => {
    assert.equal(thresholdHint({ found: 20, rows }, rules), hint);
  });
}
