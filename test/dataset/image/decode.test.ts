/** Images measured, and broken ones found: wherever a full decode fails, so does ours, which decodes at an eighth of the size. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../../dataset/image/decode.ts';
import { sniffFormat } from '../../../dataset/image/sniff.ts';
import { openChromium } from '../../helpers/chromium.ts';
import { picture } from '../../helpers/picture.ts';
import { startSite } from '../../helpers/site.ts';

const big = { width: 400, height: 300 };
const made = {
  jpeg: await picture(1, big),
  'progressive jpeg': await sharp(await picture(1, big))
    .jpeg({ progressive: true })
    .toBuffer(),
  'grey jpeg': await sharp(await picture(1, big))
    .grayscale()
    .jpeg()
    .toBuffer(),
  'turned jpeg': await sharp(await picture(2, big))
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95 })
    .toBuffer(),
  png: await picture(1, { ...big, format: 'png' }),
  'png with alpha': await sharp(await picture(1, big))
    .ensureAlpha(0.5)
    .png()
    .toBuffer(),
  webp: await picture(1, { ...big, format: 'webp' }),
  'lossless webp': await sharp(await picture(1, big))
    .webp({ lossless: true })
    .toBuffer(),
  gif: await picture(1, { ...big, format: 'gif' }),
};

/** Runs in the browser: the share of an image's pixels that it shows, 0 when it does not load. */
const opaqueShare = `async (url) => {
  const image = new Image();
  const loaded = await new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = url;
  });
  if (!loaded) return 0;
  const canvas = Object.assign(document.createElement('canvas'), { width: 40, height: 30 });
  const context = canvas.getContext('2d');
  try {
    context.drawImage(image, 0, 0, 40, 30);
  } catch {
    return 0;
  }
  const { data } = context.getImageData(0, 0, 40, 30);
  return data.filter((value, i) => i % 4 === 3 && value === 255).length / 1200;
}`;

const outcome = async (bytes: Buffer): Promise<string> => {
  const decoded = await decodeImage(bytes);
  return 'reason' in decoded
    ? decoded.reason
    : `${decoded.width}x${decoded.height}${decoded.damaged ? ' damaged' : ''}`;
};

/** Every pixel of the first frame. */
const fullDecode = (bytes: Buffer): Promise<boolean> =>
  sharp(bytes, { failOn: 'error' })
    .raw()
    .toBuffer()
    .then(
      () => true,
      () => false,
    );

describe('size as shown, format by the first bytes', () => {
  for (const [name, bytes] of Object.entries(made)) {
    test(name, async () => {
      assert.equal(await outcome(bytes), name.includes('turned') ? '300x400' : '400x300');
      assert.equal(
        sniffFormat(bytes),
        name.includes('jpeg') ? 'jpg' : name.split(' ').at(-1) === 'alpha' ? 'png' : name.split(' ').at(-1),
      );
    });
  }
  test('other bytes', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('<!doctype html>')])
      assert.equal(await outcome(bytes), 'not-an-image');
  });
  test('frames of an animation', async () => {
    const frames = await Promise.all([1, 2, 3].map((seed) => picture(seed)));
    const gif = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    const decoded = await decodeImage(gif);
    assert.equal('frames' in decoded && decoded.frames, 3);
  });
  test('too many pixels by the header alone', async () => {
    const bomb = Buffer.from(made.jpeg);
    const frame = bomb.findIndex((byte, at) => byte === 0xff && bomb[at + 1] === 0xc0);
    bomb.writeUInt16BE(9460, frame + 5);
    bomb.writeUInt16BE(9460, frame + 7);
    assert.equal(await outcome(bomb), 'too-many-pixels');
  });
});

test('the hash does not depend on how the file is turned, and little on its format', async () => {
  const phash = async (bytes: Buffer): Promise<string> => {
    const decoded = await decodeImage(bytes);
    return 'phash' in decoded ? decoded.phash : '';
  };
  const turned = await sharp(made.png).rotate(270).withMetadata({ orientation: 6 }).png().toBuffer();
  assert.equal(await phash(turned), await phash(made.png));
  const bits = [...BigInt(`0x${await phash(made.jpeg)}`).toString(2)];
  const other = [...BigInt(`0x${await phash(made.png)}`).toString(2)];
  assert.ok(bits.filter((bit, i) => bit !== other[i]).length <= 4);
});

/** A small generator, so that the same bits are turned in every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
}

describe('formats that are not read are named', () => {
  for (const { format, start } of [
    { format: 'heic', start: '\0\0\0\x18ftypheic\0\0\0\0mif1heic' },
    { format: 'heic', start: '\0\0\0\x18ftypmif1\0\0\0\0mif1heic' },
    { format: 'tiff', start: 'II*\0\x08\0\0\0\x0e\0\0\x01' },
    { format: 'tiff', start: 'MM\0*\0\0\0\x08\0\x0e\x01\0' },
    { format: 'bmp', start: 'BM\x36\x84\x03\0\0\0\0\0\x36\0\0\0' },
    { format: 'ico', start: '\0\0\x01\0\x02\0\x20\x20\0\0\x01\0' },
    { format: 'jxl', start: '\xff\x0a\x7a\x1f\x09\x08\x06\x01\0\0\0\0' },
    { format: 'jxl', start: '\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ' },
    { format: 'jp2', start: '\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ' },
    { format: 'svg', start: '<svg xmlns="http://www.w3.org/2000/svg"/>' },
    { format: 'svg', start: '<?xml version="1.0"?>\n<!-- x -->\n<svg width="1"/>' },
  ]) {
    test(`${format} as ${JSON.stringify(start.slice(0, 8))}`, async () =>
      assert.equal(await outcome(Buffer.from(start, 'latin1')), `unsupported-format-${format}`));
  }
});

describe('a damaged picture is one when Chromium shows most of it', () => {
  const crcOf = (chunk: string): Buffer => {
    const broken = Buffer.from(made.png);
    const at = broken.indexOf(chunk);
    const end = at + 4 + broken.readUInt32BE(at - 4);
    broken[end] = broken[end]! ^ 1;
    return broken;
  };
  const cut = (bytes: Buffer, share: number): Buffer => bytes.subarray(0, Math.floor(bytes.length * share));
  const damaged = '400x300 damaged';
  const cases: { name: string; bytes: Buffer; ours: string; chromium: 'shown' | 'partly' | 'not' }[] = [
    { name: 'JPEG without its last two bytes', bytes: made.jpeg.subarray(0, -2), ours: damaged, chromium: 'shown' },
    { name: 'JPEG, nine tenths', bytes: cut(made.jpeg, 0.9), ours: damaged, chromium: 'shown' },
    { name: 'JPEG, a third', bytes: cut(made.jpeg, 0.33), ours: 'broken-image', chromium: 'partly' },
    { name: 'progressive JPEG, half', bytes: cut(made['progressive jpeg'], 0.5), ours: damaged, chromium: 'shown' },
    { name: 'PNG with a wrong CRC in IEND', bytes: crcOf('IEND'), ours: '400x300', chromium: 'shown' },
    { name: 'PNG with a wrong CRC in pHYs', bytes: crcOf('pHYs'), ours: '400x300', chromium: 'shown' },
    { name: 'PNG with a wrong CRC in IHDR', bytes: crcOf('IHDR'), ours: damaged, chromium: 'not' },
    { name: 'PNG, nine tenths', bytes: cut(made.png, 0.9), ours: damaged, chromium: 'shown' },
    { name: 'PNG, a third', bytes: cut(made.png, 0.33), ours: 'broken-image', chromium: 'partly' },
    { name: 'GIF, nine tenths', bytes: cut(made.gif, 0.9), ours: damaged, chromium: 'shown' },
    { name: 'GIF without its end', bytes: made.gif.subarray(0, -1), ours: '400x300', chromium: 'shown' },
    { name: 'WebP, nine tenths', bytes: cut(made.webp, 0.9), ours: 'broken-image', chromium: 'not' },
    {
      name: 'JPEG and text behind it',
      bytes: Buffer.concat([made.jpeg, Buffer.from('<p>')]),
      ours: '400x300',
      chromium: 'shown',
    },
  ];
  for (const { name, bytes, ours } of cases) test(name, async () => assert.equal(await outcome(bytes), ours));

  test('Chromium', async (t) => {
    const chromium = await openChromium();
    if (chromium === null) return t.skip('there is no browser');
    const site = await startSite({ routes: Object.fromEntries(cases.map(({ bytes }, i) => [`/${i}`, bytes])) });
    t.after(() => Promise.all([site.close(), chromium.close()]));
    await chromium.page.goto(`${site.url}/none`);
    for (const [i, { name, chromium: expected }] of cases.entries()) {
      const share: number = await chromium.page.evaluate<number>(
        `(${opaqueShare})(${JSON.stringify(`${site.url}/${i}`)})`,
      );
      assert.equal(share > 0.8 ? 'shown' : share > 0 ? 'partly' : 'not', expected, `${name}: ${share}`);
    }
  });
});

describe('no file passes as whole that a full decode refuses', () => {
  for (const [name, bytes] of Object.entries(made)) {
    test(`${name}, cut off`, async () => {
      let refused = 0;
      for (let step = 1; step <= 24; step++) {
        const cut = bytes.subarray(0, step === 24 ? bytes.length - 12 : Math.floor((bytes.length * step) / 24));
        const [ours, full] = await Promise.all([outcome(cut), fullDecode(cut)]);
        if (!full) {
          refused += 1;
          assert.match(ours, /damaged$|^(?:broken-image|not-an-image|too-many-pixels)$/, `cut to ${cut.length}`);
        }
      }
      assert.ok(refused >= 22, `${refused} of 24 cuts`);
    });
    test(`${name}, bits turned`, async () => {
      const next = randomFrom(bytes.length);
      for (let turn = 0; turn < 32; turn++) {
        const broken = Buffer.from(bytes);
        const at = 12 + next(bytes.length - 12);
        broken[at] = broken[at]! ^ (1 << next(8));
        const [ours, full] = await Promise.all([outcome(broken), fullDecode(broken)]);
        if (!full) assert.match(ours, /damaged$|^(?:broken-image|too-many-pixels)$/, `bit of byte ${at}`);
      }
    });
  }
});
