/** Numbers and keys come anew in every set: what shows one picture is told by the picture. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfig } from '../../cli/config-file.ts';
import { linearMapInputs } from '../../cli/linear-map.ts';
import { trainingExamples } from '../../cli/training-examples.ts';
import { PictureColumnWriter } from '../../dataset/shards/picture-columns.ts';
import { imageHash } from '../../dataset/shards/reader.ts';
import { TarWriter } from '../../dataset/shards/tar-writer.ts';
import { type Example, readExamples } from '../../model/data/example.ts';
import { shardSource } from '../../model/data/source.ts';
import { tokenizerOf } from '../../model/data/tokenizer.ts';
import { claimColumns, regionFields } from '../../model/regions/columns.ts';
import { splitImages } from '../../model/retrieval/evaluate.ts';
import { differentPairs } from '../../model/train/held-out.ts';
import { smallExamples, vocabulary } from '../model/small-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-identity-'));
after(() => rmSync(folder, { recursive: true }));

type Row = readonly [key: string, picture: string, text: string, json?: (sha256: string) => object];

const shaOf = (picture: string): string => imageHash(Buffer.from(picture));

/** A corpus of these shards, and how its training split is read. */
async function corpusOf(name: string, shards: readonly (readonly Row[])[]) {
  const dir = join(folder, name);
  const config = readConfig(dir);
  const [train, regions] = [join(dir, 'shards/train'), join(dir, 'regions', config.regions.detector)];
  for (const one of [train, regions]) mkdirSync(one, { recursive: true });
  claimColumns(regions, { layout: 2, name: config.regions.detector, model: null, labels: ['a', 'b', 'c', 'd', 'e'], featureSize: 6, maxRegions: 4 }); // biome-ignore format: one line
  const columns = await PictureColumnWriter.open(regions);
  const pictures = smallExamples(9);
  for (const [number, rows] of shards.entries()) {
    const tar = new TarWriter(join(train, `0000${number}.tar`));
    for (const [key, picture, text, json] of rows) {
      const jpg = Buffer.from(picture);
      tar.add(key, { jpg, txt: Buffer.from(text), ...(json && { json: Buffer.from(JSON.stringify(json(shaOf(picture)))) }) }); // biome-ignore format: one line
      if ((await columns.firstField(shaOf(picture))) === null) columns.add(shaOf(picture), regionFields(pictures.shift()!.regions)); // biome-ignore format: one line
    }
    tar.commit();
  }
  await columns.close();
  const tokenizer = tokenizerOf(vocabulary);
  return { dir, config, reading: { shards: train, regions, tokenizer, maxPieces: 8, maxRegions: 4 } };
}

async function all(examples: AsyncIterable<Example>): Promise<Example[]> {
  const found: Example[] = [];
  for await (const one of examples) found.push(one);
  return found;
}

const merged: readonly (readonly Row[])[] = [
  [
    ['000', 'a', 'word1', () => ({ image_id: 1 })],
    ['001', 'b', 'word2'],
  ],
  [
    ['000', 'c', 'word3', () => ({ image_id: 1 })],
    ['001', 'd', 'word4'],
    ['002', 'a', 'word5', () => ({ image_id: 7 })],
  ],
];

test('pictures with one number or key in two shards are two, and one picture with two numbers is one', async () => {
  const { reading } = await corpusOf('merged', merged);
  const examples = await all(readExamples(reading));
  assert.deepEqual(examples.map(({ imageId }) => imageId), ['a', 'b', 'c', 'd', 'a'].map(shaOf)); // biome-ignore format: one line
  const [set] = splitImages(examples, 1);
  assert.deepEqual([set!.images.length, set!.owner], [4, [0, 0, 1, 2, 3]]);
  assert.equal(differentPairs(examples).length, 4);
  const source = shardSource(reading, 1);
  const streamed = await all(source.epoch(0));
  await source.close();
  assert.deepEqual(streamed.map(({ imageId }) => imageId).sort(), examples.map(({ imageId }) => imageId).sort());
});

test('data says whether its pictures were told apart otherwise before, so that no run goes on with other halves unheard', async () => {
  const own = (sha256: string) => ({ sha256 });
  const exported = [[['000', 'a', 'word1', own], ['001', 'b', 'word2', own]]] as const; // biome-ignore format: one line
  for (const [name, shards, told] of [
    ['foreign', merged, 'content'],
    ['exported', exported, undefined],
  ] as const) {
    const { dir, config, reading } = await corpusOf(name, shards);
    const { tokenizer, maxPieces, maxRegions } = reading;
    const { data, source } = await trainingExamples({
      ...{ corpora: [{ dir, shards: join(dir, 'shards'), share: 1 }], config, tokenizer, maxPieces, maxRegions },
      ...{ seed: 1, run: join(dir, 'runs/pretrain'), signal: new AbortController().signal },
    });
    await source.close();
    assert.deepEqual(data.map(({ picturesBy }) => picturesBy), [told]); // biome-ignore format: one line
  }
});

test('a linear map knows pictures that an export made smaller by their originals, as the corpus does', async () => {
  const original = 'e'.repeat(64);
  const { reading } = await corpusOf('smaller', [[['000', 'a', 'word1', () => ({ sha256: original })], ['001', 'b', 'word2']]]); // biome-ignore format: one line
  const inputs = await linearMapInputs(reading.shards, 'words', reading);
  assert.deepEqual(inputs!.training.map(({ imageId }) => imageId), [original, shaOf('b')]); // biome-ignore format: one line
});
