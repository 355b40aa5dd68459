import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PictureColumnWriter } from '../../../dataset/shards/picture-columns.ts';
import { imageHash } from '../../../dataset/shards/reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { type Example, type ReadExamplesOptions, readExamples } from '../../../model/data/example.ts';
import { memorySource } from '../../../model/data/source.ts';
import { specialPieces, tokenizerOf } from '../../../model/data/tokenizer.ts';
import { encodeNpy } from '../../../model/formats/npy.ts';
import { claimColumns, regionFields } from '../../../model/regions/columns.ts';
import type { Regions } from '../../../model/regions/region.ts';
import { halvesFromFloats } from '../../../model/runtime/half.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-example-'));
after(() => rmSync(folder, { recursive: true }));

const tokenizer = tokenizerOf([...specialPieces, 'a', 'red', 'car']);
const shards = join(folder, 'shards');
const regions = join(folder, 'regions');

/** R regions of width 2, halves exactly. */
const some = (R: number, feature = 1): Regions => ({
  boxes: Float32Array.from({ length: R * 4 }, (_, index) => [0, 0, 0.5, 1][index % 4]!),
  labels: Int32Array.from({ length: R }, (_, index) => index),
  confidences: Float32Array.from({ length: R }, (_, index) => 1 - index / 8),
  features: new Float32Array(R * 2).fill(feature),
});

before(async () => {
  for (const dir of [shards, regions]) mkdirSync(dir);
  claimColumns(regions, {
    layout: 2,
    name: 'some',
    model: null,
    labels: ['a', 'b', 'c'],
    featureSize: 2,
    maxRegions: 4,
  });
  const tar = new TarWriter(join(shards, '00000.tar'));
  const columns = await PictureColumnWriter.open(regions);
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  // An image in which another tool detected nothing; `lait regions` leaves such a sample out, as k5.
  const empty = (...rest: number[]) => encodeNpy({ shape: [0, ...rest], values: new Float32Array(0) }, 'f2');
  const nothing = {
    'boxes.npy': empty(4),
    'labels.npy': encodeNpy({ shape: [0], values: new Int32Array(0) }, 'i2'),
    'confidences.npy': empty(),
    'features.npy': empty(2),
  };
  const samples: [string, Record<string, Buffer>, Record<string, Buffer> | null][] = [
    ['k0', { txt: Buffer.from('A red car') }, regionFields(some(3))],
    ['k1', { json: json({ caption: 'car', sha256: 'abc' }) }, regionFields(some(1))],
    ['k2', { txt: Buffer.from('red'), json: json({ image_id: 12, sha256: 'abc' }) }, regionFields(some(1))],
    ['k3', { txt: Buffer.from('red '.repeat(10_000)), json: Buffer.from('{') }, regionFields(some(1))],
    ['k4', { txt: Buffer.from(' ') }, regionFields(some(1))],
    ['k5', { txt: Buffer.from('no column') }, null],
    ['k6', { txt: Buffer.from('red') }, regionFields(some(1, Number.NaN))],
    ['k7', { txt: Buffer.from('red') }, { 'boxes.npy': Buffer.alloc(1) }],
    ['k8', { png: Buffer.alloc(1) }, regionFields(some(1))],
    ['k9', { txt: Buffer.from('a'), json: json(null) }, regionFields(some(1))],
    ['ka', { txt: Buffer.from('nothing found') }, nothing],
    ['l0', { txt: Buffer.from('a'), json: json({ texts: ['a', 'red', ' ', 'car'] }) }, regionFields(some(1))],
  ];
  for (const [key, fields, column] of samples) {
    const jpg = Buffer.from(`picture of ${key}`);
    tar.add(key, { jpg, ...fields });
    if (column) columns.add(imageHash(jpg), column);
  }
  tar.commit();
  await columns.close();
});

const pictureId = (key: string): string => imageHash(Buffer.from(`picture of ${key}`));

async function read(change: Partial<ReadExamplesOptions> = {}): Promise<Example[]> {
  const examples: Example[] = [];
  const options = { shards, regions, tokenizer, maxPieces: 4, maxRegions: 2, ...change };
  for await (const example of readExamples(options)) examples.push(example);
  return examples;
}

test('texts and regions are joined by the content of the picture; what cannot be used is a reason', async () => {
  const bad: string[] = [];
  const examples = await read({ onBad: ({ key, reason }) => bad.push(`${key} ${reason}`) });
  assert.deepEqual(
    examples.map(({ key, pieces, imageId }) => [key, pieces, imageId]),
    [
      ['k0', [5, 6, 7], pictureId('k0')],
      ['k1', [7], pictureId('k1')],
      ['k2', [6], pictureId('k2')],
      ['k3', [6, 6, 6, 6], pictureId('k3')],
      ['k9', [5], pictureId('k9')],
      ['l0', [5], pictureId('l0')],
      ['l0', [6], pictureId('l0')],
      ['l0', [7], pictureId('l0')],
    ],
  );
  const { features } = some(2, 1);
  assert.deepEqual(examples[0]?.regions, { ...some(2, 1), features: halvesFromFloats(features as Float32Array) });
  assert.deepEqual(bad.sort(), [
    'k4 no-text',
    'k5 no-features',
    'k6 not-finite',
    'k7 no-regions',
    'k8 missing-field',
    'ka bad-regions',
  ]);
});

test('a seed gives an order, and parts and skipping keep to it', async () => {
  const keys = async (change: Partial<ReadExamplesOptions>) => (await read(change)).map(({ key }) => key);
  const shuffle = { seed: 3, epoch: 1 };
  const all = await keys({ shuffle });
  assert.deepEqual(await keys({ shuffle }), all);
  assert.deepEqual([...all].sort(), ['k0', 'k1', 'k2', 'k3', 'k9', 'l0']);
  const parts = await Promise.all([0, 1].map((index) => keys({ part: { index, count: 2 } })));
  assert.deepEqual([...new Set(parts.flat())].sort(), [...all].sort());
  assert.deepEqual(await keys({ skip: 2 }), ['k2', 'k3', 'k9', 'l0', 'l0', 'l0']);
});

test('an epoch learns from one text of a sample, streamed and in memory; over epochs from all', async () => {
  const [held, streamed, inMemory] = [await read(), new Map<number, number>(), new Map<number, number>()];
  for (let epoch = 0; epoch < 30; epoch++) {
    const fromMemory: Example[] = [];
    for await (const example of memorySource(held, 3).epoch(epoch)) fromMemory.push(example);
    for (const [counts, examples] of [
      [streamed, await read({ shuffle: { seed: 3, epoch } })],
      [inMemory, fromMemory],
    ] as const) {
      assert.equal(examples.length, 6);
      const piece = examples.find(({ key }) => key === 'l0')!.pieces[0]!;
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
  }
  assert.deepEqual([...streamed.keys()].sort(), [5, 6, 7]);
  assert.ok([...streamed.values()].every((times) => times >= 5));
  assert.deepEqual(inMemory, streamed);
});

test("no regions are the operator's fault", async () => {
  await assert.rejects(
    read({ regions: shards }),
    /^UserError: Expected region features for .*shards but received no detector.json; /,
  );
});
