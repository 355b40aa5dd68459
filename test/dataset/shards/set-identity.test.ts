import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportShards } from '../../../dataset/export/export.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { compareSets, readSetIdentity } from '../../../dataset/shards/set-identity.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-set-identity-'));
after(() => rmSync(root, { recursive: true, force: true }));
const corpus = join(root, 'corpus');
const shards = join(corpus, 'shards');
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
before(async () => {
  await writeSmallCorpus(corpus, { images: 30, failed: 2 });
  await exportShards({ corpusDir: corpus, samplesPerShard: 10, validationFraction: 0.2, encode: 'jpeg', quality: 40 });
});

test('a set is the SHA-256 of each shard, and of the lines that sha256sum would print', async () => {
  const { shards: found, sha256: whole } = await readSetIdentity(shards);
  const paths = [...found.keys()];
  assert.ok(paths.length >= 3);
  assert.deepEqual(
    [...found],
    paths.map((path) => [path, sha256(join(shards, path))]),
  );
  const lines = paths.map((path) => `${sha256(join(shards, path))}  ${path}\n`).join('');
  assert.equal(whole, createHash('sha256').update(lines).digest('hex'));
});

test('one split of it has the same shards, by their names in the split', async () => {
  const whole = (await readSetIdentity(shards)).shards;
  const train = (await readSetIdentity(join(shards, 'train'))).shards;
  assert.deepEqual(
    [...train],
    [...whole].filter(([path]) => path.startsWith('train/')).map(([path, hash]) => [path.slice('train/'.length), hash]),
  );
});

test('without a manifest a set has an identity too, which changes with its bytes and never equals a whole file’s', async () => {
  const bare = join(root, 'bare');
  cpSync(shards, bare, { recursive: true });
  rmSync(join(bare, 'manifest.json'));
  const { version, shards: found } = await readSetIdentity(bare);
  assert.equal(version, null);
  for (const hash of found.values()) assert.match(hash, /^sampled-[0-9a-f]{64}$/);
  assert.deepEqual((await readSetIdentity(bare)).shards, found);
  const path = join(bare, 'train/00000.tar');
  const bytes = readFileSync(path);
  bytes[600] = bytes[600]! ^ 1;
  writeFileSync(path, bytes);
  const changes = { added: [], removed: [], changed: ['train/00000.tar'] };
  assert.deepEqual(compareSets(found, (await readSetIdentity(bare)).shards), changes);
});

test('a shard that is not as long as its manifest says is not trusted by its name, nor is one that no manifest knows', async () => {
  const other = join(root, 'other');
  cpSync(shards, other, { recursive: true });
  const before = (await readSetIdentity(other)).shards;
  writeFileSync(join(other, 'train/00000.tar'), Buffer.alloc(10_240));
  writeFileSync(join(other, 'train/00077.tar'), Buffer.alloc(10_240));
  const now = (await readSetIdentity(other)).shards;
  const changes = { added: ['train/00077.tar'], removed: [], changed: ['train/00000.tar'] };
  assert.deepEqual(compareSets(before, now), changes);
  assert.equal(now.get('train/00000.tar'), now.get('train/00077.tar'));
});

test('no shards, no identity', async () => {
  mkdirSync(join(root, 'empty'));
  await assert.rejects(readSetIdentity(join(root, 'empty')), UserError);
  await assert.rejects(readSetIdentity(join(root, 'nowhere')), UserError);
});

test('image_sha256 is of the image in the shard, sha256 of the file that was downloaded', async () => {
  let encodedAnew = 0;
  for await (const { fields } of readShards({ paths: join(shards, 'train') })) {
    const { image_sha256, sha256: original } = JSON.parse(fields.json!.toString());
    assert.equal(image_sha256, createHash('sha256').update(fields.jpg!).digest('hex'));
    if (image_sha256 !== original) encodedAnew += 1;
  }
  assert.ok(encodedAnew > 0);
  const rows = await readParquet(join(shards, 'train/00000.parquet'), ['status', 'image_sha256']);
  for (const { status, image_sha256 } of rows) assert.equal(status === 'success', typeof image_sha256 === 'string');
});
