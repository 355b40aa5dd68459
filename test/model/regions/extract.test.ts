import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { PictureColumns } from '../../../dataset/shards/picture-columns.ts';
import { imageHash, readShards } from '../../../dataset/shards/reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { decodeNpy, encodeNpy } from '../../../model/formats/npy.ts';
import { readColumnsManifest, regionFields, regionsOf } from '../../../model/regions/columns.ts';
import { extractRegions } from '../../../model/regions/extract.ts';
import { patches } from '../../../model/regions/patches.ts';
import type { Regions } from '../../../model/regions/region.ts';
import { halvesFromFloats } from '../../../model/runtime/half.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-extract-'));
after(() => rmSync(folder, { recursive: true }));

const shards = join(folder, 'shards');
const { regionsPerImage, ...ranking } = patches({ patchSidePx: 4, inputSidePx: 8 });
const detector = { ...ranking, batchSize: 3 };
let undisturbed: Record<string, Buffer>;

/** Notes how many images each call had. */
const counting = (seen: number[], batchSize = 3) => ({
  ...detector,
  batchSize,
  detect: (images: readonly Buffer[]) => {
    seen.push(images.length);
    return detector.detect(images);
  },
});
const forbidden = { ...detector, detect: () => Promise.reject(new Error('nothing was to be detected')) };

/** Of the shards below. Two pictures appear in several of them. */
const fresh = { shards: 3, shardsKept: 0, images: 11, regions: 44, failed: 2, kept: 3, detected: 9, converted: 0 };

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
  assert.equal((await readColumnsManifest(outDir)).maxRegions, 4);
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
  assert.deepEqual(summary, { ...fresh, regions: 33 });
  assert.deepEqual(bad.sort(), ['k1 cannot-decode', 'k2 missing-field']);
  assert.equal(progress.at(-1), 1);
  assert.deepEqual(
    progress,
    progress.toSorted((a, b) => a - b),
  );
  assert.deepEqual(await readColumnsManifest(outDir), {
    layout: 2,
    name: 'patches-4-8',
    model: null,
    labels: ['patch'],
    featureSize: 48,
    maxRegions: 3,
  });
  const found: (string | null)[] = [];
  const columns = await PictureColumns.open(outDir);
  for await (const { imageSha256 } of readShards({ paths: join(shards, 'train'), hashImages: true })) {
    const fields = await columns.fields(imageSha256!);
    found.push(fields && Object.keys(fields).join(' '));
    if (fields?.['features.npy']) assert.deepEqual(decodeNpy(fields['features.npy']).shape, [3, 48]);
  }
  await columns.close();
  const all = 'boxes.npy labels.npy confidences.npy features.npy';
  assert.deepEqual(found, [all, 'undecodable', ...new Array(7).fill(all)]);
  const again = await extractRegions({ shards, outDir, detector: forbidden, maxRegions: 3 });
  assert.deepEqual(again, { ...summary, shardsKept: 3, kept: 11, detected: 0 });
});

test('pictures are found again in other shards, under other keys, and only new ones are detected', async () => {
  const [own, outDir] = [join(folder, 'moving'), join(folder, 'moved')];
  const write = async (shard: string, shades: readonly number[]) => {
    mkdirSync(join(own, 'train'), { recursive: true });
    const tar = new TarWriter(join(own, 'train', `${shard}.tar`));
    for (const [index, shade] of shades.entries()) tar.add(`${shard}${index}`, { png: await image(shade) });
    tar.commit();
  };
  await write('00000', [10, 20, 30]);
  await write('00001', [40, 50]);
  await extractRegions({ shards: own, outDir, detector });
  await write('00000', [20, 50, 60]);
  await write('00001', [40, 10, 20]);
  const seen: number[] = [];
  const summary = await extractRegions({ shards: own, outDir, detector: counting(seen) });
  assert.deepEqual([summary.images, summary.kept, summary.detected, summary.shardsKept, seen], [6, 5, 1, 0, [1]]);
  const columns = await PictureColumns.open(outDir);
  for (const shade of [10, 20, 30, 40, 50, 60]) {
    const png = await image(shade);
    const [regions] = await detector.detect([png]);
    assert.deepEqual({ ...(await columns.fields(imageHash(png))) }, regionFields(regions!), `shade ${shade}`);
  }
  await columns.close();
  // What lies in a shard that was read before is not read again.
  rmSync(join(own, 'train/00001.tar'));
  assert.equal((await extractRegions({ shards: own, outDir, detector: forbidden })).shardsKept, 1);
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
  const seen: number[] = [];
  await extractRegions({ shards, outDir, detector: counting(seen) });
  assert.ok(seen.reduce((sum, count) => sum + count, 0) < 9, 'what was done was not done again');
  assert.deepEqual(files(outDir), undisturbed);
});

test('a run that was killed while writing goes on, wherever archive and index were torn', async () => {
  const [tar, index] = [undisturbed['00000.tar']!, undisturbed['00000.index']!];
  for (const [tarBytes, indexBytes] of [
    [0, 0],
    [1, 0],
    [700, 0],
    [4000, 41],
    [4000, 42],
    [tar.length - 1024, 42 * 5 + 1],
    [tar.length, index.length],
    [tar.length - 1500, index.length],
  ] as const) {
    // biome-ignore format: one line
    const outDir = join(folder, `torn-${tarBytes}-${indexBytes}`);
    mkdirSync(outDir);
    writeFileSync(join(outDir, 'detector.json'), undisturbed['detector.json']!);
    writeFileSync(join(outDir, '00000.tar'), tar.subarray(0, tarBytes));
    writeFileSync(join(outDir, '00000.index'), index.subarray(0, indexBytes));
    const summary = await extractRegions({ shards, outDir, detector });
    assert.deepEqual([summary.images, summary.regions, summary.failed], [11, 44, 2]);
    assert.deepEqual(files(outDir), undisturbed, `torn at ${tarBytes} and ${indexBytes}`);
  }
});

test('a lost index is made again from the archive', async () => {
  const outDir = join(folder, 'unindexed');
  cpSync(join(folder, 'undisturbed'), outDir, { recursive: true });
  rmSync(join(outDir, '00000.index'));
  const columns = await PictureColumns.open(outDir);
  assert.equal(columns.size, 9);
  await columns.close();
  await extractRegions({ shards, outDir, detector: forbidden });
  assert.deepEqual(files(outDir), undisturbed);
});

test('members that are not the picture’s own are never given, whatever the index says', async () => {
  const outDir = join(folder, 'misled');
  cpSync(join(folder, 'undisturbed'), outDir, { recursive: true });
  const index = readFileSync(join(outDir, '00000.index'));
  // The first two pictures change places.
  const [one, other] = [Buffer.from(index.subarray(0, 32)), Buffer.from(index.subarray(42, 74))];
  other.copy(index, 0);
  one.copy(index, 42);
  writeFileSync(join(outDir, '00000.index'), index);
  const columns = await PictureColumns.open(outDir);
  assert.deepEqual(await Promise.all([one, other].map((hash) => columns.fields(hash.toString('hex')))), [null, null]);
  await columns.close();
  rmSync(join(outDir, 'shards.json'));
  const { detected } = await extractRegions({ shards, outDir, detector });
  assert.equal(detected, 2);
  assert.deepEqual((await extractRegions({ shards, outDir, detector: forbidden })).images, 11);
});

test('an image with several texts is detected once', async () => {
  const own = join(folder, 'captions');
  mkdirSync(own);
  const tar = new TarWriter(join(own, '00000.tar'));
  const [red, black] = [await image(255), await image(0)];
  for (const [index, png] of [red, red, black, red, black].entries()) tar.add(`k${index}`, { png });
  tar.commit();
  const seen: number[] = [];
  const outDir = join(folder, 'captioned');
  const summary = await extractRegions({ shards: own, outDir, detector: counting(seen, 2) });
  assert.deepEqual([summary.images, seen], [5, [2]]);
});

/** Columns as lait 1.0 wrote them, beside the shards of this test. */
async function writeOldColumns(outDir: string, change: (regions: Regions) => Regions = (regions) => regions) {
  const { name, labels, featureSize } = detector;
  mkdirSync(outDir, { recursive: true });
  writeFileSync(join(outDir, 'detector.json'), JSON.stringify({ name, labels, featureSize, maxRegions: 36 }));
  for (const shard of ['train/00000', 'train/00001', 'validation/00000']) {
    mkdirSync(join(outDir, shard, '..'), { recursive: true });
    const tar = new TarWriter(join(outDir, `${shard}.tar`));
    for await (const { key, fields } of readShards({ paths: join(shards, `${shard}.tar`) })) {
      const [regions] = fields.png ? await detector.detect([fields.png]) : [];
      if (regions) tar.add(key, regionFields(change(regions)));
    }
    tar.commit();
    const { size: byteLength, mtimeMs } = statSync(join(shards, `${shard}.tar`));
    writeFileSync(join(outDir, `${shard}.json`), JSON.stringify({ shard: { byteLength, mtimeMs }, images: 1 }));
  }
}

test('columns of an older layout are refused by readers, and taken over where they can be verified', async () => {
  const outDir = join(folder, 'old');
  await writeOldColumns(outDir);
  await assert.rejects(
    readColumnsManifest(outDir),
    /^UserError: Expected region features by the content of pictures for .*old but received features by the keys of samples, as an older lait wrote them; run lait regions, which converts them\.$/,
  );
  const summary = await extractRegions({ shards, outDir, detector });
  assert.deepEqual([summary.converted, summary.detected, summary.images, summary.failed], [8, 1, 11, 2]);
  assert.deepEqual(Object.keys(files(outDir)).sort(), Object.keys(undisturbed).sort());

  // Of a shard that has changed since, or by a detector that finds something else, nothing is taken.
  const stale = join(folder, 'stale');
  await writeOldColumns(stale);
  const record = join(stale, 'train/00000.json');
  writeFileSync(record, readFileSync(record, 'utf8').replace(/"byteLength":\d+/, '"byteLength":1'));
  assert.equal((await extractRegions({ shards, outDir: stale, detector })).converted, 3);
  const other = join(folder, 'other-weights');
  await writeOldColumns(other, (regions) => ({ ...regions, features: regions.features.map((value) => value + 1) }));
  const again = await extractRegions({ shards, outDir: other, detector });
  assert.deepEqual([again.converted, again.detected], [0, 9]);
  assert.deepEqual(files(other), undisturbed);
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
      { shards, outDir: join(folder, 'undisturbed'), detector: { ...detector, model: 'ab12' } },
      /^Expected model null for .*undisturbed but received "ab12"; give this detector another name/,
    ],
    [
      { shards, outDir: join(folder, 'undisturbed'), detector: other },
      /^Expected name "patches-4-8" for .*undisturbed but received "patches-2-8"; give this detector another name, or remove .* and run lait regions again\.$/,
    ],
  ];
  for (const [options, message] of table) {
    await assert.rejects(
      extractRegions(options),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  }
  await assert.rejects(
    readColumnsManifest(empty),
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
  const asHalves = { ...good, features: halvesFromFloats(good.features) };
  assert.deepEqual(regionsOf({ ...fields }, { featureSize: 3, labels }), asHalves);
  // Wherever the bytes lie, and in another type.
  const moved = Buffer.concat([Buffer.alloc(1), fields['features.npy']]).subarray(1);
  assert.deepEqual(regionsOf({ ...fields, 'features.npy': moved }, { featureSize: 3, labels }), asHalves);
  const wide = encodeNpy({ shape: [1, 3], values: good.features }, 'f4');
  assert.deepEqual(regionsOf({ ...fields, 'features.npy': wide }, { featureSize: 3, labels }), good);
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
