import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { takedown } from '../../../dataset/export/takedown.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { importDataset } from '../../../dataset/import/import.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { takenDownOf } from '../../../dataset/ledger/tombstones.ts';
import { readManifest } from '../../../dataset/shards/manifest.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { endOfArchive, headerChecksum, paddingBytes, tarHeader } from '../../../dataset/shards/tar-header.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-untrusted-'));
after(() => rmSync(root, { recursive: true, force: true }));
const pictures: Buffer[] = [];
before(async () => {
  for (const r of [10, 120, 230]) {
    const create = { width: 40, height: 30, channels: 3 as const, background: { r, g: 90, b: 60 } };
    pictures.push(await sharp({ create }).jpeg().toBuffer());
  }
});

const file = (name: string, body: Uint8Array | string) => {
  const bytes = Buffer.from(body);
  return Buffer.concat([tarHeader(name, bytes.length), bytes, Buffer.alloc(paddingBytes(bytes.length))]);
};
const typed = (name: string, body: string, type: string) => {
  const block = tarHeader(name, body.length);
  block.write(type, 156, 'latin1');
  block.write(`${headerChecksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, Buffer.from(body), Buffer.alloc(paddingBytes(body.length))]);
};
const sample = (key: string) => [file(`${key}.jpg`, pictures[0]!), file(`${key}.txt`, `Text of ${key}`)];
const paxPath = (path: string) => {
  const length = path.length + 9;
  return typed('PaxHeader', `${length} path=${path}\n`, 'x');
};

async function bring(name: string, write: (path: string) => void) {
  const folder = join(root, name);
  mkdirSync(folder);
  const shard = join(folder, 'x.tar');
  write(shard);
  const outDir = join(folder, 'out');
  const bad: string[] = [];
  const onBad = ({ key, reason }: { key: string; reason: string }) => bad.push(`${reason} ${key}`.trim());
  const { splits, failed } = await importDataset({ from: 'webdataset', paths: shard }, { outDir }, { onBad });
  assert.deepEqual(readdirSync(folder).sort(), ['out', 'x.tar'], 'nothing outside of the target folder');
  const names = readdirSync(outDir, { recursive: true }) as string[];
  assert.ok(names.every((one) => /^(train(\/(\d{5}(\.tar|\.parquet|_stats\.json)|sizes\.json|index\.json))?|README\.md|croissant\.json|funnel\.svg|manifest\.json)$/.test(one)), names.join(' ')); // biome-ignore format: one rule
  return { samples: splits.train!.samples, bad, failed };
}

describe('imports: what is broken is a reason, the rest comes in, nothing is written elsewhere', () => {
  // biome-ignore format: a table of behaviour, one case a line
  const table: [string, () => Buffer[], number, string[], Record<string, number>][] = [
    ['a picture without a text', () => [file('0.jpg', pictures[1]!), ...sample('1')], 1, [], { 'no-text': 1 }],
    ['a text without a picture', () => [file('0.txt', 'x'), ...sample('1')], 1, [], { 'missing-image': 1 }],
    ['two samples with one key', () => [...sample('1'), ...sample('1'), ...sample('2')], 2, ['duplicate-field 1', 'duplicate-field 1'], { 'duplicate-field': 1 }],
    ['a picture of 0 bytes', () => [file('0.jpg', ''), file('0.txt', 'x'), ...sample('1')], 1, [], { 'empty-image': 1 }],
    ['a picture that is none', () => [file('0.jpg', '<html>'), file('0.txt', 'x'), ...sample('1')], 1, [], { 'not-an-image': 1 }],
    ['cut inside a header', () => [...sample('1'), file('2.jpg', pictures[1]!).subarray(0, 300)], 1, ['cut-in-header'], { 'cut-in-header': 1 }],
    ['cut inside a body', () => [...sample('1'), file('2.jpg', pictures[1]!).subarray(0, 600)], 1, ['cut-in-body 2.jpg'], { 'cut-in-body': 1 }],
    ['names that lead out', () => [file('../0.jpg', pictures[1]!), file('/tmp/0.txt', 'x'), file('a/../../0.json', '{}'), ...sample('1')], 1, ['unsafe-name ../0.jpg', 'unsafe-name /tmp/0.txt', 'unsafe-name a/../../0.json'], { 'unsafe-name': 3 }],
    ['a PAX path that leads out', () => [paxPath('../../0.jpg'), file('0.jpg', pictures[1]!), ...sample('1')], 1, ['unsafe-name ../../0.jpg'], { 'unsafe-name': 1 }],
    ['a PAX path', () => [paxPath('far/9.jpg'), file('x', pictures[1]!), file('far/9.txt', 'x')], 1, [], {}],
    ['a GNU long name', () => [typed('././@LongLink', `${'d/'.repeat(90)}9.jpg\0`, 'L'), file('x', pictures[1]!), typed('././@LongLink', `${'d/'.repeat(90)}9.txt\0`, 'L'), file('x', 'Text')], 1, [], {}],
    ['a sparse file', () => [typed('0.jpg', 'data', 'S'), ...sample('1')], 1, ['sparse-file 0.jpg'], { 'sparse-file': 1 }],
    ['a link', () => [typed('0.jpg', '', '2'), ...sample('1')], 1, ['not-a-file 0.jpg'], { 'not-a-file': 1 }],
  ];
  for (const [name, members, samples, bad, failed] of table) {
    test(name, async () => {
      const found = await bring(name.replaceAll(' ', '-'), (path) =>
        writeFileSync(path, Buffer.concat([...members(), ...(name.startsWith('cut') ? [] : [endOfArchive])])),
      );
      assert.deepEqual(found, { samples, bad, failed });
    });
  }

  test('a member of 5 GB is passed over in constant memory', async () => {
    const size = 5_000_000_000;
    const before = process.memoryUsage().rss;
    const found = await bring('huge', (path) => {
      const handle = openSync(path, 'w');
      writeSync(handle, tarHeader('0.jpg', size));
      const end = 512 + size + paddingBytes(size); // a hole: it takes no room on the disk
      writeSync(handle, Buffer.concat([...sample('1'), endOfArchive]), 0, undefined, end);
      closeSync(handle);
    });
    assert.deepEqual(found, { samples: 1, bad: ['member-too-large 0.jpg'], failed: { 'member-too-large': 1 } });
    assert.ok(process.memoryUsage().rss - before < 500e6);
  });
});

test('an import has a card and a Croissant file; a takedown keeps the other captions; it does not come back', async () => {
  const corpusDir = join(root, 'corpus');
  Ledger.open(corpusDir).close();
  const images = join(root, 'images');
  mkdirSync(images);
  for (const [i, bytes] of pictures.entries()) writeFileSync(join(images, `${i}.jpg`), bytes);
  const tokens = join(root, 'tokens.txt');
  writeFileSync(tokens, [0, 1, 2, 3].map((i) => `${i}.jpg#0\tText ${i}\n${i}.jpg#1\tMore of ${i}\n`).join(''));
  const lists = { train: [0, 1, 3], test: [2] };
  const splitFiles = Object.fromEntries(
    Object.entries(lists).map(([split, of]) => {
      const path = join(root, `${split}.txt`);
      writeFileSync(path, of.map((i) => `${i}.jpg\n`).join(''));
      return [split, path];
    }),
  );
  const outDir = join(corpusDir, 'shards');
  const bring = async () => {
    const ledger = Ledger.open(corpusDir);
    const totals: number[] = [];
    const onProgress = ({ total }: { total: number }) => totals.push(total);
    const card = { name: 'Three colours', license: 'cc-by-4.0', languages: ['en'] };
    const source = { from: 'flickr', tokens, images, splitFiles } as const;
    const summary = await importDataset(source, { outDir, card, takenDown: takenDownOf(ledger) }, { onProgress });
    ledger.close();
    return { ...summary, totals };
  };
  const first = await bring();
  assert.deepEqual(first.totals, [1, 2, 3, 4]);
  const readme = () => readFileSync(join(outDir, 'README.md'), 'utf8');
  for (const line of [
    'license: cc-by-4.0',
    'language:\n  - en\n',
    '      - split: train\n        path: train/*.tar\n      - split: test\n        path: test/*.tar\n',
    '# Three colours',
    '3 samples in 2 shards, 0.0 MB.',
    '| train | 2 | 1 |',
    '| `missing-image` | 4 | 1 | 3 |',
  ]) {
    assert.ok(readme().includes(line), line);
  }
  const croissant = JSON.parse(readFileSync(join(outDir, 'croissant.json'), 'utf8'));
  assert.deepEqual(
    croissant.recordSet.map((set: { name: string }) => set.name),
    ['train-texts', 'train-images', 'test-texts', 'test-images'],
  );
  assert.ok(existsSync(join(outDir, 'funnel.svg')));
  assert.deepEqual((await verify({ shardsDir: outDir })).faults, []);

  const rows = await readParquet(join(outDir, 'train/00000.parquet'));
  const sha256 = rows.find(({ caption }) => caption === 'Text 0')!.sha256 as string;
  assert.deepEqual((await takedown({ corpusDir, sha256s: [sha256] })).shardsRewritten, ['train/00000.tar']);
  const left = await readParquet(join(outDir, 'train/00000.parquet'));
  assert.deepEqual(
    left.filter(({ status }) => status === 'success').map(({ texts }) => texts),
    ['["Text 1","More of 1"]'],
  );
  assert.ok(readme().includes('2 samples in 2 shards'));
  assert.deepEqual(readManifest(outDir).samples, { train: 1, test: 1 });
  assert.deepEqual((await verify({ shardsDir: outDir })).faults, []);

  const again = await bring();
  assert.deepEqual([again.splits.train!.samples, again.failed], [1, { 'taken-down': 1, 'missing-image': 1 }]);
});
