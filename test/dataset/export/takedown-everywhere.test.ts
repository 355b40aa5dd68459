/** Whatever a picture is called and wherever it has gone, a takedown reaches it, also while others write. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { exportShards } from '../../../dataset/export/export.ts';
import { takedown, undoTakedown } from '../../../dataset/export/takedown.ts';
import { readTakedownLists } from '../../../dataset/export/takedown-request.ts';
import { importDataset } from '../../../dataset/import/import.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../../dataset/ledger/raw-store.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { picture } from '../../helpers/picture.ts';
import { startSite } from '../../helpers/site.ts';
import { writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-takedown-everywhere-'));
after(() => rmSync(root, { recursive: true, force: true }));
const lait = join(import.meta.dirname, '../../../cli/lait.mjs');
const original = join(root, 'original');
const images = 24;
before(async () => {
  await writeSmallCorpus(original, { images });
  await exportShards({ corpusDir: original, samplesPerShard: 10, validationFraction: 0.2 });
});

let copies = 0;
function copy(of = original): string {
  copies += 1;
  const corpus = join(root, `copy-${copies}`);
  cpSync(of, corpus, { recursive: true });
  return corpus;
}

const run = (args: readonly string[]): Promise<{ code: number; said: string }> =>
  new Promise((done) => {
    execFile(process.execPath, [lait, ...args], (error, stdout, stderr) =>
      done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, said: stdout + stderr }),
    );
  });

/** The URLs in the tables of a folder of shards, sorted. */
async function urlsIn(shards: string): Promise<string[]> {
  const urls: string[] = [];
  for (const name of readdirSync(shards, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.parquet') && !name.startsWith('.')) {
      urls.push(...(await readParquet(join(shards, name), ['url'])).map((row) => String(row.url)));
    }
  }
  return urls.sort();
}

const url = (i: number) => `https://site.example/${i}.jpg`;
const others = (...gone: number[]) =>
  Array.from({ length: images }, (_, i) => i)
    .filter((i) => !gone.includes(i))
    .map(url)
    .sort();

interface Stored {
  readonly sha256: string;
  readonly phash: string;
  readonly md5: string;
}

function stored(corpus: string, i: number): Stored {
  const ledger = Ledger.open(corpus);
  const row = ledger.db
    .prepare('SELECT sha256, phash, segment, offset, byte_length AS byteLength FROM images WHERE url = ?')
    .get(url(i)) as Omit<Stored, 'md5'> & { segment: number; offset: number; byteLength: number };
  ledger.close();
  const raw = openRawStore(corpus);
  const md5 = createHash('md5').update(raw.read(row)).digest('hex');
  raw.close();
  return { ...row, md5 };
}

/** The same hash with some bits turned. */
const near = (phash: string, bits: number): string =>
  (BigInt(`0x${phash}`) ^ ((1n << BigInt(bits)) - 1n)).toString(16).padStart(16, '0');

const names: readonly [
  name: string,
  (one: Stored) => Parameters<typeof takedown>[0] extends infer T ? Partial<T> : never,
][] = [
  ['a URL with a fragment', () => ({ urls: [`${url(7)}#top`] })],
  ['a URL in another case of the host, with a default port', () => ({ urls: ['HTTPS://SITE.Example:443/7.jpg'] })],
  ['a URL with a tracking parameter', () => ({ urls: [`${url(7)}?utm_source=mail`] })],
  ['a hash in capitals', ({ sha256 }) => ({ sha256s: [sha256.toUpperCase()] })],
  ['an MD5', ({ md5 }) => ({ md5s: [md5] })],
  ['a perceptual hash', ({ phash }) => ({ phashes: [phash] })],
  ['a perceptual hash 3 bits off', ({ phash }) => ({ phashes: [near(phash, 3)], distance: 3 })],
];

for (const [name, namesOf] of names) {
  test(`${name} names the picture`, async () => {
    const corpus = copy();
    const one = stored(corpus, 7);
    const summary = await takedown({ corpusDir: corpus, ...namesOf(one) });
    assert.deepEqual([summary.isKnown, summary.samples, summary.left], [true, 1, []]);
    assert.deepEqual(await urlsIn(join(corpus, 'shards')), others(7));
    const ledger = Ledger.open(corpus);
    // Whatever named it, it comes back neither by its URL nor by its bytes.
    assert.equal(ledger.isTakenDown({ url: url(7) }), true);
    assert.equal(ledger.isTakenDown({ sha256: one.sha256 }), true);
    assert.equal(ledger.isTakenDown({ url: url(8) }), false);
    ledger.close();
  });
}

test('a perceptual hash one bit farther than the distance names another picture', async () => {
  const corpus = copy();
  const { phash } = stored(corpus, 7);
  const summary = await takedown({ corpusDir: corpus, phashes: [near(phash, 4)], distance: 3 });
  assert.deepEqual([summary.isKnown, summary.samples], [false, 0]);
});

for (const host of ['SITE.example', 'example', 'site.example.']) {
  test(`the host ${host} takes its subdomains along`, async () => {
    const corpus = copy();
    const summary = await takedown({ corpusDir: corpus, hosts: [host] });
    assert.equal(summary.samples, images);
    const ledger = Ledger.open(corpus);
    assert.equal(ledger.isTakenDown({ url: 'https://img0.site.example/x.jpg' }), true);
    assert.equal(ledger.isTakenDown({ url: 'https://mysite.test/x.jpg' }), false);
    assert.equal(ledger.isTakenDown({ url: 'https://notexample/x.jpg' }), false);
    ledger.close();
  });
}

test('what the corpus has not is said with exit code 2, and refused from then on', async () => {
  const corpus = copy();
  const { code, said } = await run(['takedown', '--corpus', corpus, '--url', 'https://site.example/none.jpg']);
  assert.equal(code, 2, said);
  assert.match(said, /^The corpus has nothing of what was named; if it comes, it is refused from now on\.$/m);
  const ledger = Ledger.open(corpus);
  assert.equal(ledger.isTakenDown({ url: 'https://site.example/none.jpg' }), true);
  ledger.close();
  const again = await run(['takedown', '--corpus', corpus, '--url', url(3)]);
  assert.equal(again.code, 0, again.said);
  assert.equal((await run(['takedown', '--corpus', corpus, '--url', url(3)])).code, 0);
});

test('a list has every kind of name, and a line that is none stops it before anything is removed', async () => {
  const corpus = copy();
  const { sha256, md5, phash } = stored(corpus, 1);
  const list = join(root, 'list.txt');
  writeFileSync(list, `\uFEFF# from the owner\n${url(4)}#x\r\n\n${sha256}\n${md5}\n${phash}\nphotos.example\n`);
  assert.deepEqual(readTakedownLists([list]), {
    urls: [`${url(4)}#x`],
    hosts: ['photos.example'],
    sha256s: [sha256],
    md5s: [md5],
    phashes: [phash],
  });
  assert.equal((await run(['takedown', '--corpus', corpus, '--list', list])).code, 0);
  assert.deepEqual(await urlsIn(join(corpus, 'shards')), others(1, 4));
  writeFileSync(list, `${url(5)}\nnot a name\n`);
  const { code, said } = await run(['takedown', '--corpus', corpus, '--list', list]);
  assert.equal(code, 2);
  assert.match(said, /for line 2 of .*list\.txt but received not a name; correct that line; nothing was removed\.$/m);
  assert.deepEqual(await urlsIn(join(corpus, 'shards')), others(1, 4));
});

test('exports elsewhere are reached, those that are gone are named, and a report goes', async () => {
  const corpus = copy();
  const [out, moved, unknown] = ['out', 'moved', 'unknown'].map((name) => join(root, `${name}-${copies}`)) as [
    string,
    string,
    string,
  ];
  for (const outDir of [out, moved]) await exportShards({ corpusDir: corpus, outDir, samplesPerShard: 10 });
  renameSync(moved, unknown);
  writeFileSync(join(corpus, 'report.html'), '<img src="data:image/jpeg;base64,AAAA">');
  mkdirSync(join(corpus, 'runs/halted/.texts'), { recursive: true });
  for (const name of ['.texts/0.json', 'log.jsonl']) writeFileSync(join(corpus, 'runs/halted', name), '{}');
  const first = await takedown({ corpusDir: corpus, urls: [url(2)] });
  assert.deepEqual(first.unreached, [moved]);
  // Texts that a run keeps are texts.
  assert.deepEqual(first.deleted, [join(corpus, 'report.html'), join(corpus, 'runs/halted/.texts')]);
  assert.deepEqual(readdirSync(join(corpus, 'runs/halted')), ['log.jsonl']);
  assert.equal(existsSync(join(corpus, 'report.html')), false);
  assert.ok(first.shardsRewritten.some((path) => path.startsWith(out)));
  assert.deepEqual(await urlsIn(out), others(2));
  assert.deepEqual(await urlsIn(unknown), others());
  const second = await takedown({ corpusDir: corpus, urls: [url(2)], exports: [unknown] });
  assert.deepEqual([second.isKnown, second.left], [true, []]);
  assert.deepEqual(await urlsIn(unknown), others(2));
});

test('an imported set without a ledger loses the picture, and an import does not bring it back', async () => {
  const corpus = join(root, 'imported');
  const folder = join(root, 'pictures');
  mkdirSync(folder);
  const records = [];
  for (let id = 0; id < 4; id++) {
    writeFileSync(join(folder, `${id}.jpg`), await picture(id, { width: 320, height: 240 }));
    records.push({ id, file_name: `${id}.jpg`, coco_url: `https://cdn.example/${id}.jpg` });
  }
  const captions = join(root, 'captions.json');
  const annotations = records.map(({ id }) => ({ id, image_id: id, caption: `Picture number ${id} of a set` }));
  writeFileSync(captions, JSON.stringify({ images: records, annotations, licenses: [] }));
  const outDir = join(corpus, 'shards');
  await importDataset({ from: 'coco', captions, images: folder }, { outDir });
  const summary = await takedown({ corpusDir: corpus, urls: ['https://CDN.example/2.jpg#x'] });
  assert.deepEqual([summary.samples, summary.left], [1, []]);
  assert.deepEqual(
    await urlsIn(outDir),
    [0, 1, 3].map((id) => `https://cdn.example/${id}.jpg`),
  );
  const ledger = Ledger.open(corpus);
  assert.equal(ledger.isTakenDown({ url: 'https://cdn.example/2.jpg' }), true);
  ledger.close();
});

test('a damaged table does not stop it', async () => {
  const corpus = copy();
  const shards = join(corpus, 'shards');
  writeFileSync(join(shards, 'train/00000.parquet'), 'no table');
  const summary = await takedown({ corpusDir: corpus, hosts: ['site.example'] });
  assert.deepEqual([summary.left, summary.unreached], [[], []]);
  assert.deepEqual(await urlsIn(shards), []);
  const tars = readdirSync(join(shards, 'train')).filter((name) => name.endsWith('.tar'));
  for (const name of tars) assert.ok(!readFileSync(join(shards, 'train', name)).includes('site.example'), name);
});

test('what a killed crawl stored and no row names is found by its bytes', async () => {
  const corpus = copy();
  const bytes = await picture(77);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const raw = openRawStore(corpus);
  raw.append({ sha256, format: 'jpg', bytes });
  raw.close();
  const path = join(corpus, 'raw/000000.tar');
  assert.ok(readFileSync(path).includes(bytes));
  const summary = await takedown({ corpusDir: corpus, sha256s: [sha256] });
  assert.deepEqual(summary.left, []);
  assert.ok(!readFileSync(path).includes(bytes));
});

test('undone, a picture may come again; what others asked for stays away', async () => {
  const corpus = copy();
  const { sha256 } = stored(corpus, 6);
  await takedown({ corpusDir: corpus, urls: [url(6)] });
  await takedown({ corpusDir: corpus, hosts: ['site.example'] });
  assert.deepEqual((await undoTakedown({ corpusDir: corpus, hosts: ['SITE.example'] })).tombstones, 1);
  const ledger = Ledger.open(corpus);
  assert.equal(ledger.isTakenDown({ url: url(5) }), false);
  assert.equal(ledger.isTakenDown({ url: url(6) }), true);
  assert.equal(ledger.isTakenDown({ sha256 }), true);
  ledger.close();
  const done = await run(['takedown', '--corpus', corpus, '--url', url(6), '--undo']);
  assert.equal(done.code, 0, done.said);
  assert.match(done.said, /^Took back 1 takedowns: 1 pictures may be stored again, .* What was erased stays erased:/m);
  const twice = await run(['takedown', '--corpus', corpus, '--url', url(6), '--undo']);
  assert.equal(twice.code, 2);
  assert.match(twice.said, /^lait: Expected something that was taken down for undo/m);
});

test('during a crawl nothing of it is stored from the first moment on', async () => {
  const routes: Record<string, string | Buffer> = { '/robots.txt': '' };
  const pictures = 60;
  const bodies: Buffer[] = [];
  const figures = [];
  for (let i = 0; i < pictures; i++) {
    bodies.push(await picture(i, { width: 400, height: 300 }));
    routes[`/i${i}.jpg`] = bodies[i]!;
    figures.push(`<figure><img src="/i${i}.jpg" width="400" height="300" alt="Boat number ${i} on a river"></figure>`);
  }
  routes['/'] = `<title>Boats</title><article>${figures.join('')}</article>`;
  const site = await startSite({ routes });
  try {
    for (let time = 0; time < 3; time++) {
      const corpus = join(root, `crawled-${time}`);
      const child = spawn(
        process.execPath,
        [
          lait,
          'crawl',
          `${site.url}/`,
          '--corpus',
          corpus,
          '--allow-private',
          '--min-delay-ms',
          '30',
          '--render',
          'never',
        ],
        { stdio: 'ignore' },
      );
      const ended = new Promise((done) => child.once('exit', done));
      const path = join(corpus, 'raw/000000.tar');
      while (!existsSync(path) || readFileSync(path).length < 20_000 * (time + 1)) {
        await new Promise((done) => setTimeout(done, 20));
        assert.equal(child.exitCode, null, 'the crawl ended before');
      }
      const urls = bodies.map((_, i) => `${site.url}/i${i}.jpg`);
      // The last time by what they are: the addresses of those that are still to come are not known then.
      const byHash = { sha256s: bodies.map((bytes) => createHash('sha256').update(bytes).digest('hex')) };
      const { left } = await takedown({ corpusDir: corpus, ...(time === 2 ? byHash : { urls }) });
      assert.deepEqual(left, []);
      assert.equal(await ended, 0);
      const raw = readFileSync(path);
      for (const [i, bytes] of bodies.entries()) assert.ok(!raw.includes(bytes), `picture ${i}`);
      const ledger = Ledger.open(corpus);
      if (time < 2) assert.equal(ledger.db.prepare('SELECT count(*) FROM pairs').pluck().get(), 0);
      assert.equal(ledger.db.prepare('SELECT count(*) FROM images WHERE segment IS NOT NULL').pluck().get(), 0);
      ledger.close();
    }
  } finally {
    await site.close();
  }
});

test('during an export it waits, and nothing of it stays in the shards', async () => {
  for (let time = 0; time < 3; time++) {
    const corpus = copy();
    const out = join(root, `during-${time}`);
    const child = spawn(
      process.execPath,
      [lait, 'export', '--corpus', corpus, '--out', out, '--encode', 'jpeg', '--samples-per-shard', '2'],
      {
        stdio: 'ignore',
      },
    );
    const ended = new Promise((done) => child.once('exit', done));
    while (!existsSync(join(corpus, 'locks/shards.json'))) {
      await new Promise((done) => setTimeout(done, 10));
      assert.equal(child.exitCode, null, 'the export ended before');
    }
    const summary = await takedown({ corpusDir: corpus, urls: [url(1), url(9)] });
    assert.equal(await ended, 0);
    assert.deepEqual([summary.left, summary.unreached], [[], []]);
    assert.deepEqual(await urlsIn(out), others(1, 9));
  }
});
