import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parquetMetadata } from 'hyparquet';
import { exportShards } from '../../../dataset/export/export.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { readManifest } from '../../../dataset/shards/manifest.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { contents } from '../../helpers/contents.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-export-'));
after(() => rmSync(root, { recursive: true, force: true }));
const corpus = join(root, 'corpus');
let ids: string[];
before(async () => {
  ids = await writeSmallCorpus(corpus, { images: 60, failed: 5 });
});

const settings = { corpusDir: corpus, samplesPerShard: 10, validationFraction: 0.2 } as const;

test('every kept pair is one sample, with image, text and what is known of it', async () => {
  const outDir = join(root, 'whole');
  const summary = await exportShards({ ...settings, outDir });
  const { train, validation } = summary.splits;
  assert.equal(train.samples + validation.samples, 60);
  assert.ok(validation.samples > 0);
  assert.deepEqual(summary.failed, { 'http-404': 5 });
  const seen: string[] = [];
  for await (const { key, fields } of readShards({ paths: [join(outDir, 'train'), join(outDir, 'validation')] })) {
    assert.match(key, /^(validation-)?\d{6}$/);
    assert.deepEqual(Object.keys(fields), ['jpg', 'json', 'txt']);
    const about = JSON.parse(fields.json!.toString());
    seen.push(about.uid);
    assert.equal(about.caption, fields.txt!.toString());
    assert.equal(about.key, key);
    assert.equal(about.sha256, createHash('sha256').update(fields.jpg!).digest('hex'));
    assert.equal(about.page_url, 'https://site.example/page.html');
    assert.equal(about.rights_robots_txt, 'allowed');
  }
  assert.deepEqual(seen.sort(), ids);
});

test('the tables have all rows, the stats their counts, the manifest the hash of every file', async () => {
  const outDir = join(root, 'whole');
  const stats: Record<string, number>[] = [];
  const rows: Record<string, unknown>[] = [];
  for (const split of ['train', 'validation']) {
    for (const name of readdirSync(join(outDir, split)).sort()) {
      if (name.endsWith('.parquet')) rows.push(...(await readParquet(join(outDir, split, name))));
      if (name.endsWith('_stats.json')) stats.push(JSON.parse(readFileSync(join(outDir, split, name), 'utf8')));
    }
  }
  assert.equal(rows.length, 65);
  assert.equal(rows.filter(({ status }) => status === 'success').length, 60);
  const failed = rows.filter(({ status }) => status === 'failed_to_download');
  assert.deepEqual(
    failed.map(({ error_message }) => error_message),
    Array(5).fill('http-404'),
  );
  const keys = rows.map(({ key }) => key as string);
  assert.equal(new Set(keys).size, 65);
  for (const { key } of failed) assert.match(key as string, /^(validation-)?0000\d1\d$/);
  assert.equal(
    stats.reduce((sum, { count }) => sum + count!, 0),
    65,
  );
  assert.equal(
    stats.reduce((sum, { successes }) => sum + successes!, 0),
    60,
  );
  const { 'manifest.json': _, ...files } = contents(outDir);
  const listed = readManifest(outDir).files;
  assert.deepEqual(Object.fromEntries(Object.entries(listed).map(([path, { sha256 }]) => [path, sha256])), files);
});

test('exporting again writes nothing', async () => {
  const outDir = join(root, 'whole');
  const before = contents(outDir);
  const summary = await exportShards({ ...settings, outDir });
  assert.equal(summary.shardsWritten, 0);
  assert.deepEqual(contents(outDir), before);
});

test('another folder gets the same bytes', async () => {
  const outDir = join(root, 'again');
  await exportShards({ ...settings, outDir });
  assert.deepEqual(contents(outDir), contents(join(root, 'whole')));
});

test('GNU tar lists a shard without complaint', () => {
  const path = join(root, 'whole/train/00000.tar');
  const names = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
  assert.deepEqual(names.slice(0, 4), ['000000.jpg', '000000.json', '000000.txt', '000001.jpg']);
  assert.equal(names.length, 30);
});

test('a cut shard and a left-over one are put right', async () => {
  const outDir = join(root, 'broken');
  cpSync(join(root, 'whole'), outDir, { recursive: true });
  truncateSync(join(outDir, 'train/00001.tar'), 1000);
  for (const name of ['00099.tar', '00099.parquet', '00099_stats.json', '00003.tar.tmp']) {
    writeFileSync(join(outDir, 'train', name), 'left over');
  }
  const summary = await exportShards({ ...settings, outDir });
  assert.equal(summary.shardsWritten, 1);
  assert.deepEqual(contents(outDir), contents(join(root, 'whole')));
});

test('a subset of ids has those samples and no others', async () => {
  const outDir = join(root, 'subset');
  const subset = new Set(ids.slice(0, 7));
  const summary = await exportShards({ ...settings, outDir, subset });
  assert.equal(summary.splits.train.samples + summary.splits.validation.samples, 7);
});

test('as parquet, the image is a column that Hugging Face knows', async () => {
  const outDir = join(root, 'parquet');
  await exportShards({ ...settings, outDir, format: 'parquet' });
  const path = join(outDir, 'train/00000.parquet');
  const rows = (await readParquet(path)) as {
    image: { bytes: Uint8Array; path: string };
    key: string;
    caption: string;
  }[];
  assert.equal(rows.length, 10);
  assert.deepEqual(
    rows.map(({ image }) => image.path),
    rows.map(({ key }) => `${key}.jpg`),
  );
  const metadata = parquetMetadata(readFileSync(path).buffer as ArrayBuffer);
  const { features } = JSON.parse(metadata.key_value_metadata![0]!.value!).info;
  assert.deepEqual([features.image, features.caption], [{ _type: 'Image' }, { dtype: 'string', _type: 'Value' }]);
  const again = await exportShards({ ...settings, outDir, format: 'parquet' });
  assert.equal(again.shardsWritten, 0);
  assert.deepEqual((await verify({ shardsDir: outDir })).faults, []);
});

test('as jsonl, each line names its image file, and nothing of the other form stays', async () => {
  const outDir = join(root, 'jsonl');
  await exportShards({ ...settings, outDir });
  await exportShards({ ...settings, outDir, format: 'jsonl', rebuild: true });
  assert.deepEqual(
    readdirSync(join(outDir, 'train')).filter((name) => name.startsWith('00000')),
    ['00000', '00000.jsonl', '00000.parquet', '00000_stats.json'],
  );
  const lines = readFileSync(join(outDir, 'train/00000.jsonl'), 'utf8').trim().split('\n');
  assert.equal(lines.length, 10);
  for (const line of lines) {
    const { file_name, sha256 } = JSON.parse(line);
    const bytes = readFileSync(join(outDir, 'train', file_name));
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
  }
  assert.deepEqual((await verify({ shardsDir: outDir })).faults, []);
});

test('a corpus that was not screened to its end is refused', async () => {
  const half = join(root, 'half');
  cpSync(corpus, half, { recursive: true });
  const ledger = Ledger.open(half);
  ledger.db.exec('UPDATE recipes SET finished = 0');
  ledger.close();
  await assert.rejects(exportShards({ ...settings, corpusDir: half }), UserError);
  await assert.rejects(exportShards({ ...settings, corpusDir: join(root, 'nothing') }), UserError);
});

test('SIGKILL after any shard, then again: the bytes of an undisturbed export', async () => {
  const runner = new URL('export-runner.ts', import.meta.url).pathname;
  const run = (outDir: string) =>
    spawn(process.execPath, ['--import', 'tsx', runner, corpus, outDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = (child: ReturnType<typeof run>) => new Promise((resolve) => child.on('exit', resolve));
  const whole = join(root, 'undisturbed');
  const undisturbed = run(whole);
  undisturbed.stdout.resume();
  assert.equal(await ended(undisturbed), 0);
  const outDir = join(root, 'killed');
  for (const delayMs of [0, 3, 6]) {
    const child = run(outDir);
    const end = ended(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill('SIGKILL');
    await end;
  }
  const last = run(outDir);
  last.stdout.resume();
  assert.equal(await ended(last), 0);
  assert.deepEqual(contents(outDir), contents(whole));
});
