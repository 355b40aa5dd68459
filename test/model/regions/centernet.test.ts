import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { ensurePretrained } from '../../../model/formats/pretrained.ts';
import { centerNet } from '../../../model/regions/centernet.ts';
import { cocoLabels } from '../../../model/regions/coco.ts';

const path = await ensurePretrained('centernet');

/** A stop sign on a grey wall, drawn. */
const stopSign = await sharp(
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><rect width="600" height="400" fill="#9aa7b0"/>
  <rect x="292" y="230" width="16" height="170" fill="#777"/>
  <polygon points="258,60 342,60 400,118 400,202 342,260 258,260 200,202 200,118" fill="#c1121f" stroke="#fff" stroke-width="8"/>
  <text x="300" y="182" font-family="sans-serif" font-weight="bold" font-size="62" fill="#fff" text-anchor="middle">STOP</text></svg>`),
)
  .jpeg()
  .toBuffer();

const blank = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#ffffff' } })
  .png()
  .toBuffer();

test('CenterNet finds a stop sign where it is; unsure boxes only fill up an image', async () => {
  const detector = centerNet({ path, inputSidePx: 256, topK: 8, minRegions: 10 });
  const [found, broken, nothing] = await detector.detect([stopSign, Buffer.from('no image'), blank]);
  assert.equal(broken, null);
  assert.equal(detector.labels[found!.labels[0]!], 'whole image');
  assert.deepEqual([...found!.boxes.subarray(0, 4)], [0, 0, 1, 1]);
  const best = found!.labels[1]!;
  assert.equal(cocoLabels[best], 'stop sign');
  const expected = [200 / 600, 60 / 400, 400 / 600, 260 / 400];
  for (const [side, value] of expected.entries()) {
    assert.equal(Math.abs(found!.boxes[4 + side]! - value) < 0.05, true, `${found!.boxes.subarray(4, 8)}`);
  }
  assert.equal(found!.features.length, found!.labels.length * detector.featureSize);
  assert.equal(nothing!.labels.length > 1, true);
  assert.equal(nothing!.confidences[1]! < 0.2, true);
  detector.dispose();
  const sure = centerNet({ path, inputSidePx: 256, topK: 8, minRegions: 0 });
  const [sign, none] = await sure.detect([stopSign, blank]);
  assert.equal(none!.labels.length, 1);
  assert.equal(
    sign!.confidences.every((confidence) => confidence >= 0.2),
    true,
  );
  sure.dispose();
});

test('an image gives the same regions alone and in a batch', async () => {
  const detector = centerNet({ path, inputSidePx: 128, topK: 4, minConfidence: 0 });
  const [alone] = await detector.detect([stopSign]);
  const [, together] = await detector.detect([blank, stopSign]);
  assert.deepEqual(together!.labels, alone!.labels);
  const difference = alone!.features.map((value, index) => Math.abs(value - together!.features[index]!));
  assert.equal(Math.max(...difference) < 1e-3, true);
  assert.deepEqual(await detector.detect([]), []);
  detector.dispose();
});
