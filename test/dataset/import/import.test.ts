import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { exportShards } from '../../../dataset/export/export.ts';
import { readSubset, subsetNpy } from '../../../dataset/export/subset.ts';
import { importDataset } from '../../../dataset/import/import.ts';
import { importUrlList } from '../../../dataset/import/url-list.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-import-'));
after(() => rmSync(root, { recursive: true, force: true }));
const images = join(root, 'images');
before(async () => {
  mkdirSync(images);
  for (const [i, name] of ['a.jpg', 'b.jpg', 'c.jpg', 'd.png'].entries()) {
    const create = { width: 40 + i, height: 30, channels: 3 as const, background: { r: i * 60, g: 100, b: 50 } };
    await sharp({ create }).toFile(join(images, name));
  }
  writeFileSync(join(images, 'broken.jpg'), 'not a picture');
});

let outs = 0;
const newOut = () => {
  outs += 1;
  return join(root, `out-${outs}`);
};
const write = (name: string, content: string | Uint8Array) => {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
};

async function read(outDir: string, split: string) {
  const found = [];
  for await (const { key, fields } of readShards({ paths: join(outDir, split) })) {
    const about = JSON.parse(fields.json!.toString());
    found.push({
      key,
      field: Object.keys(fields)[0],
      text: fields.txt!.toString(),
      texts: about.texts,
      width: about.width,
    });
  }
  return found;
}

test('COCO: all captions of an image in one sample, the split from the name, missing images counted', async () => {
  const captions = write(
    'captions_val2017.json',
    JSON.stringify({
      licenses: [{ id: 3, url: 'https://licence.example/by' }],
      images: [
        { id: 1, file_name: 'a.jpg', coco_url: 'https://coco.example/a.jpg', license: 3 },
        { id: 2, file_name: 'nowhere.jpg' },
        { id: 3, file_name: 'd.png' },
        { id: 4, file_name: '../secret.jpg' },
        { id: 5, file_name: 'b.jpg' },
        { id: 6, file_name: 'broken.jpg' },
      ],
      annotations: [
        { image_id: 3, caption: 'A square.' },
        { image_id: 1, caption: 'One\n text. ' },
        { image_id: 1, caption: 'Another text.' },
        { image_id: 2, caption: 'Nothing to see.' },
        { image_id: 4, caption: 'Nothing to see.' },
        { image_id: 6, caption: 'Nothing to see.' },
      ],
    }),
  );
  const outDir = newOut();
  const summary = await importDataset({ from: 'coco', captions, images }, { outDir });
  assert.deepEqual(summary.failed, { 'no-text': 1, 'not-an-image': 1, 'missing-image': 2 });
  assert.deepEqual(await read(outDir, 'validation'), [
    { key: '000000000', field: 'jpg', text: 'One text.', texts: ['One text.', 'Another text.'], width: 40 },
    { key: '000000001', field: 'jpg', text: 'A square.', texts: ['A square.'], width: 43 },
  ]);
  const [row] = await readParquet(join(outDir, 'validation/00000.parquet'));
  assert.deepEqual(
    [row!.url, row!.license_url, row!.texts, row!.original_width],
    ['https://coco.example/a.jpg', 'https://licence.example/by', '["One text.","Another text."]', 40],
  );
});

test('Karpathy’s splits: restval is trained on', async () => {
  const sentences = [{ raw: 'Text.' }];
  const captions = write(
    'dataset_flickr8k.json',
    JSON.stringify({
      images: [
        { filename: 'a.jpg', split: 'test', sentences },
        { filename: 'b.jpg', split: 'restval', sentences },
        { filename: 'c.jpg', split: 'val', sentences },
        { filename: 'd.png', split: 'train', sentences },
      ],
    }),
  );
  const { splits } = await importDataset({ from: 'coco', captions, images }, { outDir: newOut() });
  assert.deepEqual(
    Object.entries(splits).map(([split, { samples }]) => [split, samples]),
    [
      ['test', 1],
      ['train', 2],
      ['validation', 1],
    ],
  );
});

test('Flickr: token file, with and without the official lists', async () => {
  const tokens = write('tokens.txt', 'a.jpg#0\tFirst\r\na.jpg#1\tSecond\r\n\nb.jpg#0\tThird\nc.jpg#0\tFourth\n');
  const outDir = newOut();
  const all = await importDataset({ from: 'flickr', tokens, images }, { outDir });
  assert.equal(all.splits.train!.samples, 3);
  assert.deepEqual(
    (await read(outDir, 'train')).map(({ texts }) => texts),
    [['First', 'Second'], ['Third'], ['Fourth']],
  );
  const splitFiles = { train: write('train.txt', 'b.jpg\n'), test: write('test.txt', 'a.jpg\nzzz.jpg\n') };
  const split = await importDataset({ from: 'flickr', tokens, images, splitFiles }, { outDir: newOut() });
  assert.deepEqual([split.splits.train!.samples, split.splits.test!.samples], [1, 1]);
  assert.deepEqual(split.failed, { 'no-text': 1 });
});

test('WebDataset: any shards, upper case, other fields, split folders; importing twice gives the same bytes', async () => {
  const source = join(root, 'foreign/val');
  mkdirSync(source, { recursive: true });
  const writer = new TarWriter(join(source, 'x-7.tar'));
  const jpg = readFileSync(join(images, 'a.jpg'));
  writer.add('dir/one', { JPG: jpg, txt: Buffer.from('One') });
  writer.add('dir/two', { png: readFileSync(join(images, 'd.png')), json: Buffer.from('{"caption":"Two"}') });
  writer.add('dir/three', { jpg, cls: Buffer.from('3') });
  writer.add('dir/four', { txt: Buffer.from('Four') });
  writer.add('dir/five', { jpg, json: Buffer.from('{"texts":["5","five"],"uid":"0123456789abcdef0123456789abcdef"}') });
  writer.add('dir/six', { jpg, json: Buffer.from('{broken') });
  writer.commit();
  const bad: string[] = [];
  const outDir = newOut();
  const onBad = ({ key, reason }: { key: string; reason: string }) => bad.push(`${reason} ${key}`);
  const options = { outDir, samplesPerShard: 2 };
  const summary = await importDataset({ from: 'webdataset', paths: source }, options, { onBad });
  assert.deepEqual(summary.failed, { 'no-text': 1, 'missing-image': 1, 'bad-json': 1 });
  assert.deepEqual(bad, []);
  assert.deepEqual(
    (await read(outDir, 'validation')).map(({ key, field, texts }) => [key, field, texts]),
    [
      ['000000', 'jpg', ['One']],
      ['000001', 'jpg', ['Two']],
      ['000010', 'jpg', ['5', 'five']],
    ],
  );
  const other = newOut();
  await importDataset({ from: 'webdataset', paths: source }, { ...options, outDir: other });
  const hashes = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), createHash('sha256').update(readFileSync(path)).digest('hex')]);
  assert.deepEqual(hashes(other), hashes(outDir));
});

test('WebDataset: the texts that are named, whatever text lies beside them', async () => {
  const source = join(root, 'named');
  mkdirSync(source);
  const writer = new TarWriter(join(source, '0.tar'));
  const jpg = readFileSync(join(images, 'a.jpg'));
  const [txt, json] = [Buffer.from('Alt text'), Buffer.from('{"re_caption":"A better one"}')];
  writer.add('one', { jpg, txt, json });
  writer.add('two', { jpg, txt, json: Buffer.from('{"caption":"Two"}') });
  writer.commit();
  const outDir = newOut();
  const from = { from: 'webdataset', paths: source } as const;
  const { failed } = await importDataset({ ...from, textColumn: 're_caption' }, { outDir });
  assert.deepEqual(failed, { 'no-text': 1 });
  assert.deepEqual(
    (await read(outDir, 'train')).map(({ texts }) => texts),
    [['A better one']],
  );
  await assert.rejects(importDataset({ ...from, textColumn: 'none' }, { outDir: newOut() }), {
    name: 'UserError',
    message: /Expected samples with none for textColumn/,
  });
});

test('parquet: image structs or bytes, one text or a list', async () => {
  const bytes = readFileSync(join(images, 'a.jpg'));
  const struct = write(
    'train-00000-of-00001.parquet',
    new Uint8Array(
      parquetWriteBuffer({
        schema: [
          { name: 'root', num_children: 2 },
          { name: 'image', repetition_type: 'OPTIONAL', num_children: 2 },
          { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
          { name: 'path', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
          { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
        ],
        columnData: [
          { name: 'image', data: [{ bytes, path: 'a.jpg' }, null, { bytes, path: 'b.jpg' }] },
          { name: 'text', data: ['Größe', 'Nothing', null] },
        ],
      }),
    ),
  );
  const outDir = newOut();
  const summary = await importDataset({ from: 'parquet', paths: [struct] }, { outDir });
  assert.deepEqual(summary.failed, { 'no-text': 1, 'missing-image': 1 });
  assert.deepEqual(
    (await read(outDir, 'train')).map(({ texts }) => texts),
    [['Größe']],
  );
  const [row] = await readParquet(join(outDir, 'train/00000.parquet'));
  assert.equal(row!.sha256, createHash('sha256').update(bytes).digest('hex'));
  const plain = write(
    'test.parquet',
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: 'jpg', data: [bytes], type: 'BYTE_ARRAY' },
          { name: 'alt', data: ['A text'], type: 'STRING' },
        ],
      }),
    ),
  );
  const second = await importDataset({ from: 'parquet', paths: [plain] }, { outDir: newOut() });
  assert.equal(second.splits.test!.samples, 1);
});

test('lists of URLs: Conceptual Captions in both orders, SBU', async () => {
  const list = write(
    'cc.tsv',
    'a caption\thttp://a.example/1.jpg\nhttp://a.example/2.jpg\tan other  caption\nno url\tno caption\nhttp://a.example/3.jpg\t\n',
  );
  const outFile = join(root, 'lists/urls.jsonl');
  assert.deepEqual(await importUrlList({ list, outFile }), { urls: outFile, rows: 2, badRows: 2 });
  assert.equal(
    readFileSync(outFile, 'utf8'),
    '{"url":"http://a.example/1.jpg","caption":"a caption"}\n{"url":"http://a.example/2.jpg","caption":"an other caption"}\n',
  );
  const sbu = write(
    'sbu.json',
    JSON.stringify({ image_urls: ['http://b.example/1.jpg', ''], captions: ['One', 'Two'] }),
  );
  assert.deepEqual(await importUrlList({ list: sbu, outFile }), { urls: outFile, rows: 1, badRows: 1 });
  await assert.rejects(importUrlList({ list: write('empty.tsv', 'x\ty\n'), outFile }), UserError);
  await assert.rejects(importUrlList({ list: write('other.json', '{}'), outFile }), UserError);
});

test('an export is sharded anew without its corpus: a subset of ids keeps ids and texts', async () => {
  const corpus = join(root, 'corpus');
  const ids = await writeSmallCorpus(corpus, { images: 12 });
  await exportShards({ corpusDir: corpus, validationFraction: 0 });
  const wanted = ids.slice(3, 8);
  const subset = await readSubset(write('subset.npy', subsetNpy(wanted)));
  assert.deepEqual([...subset], wanted);
  const outDir = newOut();
  const paths = join(corpus, 'shards/train');
  const summary = await importDataset({ from: 'webdataset', paths }, { outDir, samplesPerShard: 2, subset });
  assert.deepEqual(summary.splits.train, { ...summary.splits.train, shards: 3, samples: 5 });
  assert.deepEqual(summary.failed, { 'not-in-subset': 7 });
  const found = [];
  for await (const { fields } of readShards({ paths: join(outDir, 'train') }))
    found.push(JSON.parse(fields.json!.toString()).uid);
  assert.deepEqual(found, wanted);
  assert.deepEqual([...(await readSubset(write('subset.txt', `${wanted.join('\n')}\n`)))], wanted);
});

describe('imports: the operator’s mistakes', () => {
  // biome-ignore format: a table of behaviour, one case a line
  const table: [string, () => Promise<unknown>][] = [
    ['no such file', () => importDataset({ from: 'coco', captions: join(root, 'no.json'), images }, { outDir: newOut() })],
    ['another JSON', () => importDataset({ from: 'coco', captions: write('x.json', '{"images":[]}'), images }, { outDir: newOut() })],
    ['no JSON', () => importDataset({ from: 'coco', captions: write('n.json', '{'), images }, { outDir: newOut() })],
    ['a table whose quote is never closed', () => importDataset({ from: 'flickr', tokens: write('q.csv', 'image,caption\na.jpg,"open\n'), images }, { outDir: newOut() })],
    ['another token file', () => importDataset({ from: 'flickr', tokens: write('x.txt', 'a,b\n'), images }, { outDir: newOut() })],
    ['no parquet', () => importDataset({ from: 'parquet', paths: [write('x.parquet', 'nothing like it')] }, { outDir: newOut() })],
    ['no image column', () => importDataset({ from: 'parquet', paths: [write('y.parquet', new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'n', data: [1], type: 'INT32' }] })))] }, { outDir: newOut() })],
    ['no image at all', () => importDataset({ from: 'flickr', tokens: write('z.txt', 'zzz.jpg#0\ttext\n'), images }, { outDir: newOut() })],
    ['ids of another form', () => readSubset(write('ids.txt', 'abc\n'))],
    ['an array of another form', () => readSubset(write('ids.npy', subsetNpy([]).toString('latin1').replace('u8', 'u4')))],
  ];
  for (const [name, run] of table) test(name, () => assert.rejects(run, UserError));
});

test('a picture outside of the image folder is not read', async () => {
  cpSync(join(images, 'a.jpg'), join(root, 'outside.jpg'));
  const tokens = write('escape.txt', '../outside.jpg#0\tText\na.jpg#0\tText\n');
  const { failed } = await importDataset({ from: 'flickr', tokens, images }, { outDir: newOut() });
  assert.deepEqual(failed, { 'missing-image': 1 });
});
