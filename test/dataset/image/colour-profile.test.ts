/** Names of colour profiles of both versions, and of anything else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { profileName } from '../../../dataset/image/colour-profile.ts';
import { picture } from '../../helpers/picture.ts';

/** A profile with one tag. */
function profile(name: string, tag: Buffer): Buffer {
  const head = Buffer.alloc(144);
  head.writeUInt32BE(1, 128);
  head.write(name, 132, 'latin1');
  head.writeUInt32BE(144, 136);
  head.writeUInt32BE(tag.length, 140);
  return Buffer.concat([head, tag]);
}

function ascii(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length + 1);
  return Buffer.concat([Buffer.from('desc\0\0\0\0'), length, Buffer.from(`${text}\0`), Buffer.alloc(70)]);
}

test('version 2', () => {
  assert.equal(profileName(profile('desc', ascii('sRGB IEC61966-2.1'))), 'sRGB IEC61966-2.1');
  const gamut = 'Display P3 Gamut with sRGB Transfer';
  assert.equal(profileName(profile('desc', ascii(gamut))), gamut);
});
test('version 4, of libvips', async () => {
  for (const [given, name] of [
    ['srgb', /^sRGB/],
    ['p3', /^(?!sRGB)./],
  ] as const) {
    const { icc } = await sharp(
      await sharp(await picture(1))
        .withIccProfile(given)
        .jpeg()
        .toBuffer(),
    ).metadata();
    assert.match(profileName(icc!), name);
  }
});
test('none, and no bytes make it throw', () => {
  assert.equal(profileName(Buffer.alloc(0)), '');
  assert.equal(profileName(profile('cprt', ascii('sRGB'))), '');
  const whole = profile(
    'desc',
    Buffer.concat([
      Buffer.from('mluc\0\0\0\0\0\0\0\x01\0\0\0\x0cenUS\0\0\0\x08\0\0\0\x1c'),
      Buffer.from('\0s\0R\0G\0B'),
    ]),
  );
  assert.equal(profileName(whole), 'sRGB');
  for (let length = 0; length < whole.length; length++) profileName(whole.subarray(0, length));
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, noise) => {
      const broken = Buffer.from(whole);
      broken.set(noise.subarray(0, broken.length - at), at);
      profileName(broken);
    }),
    { numRuns: 1000 },
  );
});
