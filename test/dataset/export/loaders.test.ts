/**
 * What other people's loaders need of an export: the same members in every sample, and the types of all columns before the first
 * sample. `test/interop` asks the loaders themselves.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { exportShards } from '../../../dataset/export/export.ts';
import { importDataset } from '../../../dataset/import/import.ts';
import { tableColumns } from '../../../dataset/shards/parquet.ts';
import { imageHash, imageOf, readShards } from '../../../dataset/shards/reader.ts';
import { writeMixedCorpus } from '../mixed-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-loaders-'));
const corpusDir = join(root, 'corpus');
const images = 20;
after(() => rmSync(root, { recursive: true, force: true }));
before(async () => void (await writeMixedCorpus(corpusDir, images)));

type Format = 'webdataset' | 'parquet' | 'jsonl';

async function exported(format: Format): Promise<string> {
  const outDir = join(root, format);
  await exportShards({ corpusDir, outDir, format, encode: 'original', samplesPerShard: 8, validationFraction: 0 });
  return outDir;
}

const headerOf = (outDir: string) => parse(readFileSync(join(outDir, 'README.md'), 'utf8').split('---\n')[1]!);

/** The columns of a table, with Hugging Face's names of types. */
async function typesOf(outDir: string): Promise<{ name: string; dtype: string }[]> {
  const words = { STRING: 'string', INT32: 'int32', INT64: 'int64', DOUBLE: 'float64', BOOLEAN: 'bool' };
  const columns = await tableColumns(join(outDir, 'train/00000.parquet'));
  return Object.entries(columns).map(([name, type]) => ({ name, dtype: words[type as keyof typeof words] }));
}

test('original pictures of five formats are one member each, and every JSON has every column of the tables', async () => {
  const outDir = await exported('webdataset');
  const columns = (await typesOf(outDir)).map(({ name }) => name);
  const firstBytes = new Set<string>();
  let samples = 0;
  for await (const sample of readShards({ paths: join(outDir, 'train') })) {
    assert.deepEqual(Object.keys(sample.fields).sort(), ['jpg', 'json', 'txt']);
    const about = JSON.parse(sample.fields.json!.toString());
    assert.deepEqual(Object.keys(about), columns);
    assert.equal(imageHash(imageOf(sample)!), about.sha256); // the bytes are the original's
    firstBytes.add(sample.fields.jpg!.subarray(0, 3).toString('latin1'));
    samples += 1;
  }
  assert.deepEqual([samples, firstBytes.size], [images, 5]);
});

test('the header of WebDataset shards has the types of all members, and of all columns in the JSON', async () => {
  const outDir = await exported('webdataset');
  const text = (name: string) => ({ name, dtype: 'string' });
  assert.deepEqual(headerOf(outDir).dataset_info, {
    features: [
      { name: 'jpg', dtype: 'image' },
      { name: 'json', struct: await typesOf(outDir) },
      text('txt'),
      text('__key__'),
      text('__url__'),
    ],
  });
});

test('the header of folders of pictures has the types of all columns; files have the endings of their formats', async () => {
  const outDir = await exported('jsonl');
  const [config] = headerOf(outDir).configs;
  assert.deepEqual(config.features, [{ name: 'image', dtype: 'image' }, ...(await typesOf(outDir))]);
  const endings = new Set(readdirSync(join(outDir, 'train/00000')).map((name) => name.split('.').at(-1)));
  assert.deepEqual([...endings].sort(), ['avif', 'gif', 'jpg', 'jsonl', 'png', 'webp']);
});

test('a table of Parquet says itself what it holds: its card has no types', async () => {
  const header = headerOf(await exported('parquet'));
  assert.deepEqual([header.dataset_info, header.configs[0].features], [undefined, undefined]);
});

test('an import has the types of its own columns and those of its source; captions are a list', async () => {
  const outDir = join(root, 'imported');
  await importDataset({ from: 'webdataset', paths: join(await exported('webdataset'), 'train') }, { outDir });
  const { features } = headerOf(outDir).dataset_info;
  const wanted = (await typesOf(outDir)).map((column) =>
    column.name === 'texts' ? { name: 'texts', sequence: 'string' } : column,
  );
  assert.deepEqual(features[1].struct, wanted);
  assert.deepEqual(
    ['texts', 'similarity', 'punsafe'].filter((name) => !wanted.some((column) => column.name === name)),
    [],
  );
});
