import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDetector } from '../../../model/regions/open.ts';

test('patches need nothing', async () => {
  const detector = await openDetector({ kind: 'patches', patchSidePx: 16, inputSidePx: 32 });
  assert.deepEqual([detector.name, detector.featureSize], ['patches-16-32', 768]);
});

test('the embedded detector takes the better features unless told otherwise', async () => {
  const table = [
    [{}, 'centernet-64-efficientnet-32', 1888],
    [{ features: 'centernet' }, 'centernet-64', 608],
  ] as const;
  for (const [options, name, featureSize] of table) {
    const detector = await openDetector({ kind: 'centernet', inputSidePx: 64, backboneSidePx: 32, ...options });
    assert.deepEqual([detector.name, detector.featureSize], [name, featureSize]);
    detector.dispose();
  }
});
