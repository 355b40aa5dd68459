/**
 * Pictures made to cost more than they weigh. Each is taken through all that a picture of the web goes through and compared with
 * a harmless one of the same kind: in CPU time, threads counted, and in memory.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { crc32, createDeflate, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { embeddedRights } from '../../../crawler/fetch/embedded-rights.ts';
import { isPlainExif, withoutCostlyMetadata } from '../../../dataset/image/costly-metadata.ts';
import { decodeImage } from '../../../dataset/image/decode.ts';
import { maxDecodeBytes, withDecodeMemory } from '../../../dataset/image/decode-memory.ts';
import { encodeImage } from '../../../dataset/shards/encode.ts';
import { exifJson } from '../../../dataset/shards/exif.ts';
import { withoutLocation } from '../../../dataset/shards/without-location.ts';
import { decodePixels } from '../../../filters/image/pixels.ts';
import { picture } from '../../helpers/picture.ts';

const size = { width: 400, height: 300 };
const jpeg = await picture(1, size);
const png = await picture(1, { ...size, format: 'png' });
const webp = await picture(1, { ...size, format: 'webp' });
const avif = await sharp(jpeg)
  .withExif({ IFD0: { Artist: 'A' } })
  .avif({ effort: 0 })
  .toBuffer();

/** A directory with `count` tags; `entry` says what each is, of type, number of values and value. */
function directory(
  count: number,
  entry: (i: number) => readonly [tag: number, type: number, values: number, value: number],
): Buffer {
  const tiff = Buffer.alloc(8 + 2 + 12 * count + 4);
  tiff.write('II*\0\x08', 'latin1');
  tiff.writeUInt16LE(count, 8);
  for (let i = 0; i < count; i++) {
    const [tag, type, values, value] = entry(i);
    const at = 10 + 12 * i;
    tiff.writeUInt16LE(tag, at);
    tiff.writeUInt16LE(type, at + 2);
    tiff.writeUInt32LE(values, at + 4);
    tiff.writeUInt32LE(value, at + 8);
  }
  return tiff;
}

/** 5,000 tags that each say: the EXIF directory is this one. */
const selfPointing = directory(5000, () => [0x8769, 4, 1, 8]);
const selfPointingGps = directory(5000, (i) => [i % 2 === 0 ? 0xa005 : 0x8825, 4, 1, 8]);
const overlapping = directory(5000, (i) => [0x100 + i, 3, 30_000, 8]);
const makerNotes = directory(5000, (i) => (i === 0 ? [0x8769, 4, 1, 8] : [0x927c, 7, 60_000, 8]));
const tags = directory(5000, (i) => [0x100 + i, 3, 1, i]);

function segment(marker: number, data: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(data.length + 2, 2);
  return Buffer.concat([head, data]);
}
const jpegWith = (...segments: readonly Buffer[]): Buffer =>
  Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
const exifSegment = (tiff: Buffer): Buffer => segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), tiff]));

function chunk(type: string, data: Buffer): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length);
  bytes.write(type, 4, 'latin1');
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
const idat = png.indexOf('IDAT') - 4;
const pngWith = (...chunks: readonly Buffer[]): Buffer =>
  Buffer.concat([png.subarray(0, idat), ...chunks, png.subarray(idat)]);

/** The WebP as an extended one with an EXIF chunk behind the picture. */
function webpWith(tiff: Buffer): Buffer {
  const extended = Buffer.alloc(18);
  extended.write('VP8X');
  extended.writeUInt32LE(10, 4);
  extended[8] = 8;
  extended.writeUIntLE(size.width - 1, 12, 3);
  extended.writeUIntLE(size.height - 1, 15, 3);
  const head = Buffer.alloc(8);
  head.write('EXIF');
  head.writeUInt32LE(tiff.length, 4);
  const body = Buffer.concat([Buffer.from('WEBP'), extended, webp.subarray(12), head, tiff]);
  const riff = Buffer.alloc(8);
  riff.write('RIFF');
  riff.writeUInt32LE(body.length, 4);
  return Buffer.concat([riff, body]);
}

/** An animation of the WebP’s size with so many frames of two by two pixels. */
function animation(frames: number): Buffer {
  const chunkOf = (type: string, data: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.write(type);
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data]);
  };
  const canvas = Buffer.alloc(10);
  canvas[0] = 2;
  canvas.writeUIntLE(size.width - 1, 4, 3);
  canvas.writeUIntLE(size.height - 1, 7, 3);
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 40, 0, 0, 0]), tiny.subarray(12)]);
  const parts = [
    chunkOf('VP8X', canvas),
    chunkOf('ANIM', Buffer.alloc(6)),
    ...Array(frames).fill(chunkOf('ANMF', frame)),
  ];
  return chunkOf('RIFF', Buffer.concat([Buffer.from('WEBP'), ...parts]));
}

/** The AVIF with another block in its EXIF item, which is moved to the end of the file. */
function avifWith(tiff: Buffer): Buffer {
  const at = avif.indexOf('II*\0', 0, 'latin1') - 10;
  const item = Buffer.concat([Buffer.from('\0\0\0\x06Exif\0\0', 'latin1'), tiff]);
  const found = Buffer.concat([avif, item]);
  const place = Buffer.alloc(4);
  place.writeUInt32BE(at);
  const known = found.indexOf(place);
  assert.ok(at > 0 && known > 0 && known < at, 'where the item is said to be');
  found.writeUInt32BE(avif.length, known);
  found.writeUInt32BE(item.length, known + 4);
  const before = found.lastIndexOf('mdat', at) - 4;
  found.writeUInt32BE(found.length - before, before);
  return found;
}

/** What becomes of a picture: at its download, in the filters, in an export of any kind. */
async function wholeLife(bytes: Buffer): Promise<unknown> {
  const decoded = await decodeImage(bytes);
  await embeddedRights(bytes);
  await decodePixels(bytes);
  await encodeImage(bytes, { encode: 'jpeg', resize: 'keep_ratio' });
  const { exif } = await encodeImage(bytes, { encode: 'original' });
  exifJson(exif);
  withoutLocation(bytes);
  return decoded;
}

async function cpuMs(bytes: Buffer): Promise<number> {
  const before = process.cpuUsage();
  await wholeLife(bytes);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const tiny = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'gray' } })
  .webp()
  .toBuffer();
const filled = 'A'.repeat(60_000);
const harmless = {
  jpeg: jpegWith(segment(0xfe, Buffer.from(filled))),
  png: pngWith(chunk('tEXt', Buffer.from(`Comment\0${filled}`))),
  webp,
  avif,
};
const inflated = deflateSync(Buffer.alloc(7_900_000));
const costly: Readonly<Record<string, { readonly bytes: Buffer; readonly like: keyof typeof harmless }>> = {
  'EXIF that points at itself': { bytes: jpegWith(exifSegment(selfPointing)), like: 'jpeg' },
  'GPS and interoperability that point at themselves': { bytes: jpegWith(exifSegment(selfPointingGps)), like: 'jpeg' },
  'EXIF values over one another': { bytes: jpegWith(exifSegment(overlapping)), like: 'jpeg' },
  'maker notes over the directory': { bytes: jpegWith(exifSegment(makerNotes)), like: 'jpeg' },
  'EXIF of 5,000 tags': { bytes: jpegWith(exifSegment(tags)), like: 'jpeg' },
  'EXIF that points at itself, in PNG': { bytes: pngWith(chunk('eXIf', selfPointing)), like: 'png' },
  'EXIF that points at itself, in WebP': { bytes: webpWith(selfPointing), like: 'webp' },
  'EXIF that points at itself, in AVIF': { bytes: avifWith(selfPointing), like: 'avif' },
  'EXIF behind 100 that are plain': {
    bytes: jpegWith(
      ...Array.from({ length: 100 }, () => exifSegment(directory(1, () => [0x10f, 3, 1, 1]))),
      exifSegment(selfPointing),
    ),
    like: 'jpeg',
  },
  '100,000 segments of a colour profile': {
    bytes: jpegWith(
      ...Array.from({ length: 100_000 }, (_, i) =>
        segment(0xe2, Buffer.concat([Buffer.from('ICC_PROFILE\0'), Buffer.from([1 + (i % 255), 255, 0])])),
      ),
    ),
    like: 'jpeg',
  },
  'an animation of 40,000 frames': { bytes: animation(40_000), like: 'webp' },
  '300 XMP packets of 8 MB, compressed': {
    bytes: pngWith(
      ...Array.from({ length: 300 }, () =>
        chunk('iTXt', Buffer.concat([Buffer.from('XML:com.adobe.xmp\0\x01\0\0\0', 'latin1'), inflated])),
      ),
    ),
    like: 'png',
  },
};

describe('CPU time', () => {
  for (const [name, { bytes, like }] of Object.entries(costly)) {
    test(name, async () => {
      await wholeLife(harmless[like]);
      const usual = await cpuMs(harmless[like]);
      const ms = await cpuMs(bytes);
      // Measured before: 30 to 500 times and more, and out of memory. 300 KB of packets and segments weigh more than the picture.
      assert.ok(ms < 30 * Math.max(usual, 20), `${ms.toFixed(0)} ms, and ${usual.toFixed(0)} for a harmless one`);
      const decoded = (await decodeImage(bytes)) as { width: number; height: number };
      assert.deepEqual([decoded.width, decoded.height], [size.width, size.height]);
    });
  }
});

describe('what is made unreadable', () => {
  test('no EXIF of a camera or an editor', async () => {
    const camera = await sharp(jpeg)
      .withExif({
        IFD0: { Artist: 'A', Copyright: 'B' },
        IFD2: { ExposureTime: '1/60' },
        IFD3: { GPSLatitude: '1/1 2/1 3/1' },
      })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    assert.equal(withoutCostlyMetadata(camera, 'jpg'), camera);
    const { exif } = await sharp(camera).metadata();
    assert.ok(isPlainExif(exif!.subarray(6)));
    const decoded = (await decodeImage(camera)) as { width: number };
    assert.equal(decoded.width, size.height);
  });
  test('each self-pointing block, and nothing else of the file', () => {
    for (const [format, bytes] of [
      ['jpg', jpegWith(exifSegment(selfPointing))],
      ['png', pngWith(chunk('eXIf', selfPointing))],
      ['webp', webpWith(selfPointing)],
      ['avif', avifWith(selfPointing)],
    ] as const) {
      const changed = withoutCostlyMetadata(bytes, format);
      const expected = Buffer.from(bytes);
      expected.fill(0, bytes.lastIndexOf('II*\0'), bytes.lastIndexOf('II*\0') + 4);
      assert.ok(changed.equals(expected), format);
    }
  });
  test('a position that lies in such a block is not in a shard', () => {
    const bytes = jpegWith(exifSegment(selfPointingGps));
    assert.equal(withoutLocation(bytes).indexOf('II*\0'), -1);
  });
  test('no bytes make it throw, nor what takes positions', () => {
    const block = directory(40, (i) => [[0x8769, 0x8825, 0x927c, 0x110][i % 4]!, 4 + (i % 4), i * 3, 8 + 12 * i]);
    const bytes = jpegWith(exifSegment(block));
    const start = bytes.indexOf('II*\0');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(block.length - 1), fc.nat(255)), { maxLength: 60 }), (changes) => {
        const broken = Buffer.from(bytes);
        for (const [at, value] of changes) broken[start + at] = value;
        withoutCostlyMetadata(broken, 'jpg');
        assert.equal(withoutLocation(broken).length, bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('memory', () => {
  test('pictures wait until there is room, in their order', async () => {
    let inUse = 0;
    let most = 0;
    const started: number[] = [];
    const half = maxDecodeBytes / 2;
    await Promise.all(
      [half, half, maxDecodeBytes, 1, half, half + 1].map((byteLength, i) =>
        withDecodeMemory(byteLength, async () => {
          started.push(i);
          inUse += byteLength;
          most = Math.max(most, inUse);
          await new Promise((resolve) => setTimeout(resolve, 5));
          inUse -= byteLength;
          if (i === 1) throw new Error('broken');
        }).catch(() => {}),
      ),
    );
    assert.deepEqual(started, [0, 1, 2, 3, 4, 5]);
    assert.equal(most, maxDecodeBytes);
  });

  test('two interlaced PNG of 67 megapixels and 16 bits at once take what one takes', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lait-costly-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'interlaced.png');
    writeFileSync(file, await interlaced(8200));
    const one = (8200 * 8200 * 8) / 2 ** 20;
    const { mebibytes, reasons } = peak(file, 2);
    assert.deepEqual(reasons, ['decoded', 'decoded']);
    assert.ok(mebibytes > 0.8 * one && mebibytes < 1.4 * one, `${mebibytes} MiB, and ${one} for the pixels of one`);
  });

  test('a PNG of one pixel by 60 million is not decoded, one of 65,535 is', async () => {
    const line = async (height: number) => {
      const bytes = await sharp({ create: { width: 1, height: 8, channels: 3, background: 'gray' } })
        .png()
        .toBuffer();
      bytes.writeUInt32BE(height, bytes.indexOf('IHDR') + 8);
      bytes.writeInt32BE(
        crc32(bytes.subarray(bytes.indexOf('IHDR'), bytes.indexOf('IHDR') + 17)) | 0,
        bytes.indexOf('IHDR') + 17,
      );
      return decodeImage(bytes);
    };
    assert.deepEqual(await line(60_000_000), { reason: 'too-many-pixels' });
    assert.deepEqual(await line(65_536), { reason: 'too-many-pixels' });
    assert.deepEqual(await line(65_535), { reason: 'broken-image' });
  });

  test('an AVIF of 64 megapixels in 1 KB is not decoded', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lait-costly-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'grey.avif');
    const grey = { create: { width: 8000, height: 8000, channels: 3 as const, background: 'gray' } };
    writeFileSync(file, await sharp(grey).avif({ effort: 0, chromaSubsampling: '4:2:0' }).toBuffer());
    const { mebibytes, reasons } = peak(file, 2);
    assert.deepEqual(new Set(reasons), new Set(['too-many-pixels']));
    assert.ok(mebibytes < 100, `${mebibytes} MiB`);
  });
});

function peak(file: string, times: number): { readonly mebibytes: number; readonly reasons: readonly string[] } {
  const child = join(import.meta.dirname, 'decode-child.ts');
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', child, file, String(times)], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

/** A black PNG of 16 bits with alpha, Adam7 (PNG specification, §8.2). */
async function interlaced(sidePx: number): Promise<Buffer> {
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const;
  const rowsOf = (start: number, step: number): number => Math.ceil((sidePx - start) / step);
  let left = passes.reduce((sum, [x, y, dx, dy]) => sum + rowsOf(y, dy) * (1 + 8 * rowsOf(x, dx)), 0);
  const deflate = createDeflate({ level: 1 });
  const parts: Buffer[] = [];
  deflate.on('data', (part: Buffer) => parts.push(part));
  const block = Buffer.alloc(1_000_000);
  for (; left > 0; left -= block.length) {
    const more = deflate.write(block.subarray(0, Math.min(left, block.length)));
    if (!more) await new Promise((resolve) => deflate.once('drain', resolve));
  }
  deflate.end();
  await new Promise((resolve) => deflate.once('end', resolve));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(sidePx);
  header.writeUInt32BE(sidePx, 4);
  header.set([16, 6, 0, 0, 1], 8);
  return Buffer.concat([
    png.subarray(0, 8),
    chunk('IHDR', header),
    chunk('IDAT', Buffer.concat(parts)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
