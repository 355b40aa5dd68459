/** The position and the maker note leave original bytes; pixels, orientation, artist and copyright stay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import readExif from 'exif-reader';
import fc from 'fast-check';
import sharp from 'sharp';
import { encodeImage } from '../../../dataset/shards/encode.ts';
import { exifJson, withoutPosition } from '../../../dataset/shards/exif.ts';
import { withoutLocation } from '../../../dataset/shards/without-location.ts';
import { picture } from '../../helpers/picture.ts';

const xmp = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" exif:GPSLatitude="48,51.5N" drone-dji:GpsLongitude='+2.29'><exif:GPSLongitude>2,17.4E</exif:GPSLongitude><dc:format>image/jpeg</dc:format></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;

const exif = {
  IFD0: { Copyright: 'Ada', Artist: 'Ada Lovelace', Make: 'Camera', ImageDescription: 'a boat' },
  IFD2: { MakerNote: 'SECRETMAKERNOTE0123456789', LensModel: 'Fifty' },
  IFD3: {
    GPSLatitudeRef: 'N',
    GPSLatitude: '48/1 51/1 3000/100',
    GPSLongitudeRef: 'E',
    GPSLongitude: '2/1 17/1 4000/100',
  },
};

const formats = ['jpeg', 'png', 'webp', 'avif'] as const;

for (const format of formats) {
  test(`${format}: no position, no maker note, and everything else as it was`, async () => {
    const before = await sharp(await picture(5))
      .withExif(exif)
      .withXmp(xmp)
      .toFormat(format)
      .toBuffer();
    const [was, wasPixels] = [await sharp(before).metadata(), await sharp(before).raw().toBuffer()];
    const { GPSInfo: position, Image: tagsBefore } = readExif(was.exif!);
    assert.deepEqual(position?.GPSLatitude, [48, 51, 30], 'the test’s own picture has a position');
    const after = withoutLocation(before);
    assert.equal(after.length, before.length);
    const [is, isPixels] = [await sharp(after).metadata(), await sharp(after).raw().toBuffer()];
    assert.ok(isPixels.equals(wasPixels));
    const tags = readExif(is.exif!);
    assert.deepEqual(tags.GPSInfo ?? {}, {});
    assert.equal(tags.Photo?.MakerNote, undefined);
    const { GPSTag: _, ...others } = tagsBefore as Record<string, unknown>;
    assert.deepEqual(tags.Image, others);
    assert.equal(tags.Image?.Artist, 'Ada Lovelace');
    assert.equal(tags.Photo?.LensModel, 'Fifty');
    for (const word of ['SECRETMAKERNOTE', '48,51.5N', '2,17.4E', '+2.29']) assert.ok(!after.includes(word), word);
    assert.ok(is.xmp!.includes('<dc:format>image/jpeg</dc:format>'));
    assert.equal(withoutLocation(after), after);
    for (const encode of ['original', 'auto'] as const) {
      const { bytes } = await encodeImage(before, { encode });
      if (encode === 'original') assert.ok(bytes.equals(after));
      assert.deepEqual(readExif((await sharp(bytes).metadata()).exif ?? is.exif!).GPSInfo ?? {}, {});
    }
    assert.equal((await encodeImage(before, { encode: 'original', keepLocation: true })).bytes, before);
  });
}

test('a turned photograph stays turned', async () => {
  const before = await sharp(await picture(6))
    .withMetadata({ orientation: 6 })
    .withExifMerge(exif)
    .jpeg()
    .toBuffer();
  const orientation = (await sharp(before).metadata()).orientation;
  assert.equal((await sharp(withoutLocation(before)).metadata()).orientation, orientation);
});

test('a PNG whose EXIF is packed as text loses that chunk', async () => {
  const png = await picture(7, { format: 'png' });
  const { crc32 } = await import('node:zlib');
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const whole = Buffer.alloc(body.length + 8);
    whole.writeUInt32BE(data.length, 0);
    body.copy(whole, 4);
    whole.writeUInt32BE(crc32(body), body.length + 4);
    return whole;
  };
  const packed = chunk(
    'zTXt',
    Buffer.concat([Buffer.from('Raw profile type exif\0\0'), deflateSync('474f505348455245')]),
  );
  const note = chunk('tEXt', Buffer.from('Copyright\0Ada'));
  const before = Buffer.concat([png.subarray(0, 33), packed, note, png.subarray(33)]);
  const after = withoutLocation(before);
  assert.ok(after.equals(Buffer.concat([png.subarray(0, 33), note, png.subarray(33)])));
});

test('the column has the position only where it is asked for, that of other sets too', async () => {
  const block = (
    await sharp(await picture(8))
      .withExif(exif)
      .jpeg()
      .toBuffer()
      .then((bytes) => sharp(bytes).metadata())
  ).exif!;
  assert.ok(!exifJson(block).includes('GPS'));
  assert.equal(JSON.parse(exifJson(block))['Image Artist'], 'Ada Lovelace');
  assert.equal(JSON.parse(exifJson(block, { keepLocation: true }))['GPS GPSLatitude'], '[48, 51, 30]');
  assert.equal(withoutPosition('{"GPS GPSLatitude":"[48, 51]","Image Make":"Camera"}'), '{"Image Make":"Camera"}');
  assert.equal(withoutPosition('{"Image Make":"Camera"}'), '{"Image Make":"Camera"}');
  assert.equal(withoutPosition('no JSON'), 'no JSON');
});

test('whatever stands in a block, nothing is thrown and no length changes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (data, isLittle) => {
      const file = Buffer.concat([Buffer.from(`\xff\xd8Exif\0\0${isLittle ? 'II*\0' : 'MM\0*'}`, 'latin1'), data]);
      assert.equal(withoutLocation(file).length, file.length);
    }),
    { numRuns: 2000 },
  );
});
