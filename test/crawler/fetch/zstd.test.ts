/** Bodies in Zstandard: whole, cut, of several frames, and larger than they may be. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { compress } from '@bokuweb/zstd-wasm';
import { decodeBody } from '../../../crawler/fetch/content-encoding.ts';
import { zstdReady } from '../../../crawler/fetch/zstd.ts';

const text = Buffer.from(Array.from({ length: 40_000 }, (_, n) => `line ${(n * 7919) % 104_729}\n`).join(''));
const maxBytes = 1_000_000;
const decode = (body: Buffer, limit = maxBytes): Promise<Buffer> => decodeBody(body, 'zstd', limit);
let frame: Buffer;
before(async () => {
  await zstdReady();
  frame = Buffer.from(compress(text));
});

/** A frame of one block (RFC 8878 §3.1.1.2.2) that repeats a byte `count` times; its header names this window. */
const repeated = (count: number, windowLog: number): Buffer => {
  const block = Buffer.alloc(4, 'x');
  block.writeUIntLE(1 | (1 << 1) | (count << 3), 0, 3);
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]), block]);
};

describe('zstd', () => {
  test('a frame, frames in a row, and frames that are passed over', async () => {
    const passedOver = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    assert.deepEqual(await decode(frame), text);
    assert.deepEqual(await decode(Buffer.concat([passedOver, frame, passedOver, frame])), Buffer.concat([text, text]));
    assert.equal((await decode(repeated(5, 10))).toString(), 'xxxxx');
  });
  test('what follows the last frame is left out', async () => {
    assert.deepEqual(await decode(Buffer.concat([frame, Buffer.from('and more')])), text);
  });
  test('a body that is cut gives its whole blocks', async () => {
    const part = await decode(frame.subarray(0, -10));
    assert.ok(part.length > 0 && part.length % 131_072 === 0 && text.subarray(0, part.length).equals(part));
    assert.deepEqual(await decode(Buffer.concat([frame, frame.subarray(0, -10)])), Buffer.concat([text, part]));
    assert.deepEqual(await decode(frame.subarray(0, 20)), Buffer.alloc(0));
  });
  test('a limit of bytes', async () => {
    const tooLarge = { code: 'ERR_BUFFER_TOO_LARGE' };
    assert.deepEqual(await decode(frame, text.length), text);
    await assert.rejects(decode(frame, text.length - 1), tooLarge);
    await assert.rejects(decode(Buffer.concat([frame, frame]), text.length * 2 - 1), tooLarge);
    await assert.rejects(decode(repeated(100_001, 20), 100_000), tooLarge);
    assert.equal((await decode(repeated(100_000, 20), 100_000)).length, 100_000);
  });
  test('frames without end', async () => {
    const empty = Buffer.from('28b52ffd2000010000', 'hex');
    const passedOver = Buffer.from('502a4d1800000000', 'hex');
    assert.deepEqual(
      await decode(Buffer.concat([...Array(10_000).fill(empty), repeated(5, 10)])),
      Buffer.from('xxxxx'),
    );
    for (const one of [empty, passedOver])
      await assert.rejects(decode(Buffer.concat(Array(20_001).fill(one))), /more than 20000 frames/);
  });
  test('more memory than browsers give, a dictionary, damage, and what is no frame', async () => {
    assert.equal((await decode(repeated(5, 23))).length, 5);
    await assert.rejects(decode(repeated(5, 24)), /window larger than 8 MiB/);
    await assert.rejects(decode(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 0, 7, 1, 0, 0])), /dictionary/);
    await assert.rejects(decode(Buffer.concat([frame.subarray(0, 9), Buffer.alloc(200, 0xff)])));
    await assert.rejects(decode(Buffer.from('<p>Not compressed at all</p>')), /not a zstd frame/);
  });
});
