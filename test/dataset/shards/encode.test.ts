import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { type EncodeOptions, encodeImage } from '../../../dataset/shards/encode.ts';
import { exifJson } from '../../../dataset/shards/exif.ts';

const create = (width: number, height: number, background = { r: 200, g: 30, b: 60 }) =>
  sharp({ create: { width, height, channels: 3, background } });
const plain = await create(60, 40).jpeg().toBuffer();

/** The colour in the middle, and at the left edge. */
async function colours(bytes: Buffer): Promise<{ middle: number[]; edge: number[] }> {
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * info.channels).subarray(0, 3)];
  return { middle: at(info.width >> 1, info.height >> 1), edge: at(0, info.height >> 1) };
}

const near = (got: readonly number[], wanted: readonly number[], by = 6) =>
  assert.ok(
    got.every((value, i) => Math.abs(value - wanted[i]!) <= by),
    `${got} is not near ${wanted}`,
  );

describe('encode: resize modes', () => {
  const table: [EncodeOptions['resize'], Partial<EncodeOptions>, [number, number]][] = [
    ['keep_ratio', { sizePx: 20 }, [30, 20]],
    ['keep_ratio_largest', { sizePx: 30 }, [30, 20]],
    ['center_crop', { sizePx: 20 }, [20, 20]],
    ['border', { sizePx: 30 }, [30, 30]],
    ['no', { sizePx: 20 }, [60, 40]],
    ['keep_ratio', { sizePx: 80 }, [120, 80]],
    ['keep_ratio', { sizePx: 80, onlyIfBigger: true }, [60, 40]],
    ['keep_ratio', { sizePx: 20, onlyIfBigger: true }, [30, 20]],
    ['border', { sizePx: 80, onlyIfBigger: true }, [60, 40]],
  ];
  for (const [resize, options, size] of table) {
    test(`${resize} ${JSON.stringify(options)} gives ${size.join('×')}`, async () => {
      const encoded = await encodeImage(plain, { ...options, ...(resize === undefined ? {} : { resize }) });
      const { width, height, format } = await sharp(encoded.bytes).metadata();
      assert.deepEqual([width, height, format, encoded.width, encoded.height], [...size, 'jpeg', ...size]);
      assert.deepEqual([encoded.originalWidth, encoded.originalHeight], [60, 40]);
    });
  }
  test('the border is white', async () => {
    const { bytes } = await encodeImage(await create(20, 60).jpeg().toBuffer(), { resize: 'border', sizePx: 60 });
    const { middle, edge } = await colours(bytes);
    near(middle, [200, 30, 60]);
    near(edge, [255, 255, 255]);
  });
});

describe('encode: what is kept and what is made anew', () => {
  test('auto leaves an upright sRGB or grey JPEG as it is', async () => {
    assert.equal((await encodeImage(plain)).bytes, plain);
    const grey = await create(30, 30).greyscale().jpeg().toBuffer();
    assert.equal((await encodeImage(grey)).bytes, grey);
  });
  test('original leaves everything as it is and names its format', async () => {
    for (const format of ['png', 'webp', 'gif', 'avif'] as const) {
      const bytes = await create(30, 30).toFormat(format).toBuffer();
      const encoded = await encodeImage(bytes, { encode: 'original' });
      assert.deepEqual([encoded.bytes, encoded.field], [bytes, format]);
    }
  });
  test('auto turns every other format into a JPEG', async () => {
    for (const format of ['png', 'webp', 'gif'] as const) {
      const encoded = await encodeImage(await create(30, 20).toFormat(format).toBuffer());
      assert.equal(encoded.field, 'jpg');
      near((await colours(encoded.bytes)).middle, [200, 30, 60]);
    }
  });
  test('what is transparent becomes white', async () => {
    const background = { r: 0, g: 0, b: 0, alpha: 0 };
    const bytes = await sharp({ create: { width: 20, height: 20, channels: 4, background } })
      .png()
      .toBuffer();
    near((await colours((await encodeImage(bytes)).bytes)).middle, [255, 255, 255]);
  });
  test('an EXIF orientation is applied once', async () => {
    const turned = await create(60, 40).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const encoded = await encodeImage(turned);
    assert.deepEqual([encoded.width, encoded.height, encoded.originalWidth, encoded.originalHeight], [40, 60, 40, 60]);
    const { width, height, orientation } = await sharp(encoded.bytes).metadata();
    assert.deepEqual([width, height, orientation], [40, 60, undefined]);
  });
  test('CMYK and wide colour become sRGB', async () => {
    const cmyk = await create(20, 20).toColourspace('cmyk').jpeg().toBuffer();
    assert.equal((await sharp((await encodeImage(cmyk)).bytes).metadata()).space, 'srgb');
    const p3 = await create(20, 20).withIccProfile('p3').jpeg().toBuffer();
    const { bytes } = await encodeImage(p3);
    assert.notEqual(bytes, p3);
    near((await colours(bytes)).middle, [200, 30, 60], 12);
  });
  test('what does not decode is refused, also when its header is whole', async () => {
    await assert.rejects(encodeImage(Buffer.from('not a picture')));
    await assert.rejects(encodeImage(Buffer.alloc(0)));
    await assert.rejects(encodeImage(plain.subarray(0, plain.length >> 1), { encode: 'jpeg' }));
  });
});

test('EXIF becomes JSON without the place and without binary values', async () => {
  const bytes = await create(20, 20)
    .withExif({
      IFD0: { Make: 'A camera', DateTime: '2020:01:02 03:04:05' },
      IFD2: {
        ExposureTime: '1/60',
        FNumber: '28/10',
        FocalLength: '355/113',
        ISOSpeedRatings: '200',
        Flash: '16',
        MeteringMode: '5',
        LensSpecification: '24/1 70/1 28/10 28/10',
        UserComment: 'me',
      },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
    })
    .jpeg()
    .toBuffer();
  const { exif } = await encodeImage(bytes);
  const tags = JSON.parse(exifJson(exif));
  // As exifread 3 prints the same file, but for its pointers (ExifOffset, GPSInfo) and the position.
  assert.deepEqual(tags, {
    'Image Make': 'A camera',
    'Image Orientation': 'Horizontal (normal)',
    'Image XResolution': '127/5',
    'Image YResolution': '127/5',
    'Image ResolutionUnit': 'Pixels/Inch',
    'Image DateTime': '2020:01:02 03:04:05',
    'Image YCbCrPositioning': 'Centered',
    'EXIF ExposureTime': '1/60',
    'EXIF FNumber': '14/5',
    'EXIF ISOSpeedRatings': '200',
    'EXIF ExifVersion': '0210',
    'EXIF ComponentsConfiguration': 'YCbCr',
    'EXIF MeteringMode': 'Pattern',
    'EXIF Flash': 'Flash did not fire, compulsory flash mode',
    'EXIF FocalLength': '355/113',
    'EXIF FlashPixVersion': '0100',
    'EXIF ColorSpace': 'Uncalibrated',
    'EXIF ExifImageWidth': '20',
    'EXIF ExifImageLength': '20',
    'EXIF LensSpecification': '[24, 70, 14/5, 14/5]',
  });
  assert.equal(exifJson(null), '{}');
  assert.equal(exifJson(Buffer.from('Exif\0\0nonsense')), '{}');
});
