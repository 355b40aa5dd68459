/** An import is seen when it is whole: one that fails or is killed leaves the shards as they were, and what was crawled is never mixed in. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import sharp from 'sharp';
import { exportShards } from '../../../dataset/export/export.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { importDataset } from '../../../dataset/import/import.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { readManifest } from '../../../dataset/shards/manifest.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-staging-'));
after(() => rmSync(root, { recursive: true, force: true }));
const pictures: Buffer[] = [];
before(async () => {
  for (let i = 0; i < 40; i++) {
    const create = { width: 40, height: 30, channels: 3 as const, background: { r: i * 6, g: 90, b: 60 } };
    pictures.push(await sharp({ create }).jpeg().toBuffer());
  }
});

const shard = (name: string, numbers: readonly number[]) => {
  const path = join(root, name);
  const tar = new TarWriter(path);
  for (const i of numbers) {
    const json = JSON.stringify({ url: `https://a.example/${i}.jpg`, caption: `Text ${i}`, label: i });
    tar.add(`k${i}`, { jpg: pictures[i]!, json: Buffer.from(json) });
  }
  tar.commit();
  return path;
};
const bring = (outDir: string, paths: string, more: Parameters<typeof importDataset>[1] | object = {}) =>
  importDataset({ from: 'webdataset', paths }, { outDir, samplesPerShard: 2, ...more });

/** Every file with its hash. */
const state = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path.slice(folder.length)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`);
const urlsIn = async (outDir: string, split: string) => {
  const tables = readdirSync(join(outDir, split))
    .filter((name) => name.endsWith('.parquet'))
    .sort();
  const rows = await Promise.all(tables.map((name) => readParquet(join(outDir, split, name))));
  return rows.flat().map(({ url, label }) => [Number(/\d+/.exec(url as string)![0]), label]);
};

test('an import that fails leaves everything as it was, and nothing beside it', async () => {
  const folder = join(root, 'failing');
  const outDir = join(folder, 'shards');
  await bring(outDir, shard('first.tar', [0, 1, 2]));
  const before = state(outDir);
  const broken = join(root, 'broken.parquet');
  writeFileSync(broken, 'no parquet');
  writeFileSync(join(root, 'empty.tar'), Buffer.alloc(1024));
  const source = { from: 'parquet', paths: [broken] } as const;
  await assert.rejects(importDataset(source, { outDir }), /Expected a parquet file for import/);
  await assert.rejects(bring(outDir, join(root, 'empty.tar')), /at least one image with a text/);
  await assert.rejects(
    bring(outDir, shard('second.tar', [3])),
    /Expected a split that is not there yet for import but received train, which first\.tar has made; --merge/,
  );
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error('stopped'));
  const options = { onProgress, signal: stop.signal };
  await assert.rejects(
    importDataset({ from: 'webdataset', paths: shard('test.tar', [4, 5, 6]) }, { outDir }, options),
    /stopped/,
  );
  assert.deepEqual([state(outDir), readdirSync(folder)], [before, ['shards']]);
  // Where there was nothing, there is nothing.
  await assert.rejects(importDataset(source, { outDir: join(folder, 'new') }), /Expected a parquet file for import/);
  assert.deepEqual(readdirSync(folder), ['shards']);
});

test('splits of several files live together; the same import again changes nothing; --merge adds shards', async () => {
  const corpusDir = join(root, 'growing');
  const outDir = join(corpusDir, 'shards');
  const train = shard('train.tar', [0, 1, 2]);
  await bring(outDir, train);
  const alone = state(outDir);
  const second = await bring(outDir, shard('val.tar', [3]));
  assert.deepEqual(second.beside, { train: 3 });
  const both = state(outDir);
  for (const line of alone.filter((one) => one.startsWith('/train/'))) assert.ok(both.includes(line), line);
  assert.deepEqual(readManifest(outDir).samples, { train: 3, validation: 1 });
  assert.match(readFileSync(join(outDir, 'README.md'), 'utf8'), /split: train\n.*\n {6}- split: validation\n/);
  await bring(outDir, train);
  assert.deepEqual(new Set(state(outDir)).size, both.length);
  assert.deepEqual(
    state(outDir).filter((line) => /\/\d+/.test(line)),
    both.filter((line) => /\/\d+/.test(line)),
  );
  assert.deepEqual((await verify({ shardsDir: outDir })).faults, []);

  await bring(outDir, shard('more.tar', [4, 5, 6]), { merge: true });
  assert.deepEqual(readManifest(outDir).samples, { train: 6, validation: 1 });
  assert.deepEqual(
    await urlsIn(outDir, 'train'),
    [0, 1, 2, 4, 5, 6].map((i) => [i, i]),
  );
  // The first one again, with fewer samples a shard: its own shards are replaced, those of others stay.
  await bring(outDir, train, { samplesPerShard: 1, merge: true });
  assert.deepEqual((await urlsIn(outDir, 'train')).map(([i]) => i).sort(), [0, 1, 2, 4, 5, 6]);
  assert.deepEqual((await verify({ shardsDir: outDir })).faults, []);

  // A takedown rewrites one shard, and keeps the columns that only this source has.
  Ledger.open(corpusDir).close();
  await takedown({ corpusDir, sha256s: [createHash('sha256').update(pictures[4]!).digest('hex')] });
  assert.deepEqual(
    (await urlsIn(outDir, 'train')).sort(),
    [0, 1, 2, 5, 6].map((i) => [i, i]),
  );
  assert.deepEqual((await verify({ shardsDir: outDir })).faults, []);
});

test('what was crawled and what was imported never mix', async () => {
  const corpusDir = join(root, 'crawled');
  await writeSmallCorpus(corpusDir, { images: 4 });
  await exportShards({ corpusDir });
  const outDir = join(corpusDir, 'shards');
  const before = state(outDir);
  const source = shard('others.tar', [0]);
  for (const merge of [false, true]) {
    await assert.rejects(
      bring(outDir, source, { merge }),
      /received shards of what was crawled here; import into another corpus/,
    );
  }
  assert.deepEqual(state(outDir), before);
  const imported = join(root, 'imported');
  await bring(imported, source);
  await assert.rejects(
    exportShards({ corpusDir, outDir: imported }),
    /received shards of an import; name another with --out/,
  );
  rmSync(join(imported, 'manifest.json'));
  await assert.rejects(bring(imported, source), /files without a manifest/);
});

test('a kill at any moment loses nothing, and the same command again ends with the same bytes', async () => {
  const earlier = shard('earlier-val.tar', [0, 1, 2]);
  const source = shard(
    'killed.tar',
    Array.from({ length: 37 }, (_, i) => i + 3),
  );
  const wanted = join(root, 'unkilled');
  await bring(wanted, earlier);
  const old = state(wanted);
  await bring(wanted, source);
  const outDir = join(root, 'killed');
  await bring(outDir, earlier);
  const script = join(import.meta.dirname, 'import-runner.ts');
  let kills = 0;
  for (const delayMs of [0, 3, 8, 20, 45, 90]) {
    const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', script, source, outDir], { stdio: ['ignore', 'pipe', 'inherit'] }); // biome-ignore format: one row
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout!, 'data'), exited]);
    await wait(delayMs);
    if (child.exitCode === null && child.kill('SIGKILL')) kills += 1;
    await exited;
    // The shards that were there are there, whatever has come beside them.
    const now = state(outDir);
    assert.ok(now.some((line) => line.startsWith('/manifest.json ')));
    for (const line of old.filter((one) => one.startsWith('/validation/0'))) assert.ok(now.includes(line), line);
  }
  assert.ok(kills > 0);
  await bring(outDir, source);
  assert.deepEqual(state(outDir), state(wanted));
  assert.equal(existsSync(join(outDir, '.next')), false);
});
