import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { readShards } from '../../../dataset/shards/reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { decodeNpy, encodeNpy } from '../../../model/formats/npy.ts';
import { readColumnsManifest, regionFields, regionsOf } from '../../../model/regions/columns.ts';
import { extractRegions } from '../../../model/regions/extract.ts';
import { patches } from '../../../model/regions/patches.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-extract-'));
after(() => rmSync(folder, { recursive: true }));

const shards = join(folder, 'shards');
const { regionsPerImage, ...ranking } = patches({ patchSidePx: 4, inputSidePx: 8 });
const detector = { ...ranking, batchSize: 3 };
let undisturbed: Record<string, Buffer>;

const image = (shade: number) =>
  sharp({ create: { width: 20, height: 10, channels: 3, background: { r: shade, g: 0, b: 0 } } })
    .png()
    .toBuffer();

/** Two splits; the second sample of `train/00000` does not decode, the third has no image. */
before(async () => {
  for (const [shard, count] of [
    ['train/00000', 8],
    ['train/00001', 2],
    ['validation/00000', 3],
  ] as const) {
    mkdirSync(join(shards, shard, '..'), { recursive: true });
    const tar = new TarWriter(join(shards, `${shard}.tar`));
    for (let index = 0; index < count; index++) {
      const broken = shard === 'train/00000' && index === 1;
      const png = broken ? Buffer.from('broken') : await image(index * 20);
      const txt = Buffer.from(`text ${index}`);
      tar.add(`k${index}`, shard === 'train/00000' && index === 2 ? { txt } : { png, txt });
    }
    tar.commit();
  }
  const outDir = join(folder, 'undisturbed');
  await extractRegions({ shards, outDir, detector });
  undisturbed = files(outDir);
});

function files(dir: string): Record<string, Buffer> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.filter((name) => statSync(join(dir, name)).isFile()).map((name) => [name, readFileSync(join(dir, name))]),
  );
}

test('patches have no rank: all of them are kept', async () => {
  const outDir = join(folder, 'all-patches');
  const all = { ...detector, regionsPerImage: regionsPerImage! };
  const summary = await extractRegions({ shards, outDir, detector: all, maxRegions: 3 });
  assert.equal(summary.regions, 4 * summary.images);
  assert.equal(readColumnsManifest(outDir).maxRegions, 4);
});

test('every shard gets a column with the keys of its samples', async () => {
  const outDir = join(folder, 'plain');
  const bad: string[] = [];
  const progress: number[] = [];
  const summary = await extractRegions({
    shards,
    outDir,
    detector,
    maxRegions: 3,
    onBad: ({ key, reason }) => bad.push(`${key} ${reason}`),
    onProgress: ({ bytesDone, bytes }) => progress.push(bytesDone / bytes),
  });
  assert.deepEqual(summary, { shards: 3, shardsKept: 0, images: 11, regions: 33, failed: 2 });
  assert.deepEqual(bad.sort(), ['k1 cannot-decode', 'k2 missing-field']);
  assert.equal(progress.at(-1), 1);
  assert.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  );
  assert.deepEqual(readColumnsManifest(join(outDir, 'train')), {
    name: 'patches-4-8',
    labels: ['patch'],
    featureSize: 48,
    maxRegions: 3,
  });
  const keys: string[] = [];
  for await (const { key, fields } of readShards({ paths: join(outDir, 'train') })) {
    keys.push(key);
    assert.deepEqual(Object.keys(fields), ['boxes.npy', 'labels.npy', 'confidences.npy', 'features.npy']);
    assert.deepEqual(decodeNpy(fields['features.npy']!).shape, [3, 48]);
  }
  assert.deepEqual(keys, ['k0', 'k3', 'k4', 'k5', 'k6', 'k7', 'k0', 'k1']);
  const again = await extractRegions({ shards, outDir, detector, maxRegions: 3 });
  assert.deepEqual(again, { ...summary, shardsKept: 3 });
});

test('a run that was stopped goes on to the same bytes', async () => {
  const outDir = join(folder, 'stopped');
  const stop = new AbortController();
  const onProgress = ({ images }: { images: number }) => images >= 2 && stop.abort();
  await assert.rejects(
    extractRegions({ shards, outDir, detector: { ...detector, batchSize: 1 }, signal: stop.signal, onProgress }),
    {
      name: 'AbortError',
    },
  );
  assert.equal(Object.keys(files(outDir)).filter((name) => name.endsWith('.partial')).length, 1);
  await extractRegions({ shards, outDir, detector });
  assert.deepEqual(files(outDir), undisturbed);
});

test('a run that was killed while writing goes on, wherever the file was torn', async () => {
  const whole = undisturbed['train/00000.tar']!;
  const { size, mtimeMs } = statSync(join(shards, 'train/00000.tar'));
  for (const length of [0, 1, 511, 512, 700, 2000, 3584, 4000, whole.length - 1024]) {
    const outDir = join(folder, `torn-${length}`);
    mkdirSync(join(outDir, 'train'), { recursive: true });
    writeFileSync(join(outDir, 'detector.json'), undisturbed['detector.json']!);
    writeFileSync(join(outDir, `train/00000.tar.${size}-${Math.floor(mtimeMs)}.partial`), whole.subarray(0, length));
    writeFileSync(join(outDir, 'train/00000.tar.1-1.partial'), 'of a shard that has changed since');
    const summary = await extractRegions({ shards, outDir, detector });
    assert.deepEqual(summary, { shards: 3, shardsKept: 0, images: 11, regions: 44, failed: 2 });
    assert.deepEqual(files(outDir), undisturbed, `torn at ${length}`);
  }
});

test('a shard that has changed is done again', async () => {
  const own = join(folder, 'changing');
  mkdirSync(own);
  const write = async (shade: number) => {
    const tar = new TarWriter(join(own, '00000.tar'));
    tar.add('k0', { png: await image(shade) });
    tar.commit();
  };
  const outDir = join(folder, 'changed');
  await write(0);
  await extractRegions({ shards: own, outDir, detector });
  const first = readFileSync(join(outDir, '00000.tar'));
  await write(255);
  utimesSync(join(own, '00000.tar'), 1, 1);
  assert.equal((await extractRegions({ shards: own, outDir, detector })).shardsKept, 0);
  assert.notDeepEqual(readFileSync(join(outDir, '00000.tar')), first);
});

test('a key that leaves no room for a field gets no regions', async () => {
  const own = join(folder, 'keys');
  mkdirSync(own);
  const tar = new TarWriter(join(own, '00000.tar'));
  for (const length of [84, 85]) tar.add('k'.repeat(length), { png: await image(1) });
  tar.commit();
  const bad: string[] = [];
  const onBad = ({ key, reason }: { key: string; reason: string }) => bad.push(`${key.length} ${reason}`);
  const summary = await extractRegions({ shards: own, outDir: join(folder, 'keyed'), detector, onBad });
  assert.deepEqual([summary.images, summary.failed, bad], [1, 1, ['85 key-too-long']]);
});

test('an image with several texts is detected once', async () => {
  const own = join(folder, 'captions');
  mkdirSync(own);
  const tar = new TarWriter(join(own, '00000.tar'));
  const [red, black] = [await image(255), await image(0)];
  for (const [index, png] of [red, red, red, black, black].entries()) tar.add(`k${index}`, { png });
  tar.commit();
  const seen: number[] = [];
  const counting = {
    ...detector,
    batchSize: 2,
    detect: (images: readonly Buffer[]) => {
      seen.push(images.length);
      return detector.detect(images);
    },
  };
  const summary = await extractRegions({ shards: own, outDir: join(folder, 'captioned'), detector: counting });
  assert.deepEqual([summary.images, seen], [5, [2]]);
});

test('what the operator got wrong is one line', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const other = patches({ patchSidePx: 2, inputSidePx: 8 });
  const table: [Parameters<typeof extractRegions>[0], RegExp][] = [
    [
      { shards: empty, outDir: folder, detector },
      /^Expected shards \(\*.tar\) for .*empty but received none; run lait export first\.$/,
    ],
    [{ shards: join(folder, 'none'), outDir: folder, detector }, /^Expected shards/],
    [
      { shards, outDir: join(folder, 'undisturbed'), detector: { ...detector, settings: { threshold: 0.5 } } },
      /^Expected settings none for .*undisturbed but received \{"threshold":0.5\}; /,
    ],
    [
      { shards, outDir: join(folder, 'undisturbed'), detector: other },
      /^Expected name "patches-4-8" for .*undisturbed but received "patches-2-8"; give the regions of another detector another folder\.$/,
    ],
  ];
  for (const [options, message] of table) {
    await assert.rejects(
      extractRegions(options),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  }
  assert.throws(
    () => readColumnsManifest(empty),
    /^UserError: Expected region features for .*empty but received no detector.json; run lait regions first\.$/,
  );
});

test('regions from elsewhere are checked', () => {
  const good = {
    boxes: Float32Array.of(0, 0, 1, 1),
    labels: Int32Array.of(1),
    confidences: Float32Array.of(0.5),
    features: Float32Array.of(1, 2, 3),
  };
  const fields = regionFields(good);
  const labels = ['cat', 'dog'];
  assert.deepEqual(regionsOf({ ...fields }, { featureSize: 3, labels }), good);
  const table: [Record<string, Buffer>, number, string][] = [
    [{}, 3, 'no-regions'],
    [{ ...fields, 'boxes.npy': Buffer.from('?') }, 3, 'bad-regions'],
    [{ ...fields }, 4, 'bad-regions'],
    [{ ...fields, 'labels.npy': fields['boxes.npy'] }, 3, 'bad-regions'],
    [{ ...fields, 'boxes.npy': fields['labels.npy'] }, 3, 'bad-regions'],
    [{ ...regionFields({ ...good, labels: Int32Array.of(2) }) }, 3, 'bad-regions'],
    [{ ...regionFields({ ...good, labels: Int32Array.of(-1) }) }, 3, 'bad-regions'],
    [{ ...regionFields({ ...good, features: Float32Array.of(1, Number.NaN, 3) }) }, 3, 'not-finite'],
    [{ ...regionFields({ ...good, boxes: Float32Array.of(0, 0, Number.POSITIVE_INFINITY, 1) }) }, 3, 'not-finite'],
    [{ ...fields, 'labels.npy': encodeNpy({ shape: [0], values: new Int32Array(0) }, 'i2') }, 3, 'bad-regions'],
  ];
  for (const [given, featureSize, reason] of table) assert.equal(regionsOf(given, { featureSize, labels }), reason);
});
