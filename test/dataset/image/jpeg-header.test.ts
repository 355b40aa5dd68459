/** The header of a JPEG as libvips reads it, whatever is done to the file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { jpegHeader } from '../../../dataset/image/jpeg-header.ts';
import { picture } from '../../helpers/picture.ts';

const jpeg = await picture(1, { width: 80, height: 60 });
const made = {
  plain: jpeg,
  progressive: await sharp(jpeg).jpeg({ progressive: true }).toBuffer(),
  grey: await sharp(jpeg).grayscale().toColourspace('b-w').jpeg().toBuffer(),
  'with a profile and metadata': await sharp(jpeg)
    .withIccProfile('p3')
    .withExif({ IFD0: { Artist: 'A' } })
    .jpeg()
    .toBuffer(),
};
for (const [name, bytes] of Object.entries(made)) {
  test(name, async () => {
    const { exif = null, icc = null } = await sharp(bytes).metadata();
    assert.deepEqual(jpegHeader(bytes), {
      width: 80,
      height: 60,
      orientation: 1,
      exif,
      icc,
      components: name === 'grey' ? 1 : 3,
      isCommon: true,
      wholeBytes: name === 'progressive' ? 2 * 80 * 60 * 1.5 : 0,
    });
  });
}
for (let orientation = 1; orientation <= 8; orientation++) {
  test(`orientation ${orientation}`, async () => {
    const bytes = await sharp(jpeg).withMetadata({ orientation }).jpeg().toBuffer();
    const meta = await sharp(bytes).metadata();
    assert.equal(meta.orientation, orientation);
    const { exif = null, icc = null } = meta;
    assert.deepEqual(jpegHeader(bytes), {
      ...{ width: 80, height: 60, orientation, exif, icc },
      ...{ components: 3, isCommon: true, wholeBytes: 0 },
    });
  });
}
test('CMYK is left to libvips', async () => {
  const bytes = await sharp(jpeg).toColourspace('cmyk').jpeg().toBuffer();
  assert.equal(jpegHeader(bytes), null);
});
test('a cut header is none', () => {
  const frame = jpeg.findIndex((byte, at) => byte === 0xff && jpeg[at + 1] === 0xc0);
  for (let length = 0; length < frame + 19; length++) assert.equal(jpegHeader(jpeg.subarray(0, length)), null);
  assert.notEqual(jpegHeader(jpeg.subarray(0, frame + 19)), null);
});
test('no bytes make it throw', () => {
  const bytes = made['with a profile and metadata'];
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.uint8Array({ minLength: 1, maxLength: 40 }), (at, noise) => {
      const broken = Buffer.from(bytes);
      broken.set(noise.subarray(0, broken.length - at), at);
      jpegHeader(broken);
    }),
    { numRuns: 1000 },
  );
});
