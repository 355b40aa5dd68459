/** Images measured, and broken ones found: wherever a full decode fails, so does ours, which decodes at an eighth of the size. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { decodeImage, sniffFormat } from '../../../crawler/fetch/decode.ts';
import { picture } from '../../helpers/picture.ts';

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

const outcome = async (bytes: Buffer): Promise<string> => {
  const decoded = await decodeImage(bytes);
  return 'reason' in decoded ? decoded.reason : `${decoded.width}x${decoded.height}`;
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
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      Buffer.from('<!doctype html>'),
    ])
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

describe('no file passes that a full decode refuses', () => {
  for (const [name, bytes] of Object.entries(made)) {
    test(`${name}, cut off`, async () => {
      let refused = 0;
      for (let step = 1; step <= 24; step++) {
        const cut = bytes.subarray(0, step === 24 ? bytes.length - 12 : Math.floor((bytes.length * step) / 24));
        const [ours, full] = await Promise.all([outcome(cut), fullDecode(cut)]);
        if (!full) {
          refused += 1;
          assert.match(ours, /^(?:broken-image|not-an-image|too-many-pixels)$/, `cut to ${cut.length}`);
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
        if (!full) assert.match(ours, /^(?:broken-image|too-many-pixels)$/, `bit of byte ${at}`);
      }
    });
  }
});
