import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp, { type Color } from 'sharp';
import { patches } from '../../../model/regions/patches.ts';

test('a patch is its pixels from -1 to 1, row by row', async () => {
  // Left half black, right half white; 4 x 4 pixels into 2 x 2 patches of 2 x 2.
  const pixels = Buffer.from([0, 0, 255, 255].flatMap((v) => [v, v, v]))
    .toString('latin1')
    .repeat(4);
  const raw = { width: 4, height: 4, channels: 3 } as const;
  const png = await sharp(Buffer.from(pixels, 'latin1'), { raw }).png().toBuffer();
  const detector = patches({ patchSidePx: 2, inputSidePx: 4 });
  assert.deepEqual(await detector.detect([png, Buffer.from('no image'), Buffer.alloc(0)]), [
    {
      boxes: Float32Array.of(0, 0, 0.5, 0.5, 0.5, 0, 1, 0.5, 0, 0.5, 0.5, 1, 0.5, 0.5, 1, 1),
      labels: new Int32Array(4),
      confidences: new Float32Array(4).fill(1),
      features: Float32Array.from([-1, 1, -1, 1].flatMap((v) => Array(12).fill(v))),
    },
    null,
    null,
  ]);
  assert.equal(detector.featureSize, 12);
});

test('images of every kind have three channels, upright and on white', async () => {
  const detector = patches({ patchSidePx: 2, inputSidePx: 2 });
  const solid = (channels: 3 | 4, background: object) =>
    sharp({ create: { width: 5, height: 3, channels, background: background as Color } });
  const clear = solid(4, { r: 255, g: 0, b: 0, alpha: 0 });
  const images = [
    await clear.clone().png().toBuffer(),
    await clear.clone().webp({ lossless: true }).toBuffer(),
    await solid(3, { r: 255, g: 255, b: 255 }).grayscale().png().toBuffer(),
    await solid(3, { r: 255, g: 255, b: 255 }).toColourspace('cmyk').jpeg().toBuffer(),
    await solid(3, { r: 255, g: 255, b: 255 }).toColourspace('rgb16').png().toBuffer(),
  ];
  for (const regions of await detector.detect(images)) {
    assert.ok(
      regions?.features.every((value) => value > 0.98),
      `${regions?.features}`,
    );
    assert.equal(regions?.features.length, 12);
  }
});

test('a grid that does not fit is refused', () => {
  assert.throws(() => patches({ patchSidePx: 32, inputSidePx: 100 }), RangeError);
});
