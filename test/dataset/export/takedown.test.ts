import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import sharp from 'sharp';
import { explain } from '../../../dataset/export/explain.ts';
import { exportShards } from '../../../dataset/export/export.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { pairId } from '../../../dataset/pair.ts';
import { readManifest } from '../../../dataset/shards/manifest.ts';
import { PictureColumns } from '../../../dataset/shards/picture-columns.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { extractRegions } from '../../../model/regions/extract.ts';
import { openDetector } from '../../../model/regions/open.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-takedown-'));
after(() => rmSync(root, { recursive: true, force: true }));
const original = join(root, 'original');
let ids: string[];
before(async () => {
  ids = await writeSmallCorpus(original, { images: 30, failed: 2 });
  await exportShards({ corpusDir: original, samplesPerShard: 10, validationFraction: 0.2 });
});

/** What takedown-runner.ts takes down. */
const taken = [1, 2, 3, 5, 8, 13, 21].map((i) => `https://site.example/${i}.jpg`);

let copies = 0;

function copy(): string {
  copies += 1;
  const corpus = join(root, `copy-${copies}`);
  cpSync(original, corpus, { recursive: true });
  return corpus;
}

async function uids(corpus: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { fields } of readShards({
    paths: [join(corpus, 'shards/train'), join(corpus, 'shards/validation')],
  })) {
    found.push(JSON.parse(fields.json!.toString()).uid);
  }
  return found.sort();
}

const url = (i: number) => `https://site.example/${i}.jpg`;
const id = (i: number) => pairId(url(i), `A square of colour number ${i}`);

test('one image leaves its shard, raw and the ledger, and nothing else changes', async () => {
  const corpus = copy();
  const ledger = Ledger.open(corpus);
  const { sha256 } = ledger.db.prepare('SELECT sha256 FROM images WHERE url = ?').get(url(7)) as { sha256: string };
  const summary = await takedown({ corpusDir: corpus, urls: [url(7)], note: 'asked by mail' });
  assert.deepEqual(
    { ...summary, bytes: summary.bytes > 0, shardsRewritten: summary.shardsRewritten.length },
    {
      tombstones: 1,
      isKnown: true,
      images: 1,
      bytes: true,
      pairs: 1,
      samples: 1,
      pages: 0,
      shardsRewritten: 1,
      shardsRemoved: [],
      deleted: [],
      unreached: [],
      learned: [],
      left: [],
    },
  );
  assert.deepEqual(
    await uids(corpus),
    ids.filter((one) => one !== id(7)),
  );
  assert.deepEqual((await verify({ shardsDir: join(corpus, 'shards') })).faults, []);
  assert.deepEqual(ledger.db.prepare('SELECT status, reason, sha256 FROM images WHERE url = ?').get(url(7)), {
    status: 'refused',
    reason: 'taken-down',
    sha256: null,
  });
  const raw = readFileSync(join(corpus, 'raw/000000.tar')).toString('latin1');
  assert.equal(raw.includes(sha256), false);
  assert.equal(raw.includes('removed'), true);
  assert.equal(ledger.isTakenDown({ url: url(7) }), true);
  assert.equal(ledger.isTakenDown({ sha256 }), true);
  assert.equal(ledger.isTakenDown({ url: url(8) }), false);
  ledger.close();
  const { pairs, takenDown } = await explain({ corpusDir: corpus, what: url(7) });
  assert.equal(pairs.length, 0);
  assert.deepEqual(
    takenDown.map(({ kind, note }) => [kind, note]),
    [['url', 'asked by mail']],
  );
});

test('a later crawl does not bring it back, neither by its URL nor by its bytes', async () => {
  const corpus = copy();
  const ledger = Ledger.open(corpus);
  const stored = ledger.db
    .prepare(
      `SELECT format, width, height, frames, byte_length AS byteLength, sha256, phash, segment, offset FROM images
       WHERE url = ?`,
    )
    .get(url(3)) as Parameters<Ledger['recordImage']>[0]['stored'];
  await takedown({ corpusDir: corpus, urls: [url(3)] });
  const page = { url: 'https://other.example/', status: 'fetched' as const, fetchedAtMs: 1 };
  const text = { source: 'alt' as const, text: 'Here it is again' };
  ledger.recordPage(page, [
    { url: url(3), texts: [text] },
    { url: 'https://other.example/copy.jpg', texts: [text] },
  ]);
  ledger.recordImage({ url: 'https://other.example/copy.jpg', status: 'success', fetchedAtMs: 1, stored: stored! });
  const found = ledger.db.prepare(
    'SELECT i.url, i.status, i.reason, i.segment FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.page_url = ?',
  );
  assert.deepEqual(found.all(page.url), [
    { url: 'https://other.example/copy.jpg', status: 'refused', reason: 'taken-down', segment: null },
  ]);
  ledger.close();
});

test('a host takes everything found there with it', async () => {
  const corpus = copy();
  const summary = await takedown({ corpusDir: corpus, hosts: ['SITE.example'] });
  assert.equal(summary.images, 30);
  assert.equal(summary.pairs, 32);
  assert.deepEqual(await uids(corpus), []);
});

test('running it again after any step gives the same end', async () => {
  const once = copy();
  await takedown({ corpusDir: once, urls: [url(1), url(2)] });
  const twice = copy();
  await takedown({ corpusDir: twice, urls: [url(1)] });
  // As if it was killed after the archive and before the table: the table still names the sample.
  const table = (corpus: string) => join(corpus, 'shards/train/00000.parquet');
  const before = readFileSync(table(original));
  if (!readFileSync(table(twice)).equals(before)) writeFileSync(table(twice), before);
  await takedown({ corpusDir: twice, urls: [url(1), url(2)] });
  // Two takedowns are two versions of the same samples.
  const [ofOnce, ofTwice] = [once, twice].map((corpus) => readManifest(join(corpus, 'shards')));
  assert.deepEqual([ofOnce!.export!.version, ofTwice!.export!.version], [2, 3]);
  assert.equal(ofOnce!.export!.sha256, ofTwice!.export!.sha256);
  assert.deepEqual(ofOnce!.samples, ofTwice!.samples);
  const shardFiles = (files: object) => Object.entries(files).filter(([path]) => path.includes('/'));
  assert.deepEqual(shardFiles(ofOnce!.files), shardFiles(ofTwice!.files));
});

test('what was taken down is named in the list of changes by its key alone', async () => {
  const corpus = copy();
  await takedown({ corpusDir: corpus, urls: [url(7)] });
  const { history } = readManifest(join(corpus, 'shards'));
  assert.deepEqual(history!.at(-1)!.removed, { 'taken-down': 1 });
  const lines = readFileSync(join(corpus, 'shards/changes.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ change }) => change),
    ['shard-rewritten', 'sample-removed'],
  );
  assert.deepEqual(Object.keys(lines[1]), ['version', 'change', 'shard', 'key', 'reason']);
});

test('what an export has not taken over yet goes as well', async () => {
  const corpus = copy();
  mkdirSync(join(corpus, 'shards/.next/train'), { recursive: true });
  cpSync(join(corpus, 'shards/train/00000.tar'), join(corpus, 'shards/.next/train/00009.tar'));
  await takedown({ corpusDir: corpus, urls: [url(7)] });
  assert.equal(existsSync(join(corpus, 'shards/.next')), false);
});

/** All files below a folder, by path. */
function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const read = files.map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path.slice(folder.length + 1), readFileSync(path).toString('base64')] as const;
  });
  return new Map(read.sort(([a], [b]) => (a < b ? -1 : 1)));
}

for (const format of ['parquet', 'jsonl'] as const) {
  test(`${format}: only the shards that held the picture are rewritten, and everything that speaks of them is right`, async () => {
    const corpus = copy();
    const shardsDir = join(corpus, 'shards');
    rmSync(shardsDir, { recursive: true });
    await exportShards({ corpusDir: corpus, samplesPerShard: 10, validationFraction: 0.2, format });
    const before = contents(shardsDir);
    const samples = (await importedTexts(shardsDir, format)).sort();
    const summary = await takedown({ corpusDir: corpus, urls: [url(4), url(31)] });
    assert.equal(summary.samples, 1);
    assert.deepEqual(summary.shardsRemoved, []);
    const text = 'A square of colour number 4';
    assert.deepEqual(
      (await importedTexts(shardsDir, format)).sort(),
      samples.filter((one) => one !== text),
    );
    const after = contents(shardsDir);
    const touched = summary.shardsRewritten.map((path) => path.replace(/\.\w+$/, ''));
    const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
      (path) => before.get(path) !== after.get(path),
    );
    const training = ['domains.csv', 'summary.json', 'summary.md'].map((name) => `training-content-${name}`);
    const ofExport = ['README.md', 'changes.jsonl', 'funnel.svg', 'manifest.json', ...training];
    assert.deepEqual(
      changed.filter((path) => !ofExport.includes(path) && !touched.some((shard) => path.startsWith(shard))),
      [],
    );
    assert.deepEqual((await verify({ shardsDir })).faults, []);
    const manifest = JSON.parse(readFileSync(join(shardsDir, 'manifest.json'), 'utf8'));
    assert.equal(manifest.samples.train + manifest.samples.validation, 29);
    for (const bytes of after.values()) assert.equal(Buffer.from(bytes, 'base64').includes(`${text}"`), false);
    // The next export knows that these shards are no longer what it planned.
    const again = await exportShards({ corpusDir: corpus, samplesPerShard: 10, validationFraction: 0.2, format });
    assert.equal(again.splits.train.samples + again.splits.validation.samples, 29);
    assert.deepEqual((await verify({ shardsDir })).faults, []);
  });
}

/** Texts of the pictures that decode, read as other tools would. */
async function importedTexts(shardsDir: string, format: 'parquet' | 'jsonl'): Promise<string[]> {
  const texts: string[] = [];
  for (const split of ['train', 'validation']) {
    const folder = join(shardsDir, split);
    for (const name of readdirSync(folder).filter((one) => one.endsWith(`.${format}`))) {
      const rows =
        format === 'parquet'
          ? await parquetReadObjects({ file: await asyncBufferFromFile(join(folder, name)), utf8: false })
          : readFileSync(join(folder, name), 'utf8')
              .split('\n')
              .filter(Boolean)
              .map((line) => JSON.parse(line));
      for (const row of rows) {
        const bytes = format === 'parquet' ? row.image.bytes : readFileSync(join(folder, row.file_name));
        const { width, height } = await sharp(bytes).metadata();
        assert.deepEqual([width, height], [row.width, row.height]);
        texts.push(row.caption);
      }
    }
  }
  return texts;
}

test('what a killed export had not finished goes, and the next export has the rest', async () => {
  const corpus = copy();
  const shardsDir = join(corpus, 'shards');
  const where = (await explain({ corpusDir: corpus, what: url(7) })).pairs[0]!.shards[0]!.shard;
  rmSync(join(shardsDir, 'manifest.json'));
  rmSync(join(shardsDir, `${where}_stats.json`));
  writeFileSync(join(shardsDir, 'train/00009.tar.tmp'), 'half of an archive');
  const { shardsRemoved, shardsRewritten } = await takedown({ corpusDir: corpus, urls: [url(7)] });
  assert.deepEqual([shardsRemoved, shardsRewritten], [[where], []]);
  const left = [...contents(shardsDir).keys()];
  assert.deepEqual(
    left.filter((path) => path.startsWith(where) || path.endsWith('.tmp')),
    [],
  );
  await exportShards({ corpusDir: corpus, samplesPerShard: 10, validationFraction: 0.2 });
  assert.deepEqual(
    await uids(corpus),
    ids.filter((one) => one !== id(7)),
  );
});

test('columns of regions lose what was taken down and stay of use otherwise', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const outDir = join(corpus, 'regions/patches');
  const detector = await openDetector({ kind: 'patches' });
  const pictures = async () => {
    const found = new Set<string>();
    for (const split of ['train', 'validation']) {
      const options = { paths: join(shards, split), hashImages: true };
      for await (const { imageSha256 } of readShards(options)) found.add(imageSha256!);
    }
    return [...found].sort();
  };
  const before = await extractRegions({ shards, outDir, detector });
  const all = await pictures();
  const known = await PictureColumns.open(outDir);
  const fieldsBefore = new Map<string, Buffer>();
  for (const sha256 of all) fieldsBefore.set(sha256, (await known.fields(sha256))!['features.npy']!);
  await known.close();
  const { shardsRewritten } = await takedown({ corpusDir: corpus, urls: [url(7)] });
  const left = await pictures();
  const [gone] = all.filter((sha256) => !left.includes(sha256));
  assert.deepEqual([all.length, left.length], [30, 29]);
  const columns = await PictureColumns.open(outDir);
  assert.equal(columns.size, 29);
  for (const sha256 of left) assert.ok((await columns.fields(sha256))?.['features.npy']);
  await columns.close();
  // Nothing is left of the picture: no hash, no number.
  const features = fieldsBefore.get(gone!);
  const bytes = Buffer.concat(['00000.tar', '00000.index'].map((name) => readFileSync(join(outDir, name))));
  assert.ok(!bytes.includes(gone!) && !bytes.includes(Buffer.from(gone!, 'hex')));
  assert.ok(features && !bytes.includes(features.subarray(128)), 'its features');
  const after = await extractRegions({ shards, outDir, detector });
  detector.dispose();
  assert.deepEqual(after, {
    ...before,
    shardsKept: before.shards - shardsRewritten.length,
    images: 29,
    regions: before.regions * (29 / 30),
    kept: 29,
    detected: 0,
  });
});

test('features of pictures that an earlier export had go with a takedown, and columns of an older layout', async () => {
  const corpus = copy();
  const [shards, outDir] = [join(corpus, 'shards'), join(corpus, 'regions/patches')];
  const detector = await openDetector({ kind: 'patches' });
  await extractRegions({ shards, outDir, detector });
  detector.dispose();
  // The next export has other bytes of every picture.
  rmSync(shards, { recursive: true });
  await exportShards({ corpusDir: corpus, samplesPerShard: 5, validationFraction: 0.2, encode: 'jpeg', quality: 50 });
  mkdirSync(join(outDir, 'train'));
  writeFileSync(join(outDir, 'train/00000.tar'), 'by key');
  await takedown({ corpusDir: corpus, urls: [url(7)] });
  const columns = await PictureColumns.open(outDir);
  assert.equal(columns.size, 0);
  await columns.close();
  assert.ok(readFileSync(join(outDir, '00000.tar')).every((byte) => byte === 0));
  assert.deepEqual(readdirSync(join(outDir, 'train')), []);
});

/** Everything that a takedown changes, without the times. */
function state(corpus: string) {
  const ledger = new Database(join(corpus, 'ledger.db'), { readonly: true });
  const all = (sql: string) => ledger.prepare(sql).all();
  const rows = {
    pairs: all('SELECT id FROM pairs ORDER BY id'),
    images: all('SELECT url, status, reason, sha256, segment FROM images ORDER BY url'),
    scores: all('SELECT * FROM scores ORDER BY 1, 2, 3'),
    tombstones: all('SELECT kind, value FROM tombstones ORDER BY 1, 2'),
  };
  ledger.close();
  const columns = contents(join(corpus, 'regions'));
  for (const path of columns.keys()) if (path.endsWith('.json')) columns.delete(path); // they have the shards' times
  return { ...rows, raw: contents(join(corpus, 'raw')), shards: contents(join(corpus, 'shards')), columns };
}

test('SIGKILL at any moment, then again: the end of an undisturbed takedown', async () => {
  const runner = new URL('takedown-runner.ts', import.meta.url).pathname;
  const start = (corpus: string) =>
    spawn(process.execPath, ['--import', 'tsx', runner, corpus, ...taken], { stdio: ['ignore', 'pipe', 'inherit'] });
  for (const format of ['webdataset', 'parquet', 'jsonl'] as const) {
    const base = copy();
    if (format !== 'webdataset') {
      rmSync(join(base, 'shards'), { recursive: true });
      await exportShards({ corpusDir: base, samplesPerShard: 5, validationFraction: 0.2, format });
    }
    const regions = join(base, 'regions/patches');
    mkdirSync(regions, { recursive: true });
    if (format === 'webdataset') {
      const detector = await openDetector({ kind: 'patches' });
      await extractRegions({ shards: join(base, 'shards'), outDir: regions, detector });
      detector.dispose();
    }
    const keepTimes = { recursive: true, preserveTimestamps: true };
    const [undisturbed, killed] = [join(root, `${format}-whole`), join(root, `${format}-killed`)];
    cpSync(base, undisturbed, keepTimes);
    cpSync(base, killed, keepTimes);
    await takedown({ corpusDir: undisturbed, urls: taken });
    let kills = 0;
    for (const delayMs of [1, 12, 30]) {
      const child = start(killed);
      const end = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      child.kill('SIGKILL');
      if ((await end) === 'SIGKILL') kills += 1;
    }
    assert.ok(kills > 0, `${format}: no run was killed before its end`);
    await takedown({ corpusDir: killed, urls: taken });
    assert.deepEqual(state(killed), state(undisturbed), format);
    assert.deepEqual((await verify({ shardsDir: join(killed, 'shards') })).faults, [], format);
  }
});

test('naming nothing, or no hash, is the operator’s mistake', async () => {
  await assert.rejects(takedown({ corpusDir: original }), UserError);
  await assert.rejects(takedown({ corpusDir: original, sha256s: ['abc'] }), UserError);
  await assert.rejects(takedown({ corpusDir: join(root, 'nothing'), urls: ['https://a.example/'] }), UserError);
});

test('explain tells the whole story of a pair', async () => {
  const { pairs } = await explain({ corpusDir: original, what: id(5) });
  const [story] = pairs;
  assert.equal(pairs.length, 1);
  assert.equal(story!.verdict, 'kept');
  assert.deepEqual(story!.rules, [
    { rule: 'text/any', said: 'kept', reason: null, score: 5 / 30 },
    { rule: 'download', said: 'kept', reason: null, score: null },
  ]);
  assert.deepEqual(story!.rights, { page: { 'robots.txt': 'allowed' }, image: {} });
  assert.match(story!.shards[0]!.shard, /^(train|validation)\/0000\d$/);
  assert.equal((await explain({ corpusDir: original, what: id(5).slice(0, 8) })).pairs[0]!.id, id(5));
  assert.equal((await explain({ corpusDir: original, what: url(5) })).pairs[0]!.id, id(5));
  assert.equal((await explain({ corpusDir: original, what: 'https://site.example/page.html' })).pairs.length, 32);
  const failed = (await explain({ corpusDir: original, what: url(30) })).pairs[0]!;
  assert.deepEqual([failed.verdict, failed.droppedBy, failed.reason], ['dropped', 'download', 'http-404']);
  assert.deepEqual(
    failed.shards.map(({ key, status }) => [key, status]),
    [[null, 'failed_to_download']],
  );
  await assert.rejects(explain({ corpusDir: original, what: 'https://unknown.example/' }), UserError);
});

test('explain says that a page is gone, and nothing of a verdict that no longer holds', async () => {
  const corpus = copy();
  const ledger = Ledger.open(corpus);
  const page = { url: 'https://site.example/page.html', title: 'A page', fetchedAtMs: 1_800_000_000_000 };
  ledger.recordPage({ ...page, status: 'failed', reason: 'gone' });
  ledger.db.prepare('UPDATE pairs SET judged_by = NULL WHERE id = ?').run(id(30));
  ledger.close();
  const [kept] = (await explain({ corpusDir: corpus, what: id(5) })).pairs;
  assert.deepEqual(
    [kept!.pageStatus, kept!.pageReason, kept!.pageFetchedAt, kept!.shards.length],
    ['failed', 'gone', '2027-01-15T08:00:00.000Z', 1],
  );
  const [unjudged] = (await explain({ corpusDir: corpus, what: id(30) })).pairs;
  assert.deepEqual([unjudged!.verdict, unjudged!.droppedBy, unjudged!.reason], ['unjudged', null, null]);
  const cli = [join(import.meta.dirname, '../../../cli/lait.mjs'), 'ledger', 'explain'];
  const told = (corpusDir: string) =>
    spawnSync(process.execPath, [...cli, id(5), '--corpus', corpusDir], { encoding: 'utf8' }).stdout;
  const gone = told(corpus);
  assert.match(gone, /^page .* "A page", gone at 2027-01-15T08:00:00\.000Z: a later visit did not find it any more$/m);
  assert.match(gone, /^verdict +unjudged: lait filter will judge it$/m);
  assert.match(told(original), /^passed +text\/any \(0\.1667\), download$/m);
});

test('verify finds every broken file, and repairs to the same bytes', async () => {
  const corpus = copy();
  const shardsDir = join(corpus, 'shards');
  truncateSync(join(shardsDir, 'train/00000.tar'), 700);
  rmSync(join(shardsDir, 'validation/00000.parquet'));
  writeFileSync(join(shardsDir, 'train/sizes.json'), '{}');
  writeFileSync(join(shardsDir, 'train/notes.txt'), 'mine');
  const found = await verify({ shardsDir });
  assert.deepEqual(
    found.faults.map(({ path, reason }) => `${path} ${reason}`),
    [
      'train/00000.tar changed',
      'train/sizes.json changed',
      'validation/00000.parquet missing',
      'train/notes.txt unknown-file',
    ],
  );
  const repaired = await verify({ shardsDir, corpusDir: corpus, repair: true });
  assert.deepEqual(
    repaired.faults.map(({ repaired: is }) => is),
    [true, true, true, false],
  );
  assert.deepEqual(
    (await verify({ shardsDir })).faults.map(({ path }) => path),
    ['train/notes.txt'],
  );
  await assert.rejects(verify({ shardsDir, repair: true }), UserError);
  await assert.rejects(verify({ shardsDir: root }), UserError);
});

test('verify does not repair to other bytes than the manifest names', async () => {
  const corpus = copy();
  const shardsDir = join(corpus, 'shards');
  truncateSync(join(shardsDir, 'train/00000.tar'), 700);
  const ledger = Ledger.open(corpus);
  ledger.db.exec(`UPDATE pairs SET cleaned_text = 'another text' WHERE rowid <= 20`);
  ledger.close();
  const { faults } = await verify({ shardsDir, corpusDir: corpus, repair: true });
  assert.deepEqual(faults, [
    { path: 'train/00000.tar', reason: 'changed', repaired: false, because: 'ledger-changed' },
  ]);
});
