/** What lists of URLs say of a pair comes out beside it: typed columns, names that are ours renamed, exports that grow. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { exportShards } from '../../../dataset/export/export.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { columnNames, columnsJson, keepListColumns, listColumns } from '../../../dataset/ledger/list-columns.ts';
import { readParquet, tableColumns } from '../../../dataset/shards/parquet.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { smallId, smallUrl, writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-list-columns-'));
after(() => rmSync(root, { recursive: true, force: true }));

const listed: Readonly<Record<string, unknown>>[] = [
  { uid: 'u0', similarity: 0.25, hash: -4611686018427387905n, nsfw: true, note: 'x', URL: 'https://other.example/' },
  { uid: 'u1', similarity: 1, hash: 7n, nsfw: false, note: 5 },
  {},
  { uid: 'u3', similarity: 2 },
];

function keep(corpusDir: string, rows: readonly Readonly<Record<string, unknown>>[], first = 0): void {
  const ledger = Ledger.open(corpusDir);
  for (const [at, row] of rows.entries()) {
    const json = columnsJson(row, columnNames(Object.keys(row)));
    if (json !== null) keepListColumns(ledger, smallId(first + at), json);
  }
  ledger.close();
}

async function corpusWith(name: string): Promise<string> {
  const corpusDir = join(root, name);
  await writeSmallCorpus(corpusDir, { images: 3, failed: 1 });
  keep(corpusDir, listed);
  return corpusDir;
}

const about = (row: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(
    ['uid', 'url', 'uid_list', 'URL_list', 'similarity', 'hash', 'nsfw', 'note'].map((name) => [name, row[name]]),
  );
const nothing = { uid_list: null, URL_list: null, similarity: null, hash: null, nsfw: null, note: null };
const inTable = [
  {
    uid_list: 'u0',
    URL_list: 'https://other.example/',
    similarity: 0.25,
    hash: -4611686018427387905n,
    nsfw: true,
    note: 'x',
  },
  { ...nothing, uid_list: 'u1', similarity: 1, hash: 7n, nsfw: false, note: '5' },
  nothing,
  { ...nothing, uid_list: 'u3', similarity: 2 },
].map((row, i) => ({ uid: smallId(i), url: smallUrl(i), ...row }));

const options = { validationFraction: 0, samplesPerShard: 10 } as const;

for (const format of ['webdataset', 'parquet', 'jsonl'] as const) {
  test(`${format} has the columns, typed where all values are of one kind`, async () => {
    const corpusDir = await corpusWith(`corpus-${format}`);
    const outDir = join(root, format);
    await exportShards({ ...options, corpusDir, outDir, format });
    const table = join(outDir, 'train/00000.parquet');
    const { image: _, ...types } = await tableColumns(table);
    assert.deepEqual(
      ['uid_list', 'URL_list', 'similarity', 'hash', 'nsfw', 'note'].map((name) => types[name]),
      ['STRING', 'STRING', 'DOUBLE', 'INT64', 'BOOLEAN', 'STRING'],
    );
    const rows = (await readParquet(table)).map(about).sort((a, b) => (String(a.url) < String(b.url) ? -1 : 1));
    assert.deepEqual(rows, format === 'parquet' ? inTable.slice(0, 3) : inTable);
  });
}

test('the JSON of a sample has them; a whole number that JavaScript cannot hold is its digits', async () => {
  const found: unknown[] = [];
  for await (const { fields } of readShards({ paths: [join(root, 'webdataset/train')] })) {
    const row = JSON.parse(fields.json!.toString());
    if (row.url === smallUrl(0)) found.push(about(row));
  }
  assert.deepEqual(found, [{ ...inTable[0], hash: '-4611686018427387905' }]);
});

test('a damaged shard is made again with them, and a takedown leaves those of the others', async () => {
  const corpusDir = await corpusWith('mended');
  const outDir = join(corpusDir, 'shards');
  await exportShards({ ...options, corpusDir });
  const whole = readFileSync(join(outDir, 'train/00000.parquet'));
  truncateSync(join(outDir, 'train/00000.parquet'), 100);
  const { faults } = await verify({ shardsDir: outDir, corpusDir, repair: true });
  assert.deepEqual(
    faults.map(({ path, repaired }) => [path, repaired]),
    [['train/00000.parquet', true]],
  );
  assert.deepEqual(readFileSync(join(outDir, 'train/00000.parquet')), whole);
  await takedown({ corpusDir, urls: [smallUrl(0)], note: 'asked' });
  const left = (await readParquet(join(outDir, 'train/00000.parquet'))).map(about);
  assert.deepEqual(
    left.sort((a, b) => (String(a.url) < String(b.url) ? -1 : 1)),
    inTable.slice(1),
  );
  const ledger = Ledger.open(corpusDir);
  assert.equal(ledger.db.prepare('SELECT count(*) FROM list_columns').pluck().get(), 2);
  ledger.close();
});

test('an export that grows keeps its columns; a rebuilt one has all', async () => {
  const corpusDir = await corpusWith('grown');
  const outDir = join(corpusDir, 'shards');
  await exportShards({ ...options, corpusDir });
  const first = readFileSync(join(outDir, 'train/00000.tar'));
  await writeSmallCorpus(corpusDir, { images: 1, first: 100 });
  keep(corpusDir, [{ uid: 5, similarity: 'high', hash: 9n, license: 'by' }], 100);
  const grown = await exportShards({ ...options, corpusDir });
  assert.deepEqual(grown.columnsLeftOut, ['license']);
  assert.deepEqual(readFileSync(join(outDir, 'train/00000.tar')), first);
  const [row] = await readParquet(join(outDir, 'train/00001.parquet'));
  assert.deepEqual(about(row!), { ...nothing, uid: smallId(100), url: smallUrl(100), uid_list: '5', hash: 9n });
  assert.equal('license' in row!, false);
  const rebuilt = await exportShards({ ...options, corpusDir, rebuild: true });
  assert.deepEqual(rebuilt.columnsLeftOut, []);
  const all = await readParquet(join(outDir, 'train/00000.parquet'));
  assert.deepEqual(
    all.filter(({ license }) => license === 'by').map(({ uid, similarity }) => [uid, similarity]),
    [[smallId(100), 'high']],
  );
});

test('a corpus without lists has none', async () => {
  const corpusDir = join(root, 'none');
  await writeSmallCorpus(corpusDir, { images: 1 });
  const ledger = Ledger.open(corpusDir);
  assert.deepEqual(listColumns(ledger), {});
  ledger.close();
});
