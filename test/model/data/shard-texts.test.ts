import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { expandShardPaths } from '../../../dataset/shards/paths.ts';
import { PictureColumns, PictureColumnWriter } from '../../../dataset/shards/picture-columns.ts';
import { imageHash } from '../../../dataset/shards/reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { type BadExample, readExamples } from '../../../model/data/example.ts';
import { claimsOn, openShardTexts } from '../../../model/data/shard-texts.ts';
import { shardSource } from '../../../model/data/source.ts';
import { type Tokenizer, tokenizerOf } from '../../../model/data/tokenizer.ts';
import { encodeNpy } from '../../../model/formats/npy.ts';
import { readColumnsManifest, regionFields } from '../../../model/regions/columns.ts';
import { config, smallExamples, vocabulary } from '../small-model.ts';
import { type SmallShards, writeSmallShards } from '../small-shards.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-texts-'));
after(() => rmSync(folder, { recursive: true }));

/** Counts the texts that it makes word pieces of. */
function counting(own: readonly string[] = vocabulary): Tokenizer & { texts: number } {
  const tokenizer = tokenizerOf(own);
  const counted = {
    ...tokenizer,
    texts: 0,
    encode(text: string, maxPieces?: number) {
      counted.texts += 1;
      return tokenizer.encode(text, maxPieces);
    },
  };
  return counted;
}

const { maxPieces, maxRegions, featureSize } = config;

/** Keys, pieces and regions of some epochs. */
async function epochs(paths: SmallShards, tokenizer: Tokenizer, texts?: string, onBad?: (bad: BadExample) => void) {
  const source = shardSource({ ...paths, tokenizer, maxPieces, maxRegions, texts, ...(onBad && { onBad }) }, 3);
  const found = [];
  for (let epoch = 0; epoch < 3; epoch++) for await (const example of source.epoch(epoch)) found.push(example);
  await source.close();
  return found;
}

/** Shards with samples that cannot be used for every reason, several texts and features that are no halves. */
async function difficultShards(name: string): Promise<SmallShards> {
  const paths = await writeSmallShards(join(folder, name), { name, count: 30, seed: 1 });
  const tar = new TarWriter(join(paths.shards, '00002.tar'));
  const columns = await PictureColumnWriter.open(paths.regions);
  const [{ regions }] = smallExamples(1, 7) as [ReturnType<typeof smallExamples>[number]];
  const bad = new Float32Array(regions.features.length).fill(Number.POSITIVE_INFINITY);
  const wide = encodeNpy(
    { shape: [regions.labels.length, featureSize], values: regions.features as Float32Array },
    'f4',
  );
  const texts = Buffer.from(JSON.stringify({ texts: ['word1', 'word2 word3', 'word4'], image_id: 7 }));
  const samples: [string, Record<string, Buffer>, Record<string, Buffer> | null][] = [
    ['several', { json: texts }, regionFields(regions)],
    ['wide', { txt: Buffer.from('word5') }, { ...regionFields(regions), 'features.npy': wide }],
    ['infinite', { txt: Buffer.from('word6') }, regionFields({ ...regions, features: bad })],
    ['blank', { txt: Buffer.from(' ') }, regionFields(regions)],
    ['without', { txt: Buffer.from('word7') }, null],
    ['unread', {}, regionFields(regions)],
  ];
  for (const [key, fields, column] of samples) {
    const jpg = Buffer.from(`picture ${name} ${key}`);
    tar.add(`z${key}`, { jpg, ...fields });
    if (column) columns.add(imageHash(jpg), column as ReturnType<typeof regionFields>);
  }
  tar.commit();
  await columns.close();
  return paths;
}

test('an epoch has the examples that reading its shards in turns gives, in their order, kept or not', async () => {
  const paths = await difficultShards('order');
  const bad: string[] = [];
  const read = [];
  const tokenizer = tokenizerOf(vocabulary);
  const noted = ({ key, reason }: BadExample) => bad.push(`${key} ${reason}`);
  for (let epoch = 0; epoch < 3; epoch++) {
    const shuffle = { seed: 3, epoch };
    for await (const one of readExamples({ ...paths, tokenizer, maxPieces, maxRegions, shuffle, onBad: noted })) read.push(one); // biome-ignore format: one line
  }
  assert.equal(new Set(bad).size, 4, bad.join());
  const kept = join(folder, 'order-texts');
  for (const texts of [undefined, kept, kept]) {
    const told: string[] = [];
    assert.deepEqual(await epochs(paths, tokenizer, texts, ({ key, reason }) => told.push(`${key} ${reason}`)), read);
    assert.deepEqual(told.sort(), bad.toSorted());
  }
});

test('a text is made into word pieces once, until the tokenizer, the shard or the features are others', async () => {
  const paths = await writeSmallShards(join(folder, 'once'), { count: 20, seed: 1 });
  const texts = join(folder, 'once-texts');
  const inMemory = counting();
  await epochs(paths, inMemory);
  assert.equal(inMemory.texts, 20, 'three epochs in memory');

  const made = async (tokenizer: ReturnType<typeof counting>) => {
    await epochs(paths, tokenizer, texts);
    return tokenizer.texts;
  };
  assert.equal(await made(counting()), 20);
  assert.equal(await made(counting()), 0, 'kept by an earlier run');
  assert.equal(await made(counting(vocabulary.with(20, 'other'))), 20, 'another tokenizer');
  assert.equal(await made(counting()), 0, 'the first one again');

  // A shard is written anew: of the other one everything stands.
  await writeSmallShards(join(folder, 'once'), { count: 20, seed: 1 });
  rmSync(texts, { recursive: true });
  await made(counting());
  const tar = new TarWriter(join(paths.shards, '00001.tar'));
  const jpg = Buffer.from('another picture');
  tar.add('new', { jpg, txt: Buffer.from('word1') });
  tar.commit();
  assert.equal(await made(counting()), 1);
  assert.ok(!(await epochs(paths, counting(), texts)).some(({ key }) => key === 'new'), 'it has no features yet');

  const columns = await PictureColumnWriter.open(paths.regions);
  columns.add(imageHash(jpg), regionFields(smallExamples(1)[0]!.regions));
  await columns.close();
  assert.equal(await made(counting()), 11);
  assert.ok((await epochs(paths, counting(), texts)).some(({ key }) => key === 'new'));

  for (const name of readdirSync(texts)) rmSync(join(texts, name));
  assert.equal(await made(counting()), 11, 'what was removed is made again');
});

test('a run whose kept texts are taken away meanwhile goes on, and does not bring them back', async () => {
  const paths = await writeSmallShards(join(folder, 'gone'), { count: 20, seed: 1 });
  const texts = join(folder, 'gone-texts');
  const read = await epochs(paths, counting());
  const source = shardSource({ ...paths, tokenizer: counting(), maxPieces, maxRegions, texts }, 3);
  const found = [];
  for (let epoch = 0; epoch < 3; epoch++) {
    for await (const example of source.epoch(epoch)) found.push(example);
    rmSync(texts, { recursive: true, force: true });
  }
  await source.close();
  assert.deepEqual(found, read);
  assert.equal(existsSync(texts), false);
});

test('of readers that share the work each reads some shards, and all have all', async () => {
  const paths = await writeSmallShards(join(folder, 'shared'), { count: 20, seed: 1 });
  const shards = await expandShardPaths(paths.shards);
  const manifest = await readColumnsManifest(paths.regions);
  const claims = claimsOn(shards.length);
  const columns = await PictureColumns.open(paths.regions);
  const tokenizers = [counting(), counting()];
  const texts = join(folder, 'shared-texts');
  const readers = await Promise.all(
    tokenizers.map((tokenizer) =>
      openShardTexts({
        shards,
        regions: paths.regions,
        columns,
        manifest,
        tokenizer,
        maxPieces,
        folder: texts,
        claims,
      }),
    ),
  );
  // Each begins at another shard and waits for the one that the other has taken.
  readers.forEach((reader, index) => {
    // The first takes one at a time, and leaves the second to the other.
    void reader.ahead(index === 0 ? [0, 1] : [1]);
  });
  const [one, other] = await Promise.all(readers.map(async (reader) => [await reader.of(0), await reader.of(1)]));
  assert.deepEqual(one, other);
  assert.deepEqual(one!.map(({ samples }) => samples.length), [10, 10]); // biome-ignore format: one line
  assert.deepEqual(
    tokenizers.map((tokenizer) => tokenizer.texts),
    [10, 10],
  );
  await columns.close();
});

test('features that change under a run end it with a word', async () => {
  const paths = await writeSmallShards(join(folder, 'moved'), { count: 4, seed: 1 });
  const source = shardSource({ ...paths, tokenizer: tokenizerOf(vocabulary), maxPieces, maxRegions }, 3);
  const planned = [];
  for await (const one of source.plan(0)) planned.push(one);
  const [first] = planned;
  const room = () => new Uint16Array(first!.regionCount * featureSize);
  const whole = await first!.regions();
  const target = room();
  const there = await first!.regions(target);
  assert.deepEqual(there, whole);
  assert.equal(there.features, target, 'read to where they are to be');
  // The first picture's header is damaged.
  const tar = join(paths.regions, '00000.tar');
  const bytes = readFileSync(tar);
  for (let at = 0; at < bytes.length; at += 512) if (bytes.toString('latin1', at + 64, at + 77) === '.features.npy') bytes.writeUInt8(bytes[at]! ^ 1, at); // biome-ignore format: one line
  writeFileSync(tar, bytes);
  await assert.rejects(
    async () => first!.regions(room()),
    /^UserError: Expected the features of the picture \w{64} as they were when the run began but they are others; start the run again\.$/,
  );
  await source.close();
});
