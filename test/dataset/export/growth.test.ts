/** An export that grows: what is finished stays byte for byte, keys stay, and every version says what it changed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import sharp from 'sharp';
import { explain } from '../../../dataset/export/explain.ts';
import { type ExportOptions, exportShards } from '../../../dataset/export/export.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { verify } from '../../../dataset/export/verify.ts';
import { exportedPlaces, exportRecords } from '../../../dataset/ledger/exports.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../../dataset/ledger/raw-store.ts';
import { readManifest } from '../../../dataset/shards/manifest.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { compareSets, readSetIdentity } from '../../../dataset/shards/set-identity.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { contents } from '../../helpers/contents.ts';
import { screenSmallCorpus, smallId, smallUrl, writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-growth-'));
after(() => rmSync(root, { recursive: true, force: true }));

const original = join(root, 'original');
await writeSmallCorpus(original, { images: 60, failed: 4 });
const options = (corpusDir: string): ExportOptions => ({ corpusDir, samplesPerShard: 10, validationFraction: 0.2 });
await exportShards(options(original));

let copies = 0;
/** A corpus of 60 images, exported once. */
function copy(): string {
  copies += 1;
  const corpus = join(root, `copy-${copies}`);
  cpSync(original, corpus, { recursive: true, preserveTimestamps: true });
  return corpus;
}

/** The files of shards, without what describes the whole set. */
const shardFiles = (folder: string) =>
  Object.fromEntries(Object.entries(contents(folder)).filter(([path]) => /^\w+\/\d/.test(path)));

/** Key by pair, read from the archives; fails where a key is there twice. */
async function keys(shardsDir: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const seen = new Set<string>();
  for await (const { key, fields } of readShards({
    paths: [join(shardsDir, 'train'), join(shardsDir, 'validation')],
  })) {
    assert.ok(!seen.has(key), `${key} is there twice`);
    seen.add(key);
    found.set(JSON.parse(fields.json!.toString()).uid, key);
  }
  return found;
}

const changes = (shardsDir: string) =>
  readFileSync(join(shardsDir, 'changes.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function assertWhole(shardsDir: string): Promise<void> {
  const { faults, isUnfinished } = await verify({ shardsDir });
  assert.deepEqual([faults, isUnfinished], [[], false]);
  assert.equal((await readSetIdentity(shardsDir)).sha256, readManifest(shardsDir).export!.sha256);
  for (const [path, hash] of (await readSetIdentity(shardsDir)).shards) assert.match(hash, /^[0-9a-f]{64}$/, path);
}

test('a second crawl adds shards; every file of the shards that were there stays as it is, and every key', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const before = shardFiles(shards);
  const keysBefore = await keys(shards);
  const identity = await readSetIdentity(shards);
  await writeSmallCorpus(corpus, { images: 15, failed: 2, first: 100 });
  const summary = await exportShards(options(corpus));
  const after = shardFiles(shards);
  assert.deepEqual(Object.fromEntries(Object.entries(after).filter(([path]) => path in before)), before);
  const keysAfter = await keys(shards);
  assert.equal(keysAfter.size, 75);
  for (const [uid, key] of keysBefore) assert.equal(keysAfter.get(uid), key);
  const now = await readSetIdentity(shards);
  const { added, ...others } = compareSets(identity.shards, now.shards);
  assert.deepEqual(others, { removed: [], changed: [] });
  assert.equal(summary.shardsWritten, added.length);
  assert.deepEqual([identity.version, now.version, summary.version], [1, 2, 2]);
  assert.deepEqual(
    changes(shards).map(({ version, change, shard }) => [version, change, shard]),
    added.map((shard) => [2, 'shard-added', shard]),
  );
  const { history } = readManifest(shards);
  assert.deepEqual(
    history!.map(({ version, samples, shards: counts, removed }) => [
      version,
      samples.train! + samples.validation!,
      counts.rewritten,
      counts.removed,
      removed,
    ]),
    [
      [1, 60, 0, 0, {}],
      [2, 75, 0, 0, {}],
    ],
  );
  await assertWhole(shards);
  // Nothing new, nothing written, no version.
  const again = await exportShards(options(corpus));
  assert.deepEqual([again.shardsWritten, again.version], [0, 2]);
  assert.deepEqual(shardFiles(shards), after);
});

test('pairs that nothing has judged yet are counted', async () => {
  const corpus = copy();
  const ledger = Ledger.open(corpus);
  const id = smallId(0);
  ledger.db.prepare('UPDATE pairs SET judged_by = NULL WHERE id = ?').run(id);
  ledger.close();
  assert.equal((await exportShards(options(corpus))).unjudged, 1);
  assert.equal((await exportShards(options(copy()))).unjudged, 0);
});

test('an export of another version of lait is told as such', async () => {
  const corpus = copy();
  const path = join(corpus, 'shards', 'manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  manifest.configuration.layoutVersion -= 1;
  writeFileSync(path, JSON.stringify(manifest));
  await assert.rejects(
    exportShards(options(corpus)),
    /received an export of another version of lait|an export of another version/,
  );
});

test('a failed image that comes later is a new sample; failures are not told twice', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const before = await keys(shards);
  await writeSmallCorpus(corpus, { images: 1, first: 60 });
  await writeSmallCorpus(corpus, { images: 1, first: 100 });
  const { failed } = await exportShards(options(corpus));
  const after = await keys(shards);
  assert.deepEqual([...after.keys()].filter((uid) => !before.has(uid)).sort(), [smallId(60), smallId(100)].sort());
  assert.deepEqual(failed, { 'http-404': 4 });
});

test('a picture whose bytes are lost has no sample, and comes when they are there again', async () => {
  const corpus = copy();
  const path = join(corpus, 'raw/000000.tar');
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(0, bytes.length / 2));
  const outDir = join(corpus, 'elsewhere');
  const first = await exportShards({ ...options(corpus), outDir });
  const before = await keys(outDir);
  assert.deepEqual(first.failed, { 'http-404': 4, 'raw-missing': 60 - before.size });
  assert.ok(before.size > 0 && before.size < 60);
  const again = await exportShards({ ...options(corpus), outDir });
  assert.deepEqual([again.version, again.shardsWritten, again.failed], [1, 0, first.failed]);
  writeFileSync(path, bytes);
  await exportShards({ ...options(corpus), outDir });
  const after = await keys(outDir);
  assert.equal(after.size, 60);
  for (const [uid, key] of before) assert.equal(after.get(uid), key);
  await assertWhole(outDir);
});

test('a folder of pictures that is not mounted ends an export, which writes nothing of it', async () => {
  const corpus = copy();
  const outDir = join(corpus, 'elsewhere');
  renameSync(join(corpus, 'raw'), join(corpus, 'away'));
  await assert.rejects(exportShards({ ...options(corpus), outDir }), {
    name: 'UserError',
    exitCode: 1,
    message: /mount it/,
  });
  renameSync(join(corpus, 'away'), join(corpus, 'raw'));
  assert.deepEqual((await exportShards({ ...options(corpus), outDir })).failed, { 'http-404': 4 });
});

test('a moved threshold rewrites the shards that it touches and no others; moved back, the pairs come under new keys', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const before = shardFiles(shards);
  const first = await keys(shards);
  const out = [3, 4];
  screenSmallCorpus(corpus, 1, (i) => !out.includes(i));
  const { removed, shardsWritten } = await exportShards(options(corpus));
  const placesOut = new Set(out.map((i) => first.get(smallId(i))!));
  assert.deepEqual(removed, { 'text/any: too-low': 2 });
  const touched = changes(shards)
    .filter(({ change }) => change === 'shard-rewritten')
    .map(({ shard }) => String(shard).replace('.tar', ''));
  assert.equal(shardsWritten, touched.length);
  assert.ok(touched.length <= 2);
  const after = shardFiles(shards);
  const isTouched = (path: string) => touched.some((shard) => path.startsWith(shard));
  assert.deepEqual(Object.keys(after), Object.keys(before));
  for (const path of Object.keys(before)) assert.equal(after[path] === before[path], !isTouched(path), path);
  const second = await keys(shards);
  assert.equal(second.size, 58);
  for (const [uid, key] of second) assert.equal(first.get(uid), key);
  assert.deepEqual(
    changes(shards)
      .filter(({ change }) => change === 'sample-removed')
      .map(({ key, uid, reason }) => [key, uid, reason])
      .sort(),
    out.map((i) => [first.get(smallId(i)), smallId(i), 'text/any: too-low']).sort(),
  );
  await assertWhole(shards);
  screenSmallCorpus(corpus, 2, () => true);
  const back = await exportShards(options(corpus));
  const third = await keys(shards);
  assert.deepEqual([back.version, third.size], [3, 60]);
  const used = new Set(first.values());
  for (const i of out) assert.ok(!used.has(third.get(smallId(i))!), 'a key was given twice');
  for (const key of placesOut) assert.ok(![...third.values()].includes(key));
  assert.deepEqual(Object.fromEntries(Object.entries(shardFiles(shards)).filter(([path]) => path in after)), after);
  await assertWhole(shards);
});

test('a threshold that drops every pair leaves the version before, and says so', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const before = contents(shards);
  screenSmallCorpus(corpus, 1, () => false);
  await assert.rejects(exportShards(options(corpus)), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(
      error.message,
      `Expected at least one kept pair for ${corpus} but received none; see the funnel of lait filter for what dropped them; ` +
        `version 1 in ${shards} is unchanged, delete it if it is not to stay.`,
    );
    return true;
  });
  const { faults, isUnfinished, ...others } = await verify({ shardsDir: shards });
  assert.deepEqual([faults, isUnfinished, others.version?.version], [[], false, 1]);
  assert.deepEqual(contents(shards), before);
});

test('a shard that loses all its samples goes, and its number is never given again', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  await writeSmallCorpus(corpus, { images: 1, first: 100 });
  await exportShards(options(corpus));
  const place = (await keys(shards)).get(smallId(100))!;
  screenSmallCorpus(corpus, 1, (i) => i !== 100);
  await exportShards(options(corpus));
  assert.equal(changes(shards).filter(({ change }) => change === 'shard-removed').length, 1);
  screenSmallCorpus(corpus, 2, () => true);
  await exportShards(options(corpus));
  const again = (await keys(shards)).get(smallId(100))!;
  assert.equal(Number(again.replace('validation-', '')), Number(place.replace('validation-', '')) + 10);
  await assertWhole(shards);
});

test('another text and another picture make another sample: the old key goes, a new one comes', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const first = await keys(shards);
  const ledger = Ledger.open(corpus);
  const raw = openRawStore(corpus);
  const bytes = await sharp({ create: { width: 50, height: 50, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const stored = {
    format: 'jpeg',
    width: 50,
    height: 50,
    frames: 1,
    phash: sha256.slice(0, 16),
    byteLength: bytes.length,
    sha256,
  };
  ledger.recordImage({
    url: smallUrl(5),
    status: 'success',
    fetchedAtMs: 1_800_000_000_000,
    stored: { ...stored, ...raw.append({ sha256, format: 'jpg', bytes }) },
  });
  raw.close();
  ledger.db.prepare(`UPDATE pairs SET cleaned_text = 'cleaned anew' WHERE id = ?`).run(smallId(6));
  ledger.close();
  // While it waits to be judged, the pair with the new picture is out: what is in the shard is not what the web has.
  assert.deepEqual((await exportShards(options(corpus))).removed, { changed: 2 });
  screenSmallCorpus(corpus, 1, () => true);
  await exportShards(options(corpus));
  const second = await keys(shards);
  assert.equal(second.size, 60);
  const moved = [...second].filter(([uid, key]) => first.get(uid) !== key).map(([uid]) => uid);
  assert.deepEqual(moved.sort(), [smallId(5), smallId(6)].sort());
  await assertWhole(shards);
});

test('what merely waits to be judged again stays where it is; what is gone leaves, and stays with its reason on demand', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const before = shardFiles(shards);
  const ledger = Ledger.open(corpus);
  ledger.db.exec('UPDATE pairs SET judged_by = NULL');
  ledger.close();
  assert.equal((await exportShards(options(corpus))).shardsWritten, 0);
  assert.deepEqual(shardFiles(shards), before);
  screenSmallCorpus(corpus, 1, () => true);
  const again = Ledger.open(corpus);
  again.db.prepare(`UPDATE pairs SET gone = 'not-on-page' WHERE id = ?`).run(smallId(9));
  again.close();
  assert.deepEqual((await exportShards(options(corpus))).removed, { 'gone: not-on-page': 1 });
  screenSmallCorpus(corpus, 2, () => true);
  await exportShards({ ...options(corpus), gone: 'keep' });
  for await (const { fields } of readShards({ paths: [join(shards, 'train'), join(shards, 'validation')] })) {
    const { uid, gone } = JSON.parse(fields.json!.toString());
    assert.equal(gone, uid === smallId(9) ? 'not-on-page' : '');
  }
  await assertWhole(shards);
});

test('a takedown takes out its sample, and the export grows on from there', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  const first = await keys(shards);
  await takedown({ corpusDir: corpus, urls: [smallUrl(7)] });
  await writeSmallCorpus(corpus, { images: 3, first: 100 });
  const before = shardFiles(shards);
  await exportShards(options(corpus));
  assert.deepEqual(Object.fromEntries(Object.entries(shardFiles(shards)).filter(([path]) => path in before)), before);
  const second = await keys(shards);
  assert.equal(second.size, 62);
  for (const [uid, key] of first) assert.equal(second.get(uid), uid === smallId(7) ? undefined : key);
  assert.deepEqual(
    readManifest(shards).history!.map(({ version, removed }) => [version, removed]),
    [
      [1, {}],
      [2, { 'taken-down': 1 }],
      [3, {}],
    ],
  );
  await assertWhole(shards);
});

for (const format of ['parquet', 'jsonl'] as const) {
  test(`${format} grows as well`, async () => {
    const corpus = copy();
    const shards = join(corpus, format);
    const grow = () => exportShards({ ...options(corpus), outDir: shards, format });
    await grow();
    const before = shardFiles(shards);
    await writeSmallCorpus(corpus, { images: 5, first: 100 });
    screenSmallCorpus(corpus, 1, (i) => i !== 11);
    assert.deepEqual((await grow()).removed, { 'text/any: too-low': 1 });
    const touched = changes(shards).find(({ change }) => change === 'shard-rewritten')!.shard as string;
    const after = shardFiles(shards);
    for (const [path, hash] of Object.entries(before)) {
      if (!path.startsWith(touched.replace(/\.\w+$/, ''))) assert.equal(after[path], hash, path);
    }
    await assertWhole(shards);
    assert.equal((await grow()).shardsWritten, 0);
  });
}

test('two machines with the same history have the same bytes, whatever the order of their workers', async () => {
  const folders = [];
  for (const [backwards, concurrency] of [
    [false, 1],
    [true, 9],
  ] as const) {
    const corpus = join(root, `machine-${concurrency}`);
    await writeSmallCorpus(corpus, { images: 30, failed: 2, backwards });
    await exportShards({ ...options(corpus), concurrency });
    await writeSmallCorpus(corpus, { images: 12, first: 100, backwards });
    await exportShards({ ...options(corpus), concurrency });
    screenSmallCorpus(corpus, 1, (i) => i % 7 !== 0);
    await exportShards({ ...options(corpus), concurrency });
    folders.push(join(corpus, 'shards'));
  }
  assert.deepEqual(contents(folders[0]!), contents(folders[1]!));
});

test('a corpus that was moved, and a ledger that knows nothing of the export, grow all the same', async () => {
  const stayed = copy();
  const moved = copy();
  renameSync(moved, `${moved}-elsewhere`);
  const forgetful = copy();
  const ledger = Ledger.open(forgetful);
  ledger.db.exec('DELETE FROM exported_pairs; DELETE FROM exported_shards; DELETE FROM exports;');
  ledger.close();
  const [first, ...others] = [stayed, `${moved}-elsewhere`, forgetful];
  for (const corpus of [first, ...others]) {
    await writeSmallCorpus(corpus, { images: 5, first: 100 });
    await exportShards(options(corpus));
  }
  for (const corpus of others) assert.deepEqual(contents(join(corpus, 'shards')), contents(join(first, 'shards')));
});

test('an export makes no folder where its corpus was before it was moved', async () => {
  const corpus = copy();
  for (const rebuild of [false, true]) {
    const moved = `${corpus}-moved-${rebuild}`;
    await writeSmallCorpus(corpus, { images: 20, first: 200 });
    const onProgress = () => {
      if (existsSync(corpus)) renameSync(corpus, moved);
    };
    await assert.rejects(exportShards({ ...options(corpus), rebuild }, { onProgress }), /it was moved or deleted/);
    assert.ok(!existsSync(corpus));
    renameSync(moved, corpus);
  }
});

test('the ledger knows every folder that an export went to, and where in it a pair is', async () => {
  const corpus = copy();
  const elsewhere = join(root, 'elsewhere');
  await exportShards({ ...options(corpus), outDir: elsewhere, samplesPerShard: 25 });
  await writeSmallCorpus(corpus, { images: 4, first: 100 });
  await exportShards({ ...options(corpus), outDir: elsewhere, samplesPerShard: 25 });
  const ledger = Ledger.open(corpus);
  const records = exportRecords(ledger, corpus);
  assert.deepEqual(
    records.map(({ folder, version, sha256 }) => [folder, version, sha256]),
    [
      [join(corpus, 'shards'), 1, readManifest(join(corpus, 'shards')).export!.sha256],
      [elsewhere, 2, readManifest(elsewhere).export!.sha256],
    ],
  );
  const places = exportedPlaces(ledger, [smallId(3), smallId(101)]);
  ledger.close();
  assert.deepEqual(
    places.map(({ exportId, pairId, key }) => [exportId, pairId, key]),
    [
      [records[0]!.id, smallId(3), (await keys(join(corpus, 'shards'))).get(smallId(3))],
      [records[1]!.id, smallId(3), (await keys(elsewhere)).get(smallId(3))],
      [records[1]!.id, smallId(101), (await keys(elsewhere)).get(smallId(101))],
    ],
  );
  const since = async (i: number) =>
    (await explain({ corpusDir: corpus, what: smallId(i) })).pairs[0]!.shards.map(({ folder, since }) => [
      folder,
      since,
    ]);
  assert.deepEqual(await since(3), [
    [join(corpus, 'shards'), 1],
    [elsewhere, 1],
  ]);
  assert.deepEqual(await since(101), [[elsewhere, 2]]);
});

test('an image that cannot be encoded makes no shard, this time and the next', async () => {
  const corpus = copy();
  const before = shardFiles(join(corpus, 'shards'));
  await writeSmallCorpus(corpus, { images: 1, first: 100 });
  const ledger = Ledger.open(corpus);
  ledger.db.prepare('UPDATE images SET offset = 999999999 WHERE url = ?').run(smallUrl(100));
  ledger.close();
  for (const _ of [1, 2]) {
    assert.equal((await exportShards(options(corpus))).shardsWritten, 0);
    assert.deepEqual(shardFiles(join(corpus, 'shards')), before);
  }
});

describe('settings that would make other bytes, keys or splits are refused, in one line', () => {
  // biome-ignore format: a table
  const table: [Partial<ExportOptions>, string][] = [
    [{ quality: 80, encode: 'jpeg' }, 'encode jpeg instead of auto, quality 80 instead of 95'],
    [{ resize: 'border' }, 'resize border instead of no'],
    [{ samplesPerShard: 11 }, 'samplesPerShard 11 instead of 10'],
    [{ shardDigits: 8 }, 'shardDigits 8 instead of 5'],
    [{ validationFraction: 0.3 }, 'validationFraction 0.3 instead of 0.2'],
    [{ format: 'jsonl' }, 'format jsonl instead of webdataset'],
    [{ layout: 'fixed' }, 'layout fixed instead of growing'],
  ];
  for (const [changed, said] of table) {
    test(said, async () => {
      const corpus = copy();
      const shards = join(corpus, 'shards');
      const before = contents(shards);
      const message = `Expected the settings of the version that is there for ${shards} but received ${said}; export into another --out, or with --rebuild.`;
      await assert.rejects(
        exportShards({ ...options(corpus), ...changed }),
        (error: Error) => error instanceof UserError && error.message === message,
      );
      assert.deepEqual(contents(shards), before);
      const { version } = await exportShards({ ...options(corpus), ...changed, rebuild: true });
      assert.equal(version, 2);
      await assertWhole(shards);
    });
  }
  test('what decides only which pairs are in, or what the card says, may change', async () => {
    const corpus = copy();
    const before = shardFiles(join(corpus, 'shards'));
    await exportShards({ ...options(corpus), gone: 'keep', maxShardBytes: 10_000, card: { name: 'Squares' } });
    assert.deepEqual(shardFiles(join(corpus, 'shards')), before);
    assert.deepEqual((await exportShards({ ...options(corpus), subset: new Set([smallId(1), smallId(2)]) })).removed, {
      'not-in-subset': 58,
    });
    await assertWhole(join(corpus, 'shards'));
  });
});

test('a fixed export has all pairs in the order of their ids, whatever it had before', async () => {
  const corpus = copy();
  const fixed = { ...options(corpus), outDir: join(corpus, 'fixed'), layout: 'fixed' } as const;
  await exportShards(fixed);
  await writeSmallCorpus(corpus, { images: 15, first: 100 });
  await exportShards({ ...fixed, samplesPerShard: 20 });
  await exportShards({ ...fixed, outDir: join(corpus, 'at-once'), samplesPerShard: 20 });
  assert.deepEqual(shardFiles(join(corpus, 'fixed')), shardFiles(join(corpus, 'at-once')));
  await assertWhole(join(corpus, 'fixed'));
});

describe('a folder of another use is left alone', () => {
  const cases: [name: string, make: (dir: string, corpus: string) => void][] = [
    [
      'somebody’s summary of training content',
      (dir) => writeFileSync(join(dir, 'training-content-summary.md'), 'mine'),
    ],
    ['somebody’s README.md', (dir) => writeFileSync(join(dir, 'README.md'), 'mine')],
    [
      'somebody’s archives',
      (dir) => {
        mkdirSync(join(dir, 'train'));
        writeFileSync(join(dir, 'train/00000.tar'), 'mine');
      },
    ],
    ['a project of Node', (dir) => writeFileSync(join(dir, 'package.json'), '{}')],
    ['another manifest.json', (dir) => writeFileSync(join(dir, 'manifest.json'), '{"name":"app"}')],
    [
      'an import',
      (dir) => writeFileSync(join(dir, 'manifest.json'), '{"files":{},"configuration":{"source":"import"}}'),
    ],
  ];
  for (const [name, make] of cases) {
    test(name, async () => {
      const corpus = copy();
      const outDir = mkdtempSync(join(root, 'foreign-'));
      make(outDir, corpus);
      const before = contents(outDir);
      for (const rebuild of [false, true])
        await assert.rejects(exportShards({ ...options(corpus), outDir, rebuild }), UserError);
      assert.deepEqual(contents(outDir), before);
    });
  }
  test('a corpus, this one or another, and what lait keeps in it', async () => {
    const [corpus, other] = [copy(), copy()];
    rmSync(join(other, 'shards'), { recursive: true });
    const before = contents(other);
    const own = [corpus, join(corpus, 'raw'), join(corpus, 'raw/x'), join(corpus, 'shards/train'), ''];
    const others = ['', 'shards', 'raw', 'runs', 'regions/x'].map((name) => join(other, name));
    for (const outDir of [...own, ...others]) {
      await assert.rejects(exportShards({ ...options(corpus), outDir, rebuild: true }), UserError, outDir);
    }
    assert.deepEqual(contents(other), before);
    const outDir = join(root, 'export-with-another');
    await exportShards({ ...options(corpus), outDir });
    await assert.rejects(exportShards({ ...options(corpus), outDir: join(outDir, 'more') }), /within the export/);
  });
});

test('SIGKILL at any moment of a growing export: the version before stays readable, and the next run ends with the same bytes', async () => {
  const undisturbed = copy();
  const killed = copy();
  for (const corpus of [undisturbed, killed]) {
    await writeSmallCorpus(corpus, { images: 60, first: 100 });
    screenSmallCorpus(corpus, 1, (i) => i % 9 !== 0);
  }
  const before = await keys(join(killed, 'shards'));
  const versionBefore = readManifest(join(killed, 'shards'));
  await exportShards({ ...options(undisturbed) });
  const runner = new URL('growth-runner.ts', import.meta.url).pathname;
  let kills = 0;
  for (const delayMs of [0, 20, 45, 70, 95, 120, 150]) {
    const child = spawn(process.execPath, ['--import', 'tsx', runner, killed], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const end = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill('SIGKILL');
    if ((await end) === 'SIGKILL') kills += 1;
    const manifest = readManifest(join(killed, 'shards'));
    if (existsSync(join(killed, 'shards/.next/commit.json')) || manifest.export!.version === 2) break;
    assert.deepEqual(manifest, versionBefore);
    const { faults } = await verify({ shardsDir: join(killed, 'shards') });
    assert.deepEqual(faults, []);
    assert.deepEqual(await keys(join(killed, 'shards')), before);
  }
  assert.ok(kills > 0, 'no run was killed before its end');
  await exportShards(options(killed));
  assert.deepEqual(contents(join(killed, 'shards')), contents(join(undisturbed, 'shards')));
});

test('a staging folder that asks to delete what lies outside of the set is refused', async () => {
  const corpus = copy();
  writeFileSync(join(root, 'precious.txt'), 'mine');
  for (const path of ['../../precious.txt', join(root, 'precious.txt'), 'train/../../../precious.txt']) {
    mkdirSync(join(corpus, 'shards/.next'), { recursive: true });
    writeFileSync(join(corpus, 'shards/.next/commit.json'), JSON.stringify({ removed: [path] }));
    await assert.rejects(exportShards(options(corpus)), UserError);
  }
  assert.ok(existsSync(join(root, 'precious.txt')));
});

test('an export of another corpus is refused and stays as it is; a copy of a corpus, and a copy of its export, grow on', async () => {
  const corpus = copy();
  const other = join(root, 'other-corpus');
  await writeSmallCorpus(other, { images: 5, first: 50 });
  const out = join(root, 'of-the-first');
  cpSync(join(corpus, 'shards'), out, { recursive: true });
  const before = contents(out);
  for (const layout of ['growing', 'fixed'] as const) {
    await assert.rejects(exportShards({ ...options(other), layout, outDir: out }), (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(
        error.message,
        `Expected an export of corpus ${other} for out but received ${out}, which has one of another corpus; name another --out, or give --rebuild to replace it.`,
      );
      return true;
    });
  }
  // Also in its own place, and after it had exports of its own.
  cpSync(out, join(other, 'shards'), { recursive: true });
  await assert.rejects(exportShards(options(other)), /has one of another corpus/);
  rmSync(join(other, 'shards'), { recursive: true });
  await exportShards(options(other));
  await assert.rejects(exportShards({ ...options(other), outDir: out }), /has one of another corpus/);
  assert.deepEqual(contents(out), before);
  // The corpus was copied, its export too; each grows.
  await writeSmallCorpus(corpus, { images: 3, first: 100 });
  assert.equal((await exportShards({ ...options(corpus), outDir: out })).version, 2);
  const moved = join(root, 'moved-corpus');
  cpSync(original, moved, { recursive: true });
  // Its ledger is older than the other copy's, and says what that costs.
  assert.deepEqual((await exportShards({ ...options(moved), outDir: out })).removed, { 'not-in-corpus': 3 });
  // Put back from a time when the ledger had not heard of it.
  const ledger = Ledger.open(moved);
  ledger.db.exec(
    `DELETE FROM exported_pairs; DELETE FROM exported_shards; UPDATE exports SET version = 0, sha256 = ''`,
  );
  ledger.close();
  assert.equal((await exportShards(options(moved))).version, 1);
  await exportShards({ ...options(other), outDir: out, rebuild: true });
  await assertWhole(out);
});

test('what a ledger has lost is not told as taken down', async () => {
  const corpus = copy();
  const ledger = Ledger.open(corpus);
  ledger.db.prepare('DELETE FROM pairs WHERE id = ?').run(smallId(4));
  ledger.close();
  assert.deepEqual((await exportShards(options(corpus))).removed, { 'not-in-corpus': 1 });
  assert.match(readFileSync(join(corpus, 'shards', 'changes.jsonl'), 'utf8'), /"reason":"not-in-corpus"/);
});
