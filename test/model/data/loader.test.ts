import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { PictureColumnWriter } from '../../../dataset/shards/picture-columns.ts';
import { imageHash } from '../../../dataset/shards/reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import type { BadExample } from '../../../model/data/example.ts';
import { type LoadedBatch, type LoaderOptions, openLoader, Plans, threadsFor } from '../../../model/data/loader.ts';
import { firstPosition, lengthBuckets } from '../../../model/data/sampler.ts';
import { type ExampleSource, memorySource, mixedSource, shardSource } from '../../../model/data/source.ts';
import { tokenizerOf } from '../../../model/data/tokenizer.ts';
import { regionFields } from '../../../model/regions/columns.ts';
import { batchSetup, config, smallExamples, vocabulary } from '../small-model.ts';
import { type SmallShards, writeSmallShards } from '../small-shards.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-loader-'));
after(() => rmSync(folder, { recursive: true }));

const writeShards = (name: string, count: number, seed: number): Promise<SmallShards> =>
  writeSmallShards(join(folder, name), { name, count, seed });

let one: SmallShards;
let other: SmallShards;
before(async () => {
  one = await writeShards('one', 40, 1);
  other = await writeShards('other', 20, 2);
});

const shardsOf = (paths: SmallShards, onBad?: (bad: BadExample) => void) =>
  shardSource(
    {
      ...paths,
      tokenizer: tokenizerOf(vocabulary),
      maxPieces: config.maxPieces,
      maxRegions: config.maxRegions,
      ...(onBad && { onBad }),
    },
    3,
  );

const loading: LoaderOptions = {
  sampler: { batchSize: 8, seed: 5, buckets: lengthBuckets(config), windowBatches: 2 },
  from: firstPosition,
  collation: { task: 'pretrain', ...batchSetup },
  featureStatistics: batchSetup.featureStatistics,
};

async function take(source: ExampleSource, count: number, own: Partial<LoaderOptions> = {}, threads = 1, pauseMs = 0) {
  const loader = openLoader(source, { ...loading, ...own }, { threads });
  try {
    const taken: LoadedBatch[] = [];
    while (taken.length < count) {
      if (pauseMs > 0) await setTimeout(pauseMs);
      taken.push(await loader.next());
    }
    return taken;
  } finally {
    await loader.close();
  }
}

test('threads make the batches that the training thread would, whenever they are asked for and however many they are', async () => {
  const sources = {
    shards: shardsOf(one),
    mixture: mixedSource([{ source: shardsOf(one), share: 2 }, { source: shardsOf(other), share: 1 }], 9), // biome-ignore format: one line
  };
  for (const [name, source] of Object.entries(sources)) {
    assert.ok(source.spec, name);
    const wanted = await take(source, 12, {}, 0);
    assert.ok((wanted.at(-1) as LoadedBatch).epoch > 0, 'more than an epoch');
    // From where a checkpoint was written, bit for bit.
    const from = (wanted[6] as LoadedBatch).next;
    for (const threads of [1, 2, 3]) {
      assert.deepEqual(await take(source, 12, {}, threads), wanted, `${name} by ${threads}`);
      assert.deepEqual(await take(source, 12, {}, threads, 20), wanted, `${name} by ${threads}, slowly`);
      assert.deepEqual(await take(source, 5, { from }, threads), wanted.slice(7), `${name} by ${threads}, resumed`);
    }
    await source.close();
  }
});

test('what cannot be kept is read by one thread: standard input would be divided, and a URL read by each', () => {
  const of = (shards: string | string[]) => shardsOf({ ...one, shards: shards as string }).spec!;
  assert.equal(threadsFor(of(one.shards), 4), 4);
  assert.equal(threadsFor(of('-'), 4), 1);
  assert.equal(threadsFor(of(['https://example.org/00000.tar', one.shards]), 4), 1);
  const parts = [of(one.shards), of('http://example.org/{0..3}.tar')].map((spec) => ({ spec, share: 1 }));
  assert.equal(threadsFor({ kind: 'mixture', parts, seed: 1 }, 4), 1);
});

test('threads that have planned differently end the run', () => {
  const plans = new Plans(8);
  const add = (from: number, digests: string) =>
    plans.add([...digests].map((digest, index) => ({ number: from + index, digest })));
  add(1, 'ab');
  add(1, 'abc');
  add(3, 'c');
  assert.throws(() => add(2, 'x'), { name: 'UserError', message: /they have changed while it read them/ });
});

test('a corpus that is in a stage twice is read like one that is there once more', async () => {
  const copy = await writeShards('copy', 40, 1);
  const texts = join(folder, 'texts');
  const twice = (second: SmallShards) => {
    const of = (paths: SmallShards) =>
      shardSource({ ...paths, texts, tokenizer: tokenizerOf(vocabulary), maxPieces: config.maxPieces, maxRegions: config.maxRegions }, 3); // biome-ignore format: one line
    return mixedSource([{ source: of(one), share: 1 }, { source: of(second), share: 1 }], 9); // biome-ignore format: one line
  };
  const keys = async (source: ExampleSource) => (await take(source, 8, {}, 3)).map((batch) => batch.keys.length);
  assert.deepEqual(await keys(twice(one)), await keys(twice(copy)));
  assert.deepEqual(readdirSync(texts).filter((name) => !name.endsWith('.json')), []); // biome-ignore format: one line
});

test('what lies in memory is batched where it lies', async () => {
  const source = memorySource(smallExamples(20), 1);
  assert.equal(source.spec, undefined);
  assert.equal((await take(source, 1))[0]?.keys.length, 8);
});

test('samples that are left out are told from the thread by key; no sample at all is an error of the operator', async () => {
  const torn = await writeShards('torn', 16, 3);
  const tar = new TarWriter(join(torn.shards, '00001.tar'));
  const columns = await PictureColumnWriter.open(torn.regions);
  for (const key of ['tornpair8', 'tornpair9'])
    tar.add(key, { jpg: Buffer.from(`new ${key}`), txt: Buffer.from('word1') });
  columns.add(imageHash(Buffer.from('new tornpair8')), regionFields({ ...smallExamples(1)[0]!.regions, features: new Float32Array(config.featureSize * 2).fill(Number.NaN) })); // biome-ignore format: one line
  await columns.close();
  tar.commit();
  const bad: string[] = [];
  await take(
    shardsOf(torn, ({ key, reason }) => bad.push(`${key} ${reason}`)),
    1,
  );
  assert.ok(bad.includes('tornpair9 no-features'), bad.join());
  assert.ok(
    bad.some((one) => one.startsWith('tornpair8 ')),
    bad.join(),
  );

  const empty = await writeShards('empty', 0, 3);
  await assert.rejects(take(shardsOf(empty), 1), { name: 'UserError', message: /Expected examples for training/ });
  await assert.rejects(take(shardsOf({ ...one, shards: join(folder, 'none') }), 1), { name: 'UserError' });
});
