/**
 * JPEGs by libjpeg-turbo: the same pixels and hashes as by sharp, only of files that sharp finds whole, and everything without it, too. The
 * tests that need the library are left out where there is none for the machine.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import sharp, { type JpegOptions, type Sharp } from 'sharp';
import { decodeForSize, decodeImage } from '../../../dataset/image/decode.ts';
import { hashShrink, hashSquare } from '../../../dataset/image/hash-square.ts';
import { perceptualHash } from '../../../dataset/image/phash.ts';
import { decodePlainJpeg, shrinkTo, sizeOfShorter, withPlainPlanes } from '../../../dataset/image/plain-jpeg.ts';
import { resizePlanes } from '../../../dataset/image/planes.ts';
import { squarePixels } from '../../../dataset/image/square-pixels.ts';
import { openTurboJpeg, turboJpeg } from '../../../dataset/image/turbo-jpeg.ts';
import { decodePixels } from '../../../filters/image/pixels.ts';

const needed = { skip: turboJpeg() === null ? 'libjpeg-turbo is not installed for this machine' : false };

/** A picture with edges, colours and some noise, as a JPEG. */
async function jpeg(
  width: number,
  height: number,
  options: JpegOptions = {},
  change = (image: Sharp) => image,
): Promise<Buffer> {
  const noise = sharp({
    create: {
      width: 24,
      height: 18,
      channels: 3,
      background: 'gray',
      noise: { type: 'gaussian', mean: 128, sigma: 70 },
    },
  });
  const image = sharp(await noise.png().toBuffer()).resize(width, height, { fit: 'fill', kernel: 'cubic' });
  return change(image)
    .jpeg({ quality: 90, ...options })
    .toBuffer();
}

const bitsBetween = (a: string, b: string): number =>
  [...(BigInt(`0x${a}`) ^ BigInt(`0x${b}`)).toString(2)].filter((bit) => bit === '1').length;

const squareOfSharp = (bytes: Buffer): Promise<Buffer> =>
  sharp(bytes).resize(32, 32, { fit: 'fill' }).grayscale().toColourspace('b-w').raw().toBuffer();

const kinds: Readonly<Record<string, (width: number, height: number) => Promise<Buffer>>> = {
  baseline: (width, height) => jpeg(width, height),
  'progressive, 4:4:4': (width, height) => jpeg(width, height, { progressive: true, chromaSubsampling: '4:4:4' }),
  grey: (width, height) => jpeg(width, height, {}, (image) => image.grayscale().toColourspace('b-w')),
  'with a profile of sRGB': (width, height) => jpeg(width, height, {}, (image) => image.withIccProfile('srgb')),
};

describe('the square of a hash is as sharp makes it', needed, () => {
  const sizes = [
    [32, 32],
    [33, 47],
    [64, 64],
    [99, 100],
    [224, 224],
    [287, 300],
    [433, 433],
    [512, 341],
    [512, 166],
    [1031, 773],
    [2400, 333],
    [1999, 2501],
  ] as const;
  for (const [width, height] of sizes) {
    for (const [name, make] of Object.entries(kinds)) {
      test(`${width} × ${height}, ${name}`, async () => {
        const bytes = await make(width, height);
        const plain = await decodePlainJpeg(bytes, hashShrink);
        assert.ok(plain !== null);
        const [ours, theirs] = [hashSquare(plain.raster, plain.header), await squareOfSharp(bytes)];
        const most = Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!)));
        assert.ok(most <= 3, `${most} of 255 levels`);
        assert.ok(bitsBetween(perceptualHash(ours), perceptualHash(theirs)) <= 2);
      });
    }
  }
});

describe('pixels made smaller are as sharp makes them', needed, () => {
  const levels = (ours: Uint8Array, theirs: Uint8Array): { readonly mean: number; readonly most: number } => {
    assert.equal(ours.length, theirs.length);
    const off = Array.from(ours, (value, i) => Math.abs(value - theirs[i]!));
    return { mean: off.reduce((sum, one) => sum + one, 0) / off.length, most: Math.max(...off) };
  };
  for (const [width, height] of [
    [512, 384],
    [341, 700],
    [1200, 1201],
  ] as const) {
    test(`${width} × ${height}`, async () => {
      const bytes = await jpeg(width, height);
      const square = await squarePixels(bytes, 160);
      const bilinear = { fit: 'fill', kernel: 'linear' } as const;
      const squareOff = levels(square!, await sharp(bytes).resize(160, 160, bilinear).raw().toBuffer());
      assert.ok(squareOff.mean < 1 && squareOff.most <= 16, JSON.stringify(squareOff));
      const small = await decodePixels(bytes);
      const inside = sharp(bytes).resize(256, 256, { fit: 'inside' }).greyscale().raw();
      const { data, info } = await inside.toBuffer({ resolveWithObject: true });
      assert.deepEqual([small!.width, small!.height], [info.width, info.height]);
      const greyOff = levels(small!.grey, data);
      assert.ok(greyOff.mean < 1 && greyOff.most <= 16, JSON.stringify(greyOff));
    });
  }
});

test('the pixels are libvips’ own', needed, async () => {
  for (const options of [{}, { progressive: true }, { chromaSubsampling: '4:4:4' }]) {
    const bytes = await jpeg(301, 203, options);
    const { raster } = (await decodePlainJpeg(bytes, () => 1))!;
    const theirs = await sharp(bytes).ensureAlpha().raw().toBuffer();
    assert.deepEqual([raster.width, raster.height], [301, 203]);
    for (let i = 0; i < theirs.length; i++) if (i % 4 !== 3) assert.equal(raster.pixels[i], theirs[i], `byte ${i}`);
  }
});

describe('which files it decodes', needed, async () => {
  const bytes = await jpeg(120, 90);
  const frame = bytes.findIndex((byte, at) => byte === 0xff && bytes[at + 1] === 0xc0);
  const withByte = (at: number, value: number): Buffer => {
    const changed = Buffer.from(bytes);
    changed[at] = value;
    return changed;
  };
  const cases: Record<string, readonly [Buffer, boolean]> = {
    usual: [bytes, true],
    'with bytes behind its end': [Buffer.concat([bytes, Buffer.from('<p>')]), true],
    turned: [await sharp(bytes).withMetadata({ orientation: 6 }).jpeg().toBuffer(), false],
    'of another colour space': [await sharp(bytes).withIccProfile('p3').jpeg().toBuffer(), false],
    CMYK: [await sharp(bytes).toColourspace('cmyk').jpeg().toBuffer(), false],
    PNG: [await sharp(bytes).png().toBuffer(), false],
    'without its end': [bytes.subarray(0, -2), false],
    half: [bytes.subarray(0, bytes.length / 2), false],
    'with the mark of arithmetic coding': [withByte(frame + 1, 0xc9), false],
    lossless: [withByte(frame + 1, 0xc3), false],
    'of 12 bits': [withByte(frame + 4, 12), false],
    'of 4 gigapixels': [Buffer.from(bytes).fill(0xff, frame + 5, frame + 9), false],
    'with a second frame header': [
      Buffer.concat([
        bytes.subarray(0, frame),
        bytes.subarray(frame, frame + 19),
        withByte(frame + 6, 255).subarray(frame),
      ]),
      false,
    ],
    empty: [Buffer.alloc(0), false],
  };
  for (const [name, [file, isDecoded]] of Object.entries(cases)) {
    test(name, async () => assert.equal((await decodePlainJpeg(file, () => 1)) !== null, isDecoded));
  }
  test('none that sharp finds broken, whatever bytes are wrong', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.uint8Array({ minLength: 1, maxLength: 12 }), async (at, noise) => {
        const broken = Buffer.from(bytes);
        broken.set(noise.subarray(0, broken.length - at), at);
        const plain = await decodePlainJpeg(broken, () => 2);
        const ofPlanes = await withPlainPlanes(
          broken,
          () => 2,
          ({ header }) => header,
        );
        assert.deepEqual(ofPlanes, plain?.header ?? null);
        if (plain === null) return;
        const { info } = await sharp(broken, { failOn: 'error' }).raw().toBuffer({ resolveWithObject: true });
        assert.deepEqual([plain.header.width, plain.header.height], [info.width, info.height]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('one decode serves the hash and a smaller picture', needed, () => {
  for (const [width, height, size] of [
    [512, 384, [341, 256]],
    [600, 1030, [256, 439]],
    [2100, 2100, [256, 256]],
    [301, 1203, [256, 1023]],
    [256, 400, null], // no larger: only the hash
  ] as const) {
    for (const [name, make] of Object.entries(kinds)) {
      test(`${width} × ${height}, ${name}`, async () => {
        const bytes = await make(width, height);
        const found = await decodeForSize(bytes, 256);
        assert.ok(!('reason' in found));
        assert.deepEqual(found.small && [found.small.planes.width, found.small.planes.height], size);
        const alone = await decodeImage(bytes);
        assert.ok(!('reason' in alone));
        assert.ok(bitsBetween(found.decoded.phash, alone.phash) <= 2);
        assert.deepEqual({ ...found.decoded, phash: '' }, { ...alone, phash: '' });
      });
    }
  }
  test('what is turned is sharp’s', async () => {
    const picture = sharp(await jpeg(512, 384)).withMetadata({ orientation: 6 });
    const found = await decodeForSize(await picture.jpeg().toBuffer(), 256);
    assert.ok(!('reason' in found) && found.small === null && found.decoded.width === 384);
  });
  test('colours of red, green and blue are sharp’s, and measured by the library', async () => {
    const bytes = await sharp(await jpeg(512, 384))
      .jpeg({ chromaSubsampling: '4:4:4' })
      .toBuffer();
    // Adobe's segment (APP14) with transform 0: the components are red, green and blue.
    const adobe = Buffer.from('ffee000e41646f626500640000000000', 'hex');
    const found = await decodeForSize(Buffer.concat([bytes.subarray(0, 2), adobe, bytes.subarray(2)]), 256);
    assert.ok(!('reason' in found) && found.small === null && !found.decoded.damaged);
  });
});

describe('planes made smaller and encoded are the picture, 4:2:0, without a copy of anything else', needed, () => {
  const samplings: Readonly<Record<string, JpegOptions>> = {
    '4:2:0': {},
    '4:4:4': { chromaSubsampling: '4:4:4' },
    progressive: { progressive: true },
  };
  for (const [from, to] of [
    [
      [512, 384],
      [341, 256],
    ],
    [
      [301, 203],
      [123, 77],
    ],
    [
      [123, 77],
      [123, 77],
    ],
  ] as const) {
    for (const [name, options] of Object.entries(samplings)) {
      test(`${from.join(' × ')} to ${to.join(' × ')}, ${name}`, async () => {
        const bytes = await jpeg(from[0], from[1], options);
        const size = { width: to[0], height: to[1] };
        const planes = await withPlainPlanes(
          bytes,
          () => 1,
          (plain) => resizePlanes(plain.planes, size),
        );
        assert.ok(planes !== null);
        const made = await turboJpeg()!.encode(planes, 95);
        const { format, width, height, chromaSubsampling, isProgressive } = await sharp(made).metadata();
        assert.deepEqual([format, width, height, chromaSubsampling, isProgressive], ['jpeg', ...to, '4:2:0', false]);
        const pixels = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
        const whole = sharp(pixels.data, { raw: { width: from[0], height: from[1], channels: 3 } });
        const wanted = await whole
          .resize({ ...size, fit: 'fill' })
          .raw()
          .toBuffer();
        const raw = { ...size, channels: 3 } as const;
        const off = async (jpegFile: Buffer): Promise<number> => {
          const shown = await sharp(jpegFile, { failOn: 'warning' }).raw().toBuffer();
          return shown.reduce((sum, value, i) => sum + (value - wanted[i]!) ** 2, 0) / shown.length;
        };
        const [ours, theirs] = [
          await off(made),
          await off(await sharp(wanted, { raw }).jpeg({ quality: 95 }).toBuffer()),
        ];
        assert.ok(ours <= 1.1 * theirs, `squares of ${ours} beside ${theirs}`);
      });
    }
  }
  test('grey stays grey', async () => {
    const bytes = await kinds.grey!(300, 200);
    const planes = await withPlainPlanes(
      bytes,
      () => 1,
      (plain) => resizePlanes(plain.planes, { width: 150, height: 100 }),
    );
    const { data, info } = await sharp(await turboJpeg()!.encode(planes!, 95))
      .raw()
      .toBuffer({ resolveWithObject: true });
    assert.equal(info.channels, 3);
    for (let i = 0; i < data.length; i += 3) assert.ok(data[i] === data[i + 1] && data[i] === data[i + 2]);
  });
});

test('sizes', () => {
  assert.deepEqual(sizeOfShorter({ width: 512, height: 384 }, 256), { width: 341, height: 256 });
  assert.deepEqual(sizeOfShorter({ width: 300, height: 1001 }, 256), { width: 256, height: 854 });
  assert.deepEqual(
    [1, 2, 4, 8].map((times) => shrinkTo({ width: 300 * times, height: 200 * times + 7 }, { width: 300, height: 200 })),
    [1, 2, 4, 8],
  );
});

test('where the library is missing or no library, there is none', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-turbo-'));
  t.after(() => rmSync(folder, { recursive: true }));
  assert.equal(openTurboJpeg(folder), null);
  const prebuilt = join(folder, 'prebuilds', `jpeg-turbo-${process.platform}-${process.arch}`);
  mkdirSync(prebuilt, { recursive: true });
  writeFileSync(join(prebuilt, 'libturbojpeg.so.0'), 'no library');
  assert.equal(openTurboJpeg(folder), null);
});

test('without the library sharp measures the same', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-turbo-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const hide = join(folder, 'hide.cjs');
  writeFileSync(
    hide,
    `const Module = require('node:module');
    const resolve = Module._resolveFilename;
    Module._resolveFilename = function (name, ...rest) {
      if (name.startsWith('@julusian/') || name === 'koffi') throw Object.assign(new Error(name), { code: 'MODULE_NOT_FOUND' });
      return resolve.call(this, name, ...rest);
    };`,
  );
  const file = join(folder, 'picture.jpg');
  const bytes = await jpeg(640, 480);
  writeFileSync(file, bytes);
  const child = join(import.meta.dirname, 'without-turbo-child.ts');
  const printed = execFileSync(process.execPath, ['--require', hide, '--import', 'tsx', child, file], {
    encoding: 'utf8',
  });
  const { isThere, found } = JSON.parse(printed);
  const ours = await decodeImage(bytes);
  assert.ok(!('reason' in ours));
  assert.equal(isThere, false);
  assert.deepEqual({ ...found.decoded, phash: '' }, { ...ours, phash: '' });
  assert.equal(found.small, null);
  assert.ok(bitsBetween(found.decoded.phash, ours.phash) <= 2);
});
