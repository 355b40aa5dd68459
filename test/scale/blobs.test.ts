/** A folder and S3 are the same place of blobs. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { BlockCache } from '../../dataset/blobs/block-cache.ts';
import { blobChunks } from '../../dataset/blobs/chunks.ts';
import { openBlob, openBlobs, readBlob } from '../../dataset/blobs/open.ts';
import { isS3, lastPart, parentOf, parseS3, within } from '../../dataset/blobs/place.ts';
import { UserError } from '../../dataset/user-error.ts';
import { noS3Server, type S3Server, startS3 } from './s3-server.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lait-blobs-'));
let server: S3Server | undefined;
before(async () => {
  if (!noS3Server) server = await startS3();
});
after(async () => {
  await server?.close();
  rmSync(scratch, { recursive: true, force: true });
});

const keysOf = async (blobs: Blobs, prefix?: string): Promise<string[]> => {
  const keys = [];
  for await (const { key } of blobs.list(prefix)) keys.push(key);
  return keys;
};
const textOf = async (blobs: Blobs, key: string): Promise<string | undefined> =>
  (await readBlob(blobs, key, { maxBytes: 1000 }))?.toString();
const large = randomBytes(3 * (16 << 20) + 12_345);

const places = [
  { name: 'a folder', place: () => join(scratch, 'folder'), skip: false },
  { name: 'S3', place: () => 's3://birds/some/prefix', skip: noS3Server },
] as const;

for (const { name, place, skip } of places) {
  describe(name, { skip }, () => {
    test('gives what was put, and nothing of what was not', async () => {
      const blobs = await openBlobs(place());
      assert.equal(await blobs.facts('a/1.txt'), null);
      assert.equal(await blobs.open('a/1.txt'), null);
      assert.deepEqual(await keysOf(blobs), []);
      const put = await blobs.put('a/1.txt', Buffer.from('one'));
      assert.deepEqual(await blobs.facts('a/1.txt'), put);
      assert.deepEqual([put?.key, put?.byteLength], ['a/1.txt', 3]);
      assert.equal(await textOf(blobs, 'a/1.txt'), 'one');
      const other = await blobs.put('a/1.txt', Buffer.from('two'));
      assert.notEqual(other?.version, put?.version);
      assert.equal(await textOf(blobs, 'a/1.txt'), 'two');
      await blobs.put('empty', Buffer.alloc(0));
      assert.equal(await textOf(blobs, 'empty'), '');
      await assert.rejects(readBlob(blobs, 'a/1.txt', { maxBytes: 2 }), UserError);
    });

    test('lists by prefix, in the order of UTF-8, and removes', async () => {
      const blobs = await openBlobs(`${place()}/list`);
      const keys = ['a/b', 'a/ü 1', 'a-b', 'b', 'z/\u{ff5e}', 'z/\u{1f426}'];
      for (const key of [...keys].reverse()) await blobs.put(key, Buffer.from(key));
      assert.deepEqual(await keysOf(blobs), ['a-b', 'a/b', 'a/ü 1', 'b', 'z/\u{ff5e}', 'z/\u{1f426}']);
      assert.deepEqual(await keysOf(blobs, 'a/'), ['a/b', 'a/ü 1']);
      assert.equal(await textOf(blobs, 'a/ü 1'), 'a/ü 1');
      await blobs.remove(['a/b', 'not there', ...keys.slice(2)]);
      assert.deepEqual(await keysOf(blobs), ['a/ü 1']);
    });

    test('puts under a condition', async () => {
      const blobs = await openBlobs(`${place()}/condition`);
      const first = await blobs.put('once', Buffer.from('a'), { condition: { ifAbsent: true } });
      assert.ok(first);
      assert.equal(await blobs.put('once', Buffer.from('b'), { condition: { ifAbsent: true } }), null);
      assert.equal(await textOf(blobs, 'once'), 'a');
      const second = await blobs.put('once', Buffer.from('c'), { condition: { ifVersion: first.version } });
      assert.ok(second);
      assert.equal(await blobs.put('once', Buffer.from('d'), { condition: { ifVersion: first.version } }), null);
      assert.equal(await textOf(blobs, 'once'), 'c');
      await blobs.remove(['once']);
      assert.equal(await blobs.put('once', Buffer.from('e'), { condition: { ifVersion: second.version } }), null);
    });

    test('puts a large file, and reads ranges and chunks of it', async () => {
      const blobs = await openBlobs(place());
      const path = join(scratch, 'large');
      writeFileSync(path, large);
      const put = await blobs.putFile('large.tar', path);
      assert.deepEqual(await blobs.facts('large.tar'), put);
      const reader = await openBlob(within(place(), 'large.tar'));
      const range = async (offset: number, length: number) => (await reader.read(offset, length)).equals(large.subarray(offset, offset + length)); // biome-ignore format: one line
      for (const offset of [0, 1, 16_777_215, large.length - 5]) assert.ok(await range(offset, 100), String(offset));
      assert.equal((await reader.read(large.length, 5)).length, 0);
      const through = new BlockCache({ blockBytes: 1 << 20, maxBlocks: 4 }).through(reader);
      for (const [
        offset,
        length,
      ] of [[0, 10], [(1 << 20) - 5, 10], [3_000_000, 3_500_000], [large.length - 7, 100]] as const) // biome-ignore format: one line
        assert.ok((await through.read(offset, length)).equals(large.subarray(offset, offset + length)), `${offset}`);
      const chunks: Buffer[] = [];
      for await (const chunk of blobChunks(reader, { chunkBytes: 5 << 20 })) chunks.push(chunk);
      assert.ok(Buffer.concat(chunks).equals(large));
    });

    test('never mixes two versions in what a reader gives', async () => {
      const blobs = await openBlobs(`${place()}/versions`);
      await blobs.put('one', Buffer.from('first one'));
      const reader = (await blobs.open('one'))!;
      await blobs.put('one', Buffer.from('later one'));
      const read = await reader.read(0, 9).catch((error: unknown) => error);
      await reader.close();
      if (Buffer.isBuffer(read)) assert.equal(read.toString(), 'first one');
      else {
        assert.ok(read instanceof UserError);
        assert.match(read.message, /^Expected \S+\/versions\/one as it was when it was opened but it was written anew/);
        assert.equal(read.exitCode, 1);
      }
    });

    test('refuses keys that lead out', async () => {
      const blobs = await openBlobs(place());
      for (const key of ['../x', 'a/../../x', '/x', '', 'a//b', 'a/./b']) {
        await assert.rejects(blobs.put(key, Buffer.from('x')), UserError, key);
        await assert.rejects(blobs.open(key), UserError, key);
      }
    });
  });
}

test('a place is a folder or in S3', () => {
  assert.equal(within('s3://birds/a/', 'train', '1.tar'), 's3://birds/a/train/1.tar');
  assert.equal(within('/birds/a/', 'train'), '/birds/a/train');
  assert.deepEqual(['s3://birds/a/b/', 's3://birds/a', 's3://birds', '/a/b/'].map(parentOf), ['s3://birds/a', 's3://birds', 's3://birds', '/a']); // biome-ignore format: one line
  assert.deepEqual(['s3://birds/a/b/', '/a/b/'].map(lastPart), ['b', 'b']);
  assert.deepEqual(parseS3('s3://birds/a//b/'), { bucket: 'birds', prefix: 'a/b/' });
  assert.deepEqual(parseS3('s3://birds'), { bucket: 'birds', prefix: '' });
  assert.equal(isS3('S3://birds') && !isS3('s3:/birds') && !isS3('/s3://'), true);
  for (const place of ['s3://', 's3://a b/c', 's3://birds/../x', 's3:///x', 's3://birds/x?versionId=1'])
    assert.throws(() => parseS3(place), UserError, place);
  assert.throws(
    () => parseS3('s3://KEY:SECRET@birds/x'),
    (error: Error) => error instanceof UserError && !/KEY|SECRET/.test(error.message),
  );
});
