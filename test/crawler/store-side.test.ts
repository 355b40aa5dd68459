/** Crawls that store pictures smaller: what is kept is a JPEG of the asked size, what is known stays the original's, and all else goes on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { crawl } from '../../crawler/crawl.ts';
import { explain } from '../../dataset/export/explain.ts';
import { exportShards } from '../../dataset/export/export.ts';
import { takedown } from '../../dataset/export/takedown.ts';
import { verify } from '../../dataset/export/verify.ts';
import { decodeImage } from '../../dataset/image/decode.ts';
import type { StoredSample } from '../../dataset/ledger/stored-sample.ts';
import { readParquet } from '../../dataset/shards/parquet.ts';
import { readShards } from '../../dataset/shards/reader.ts';
import type { Filter } from '../../filters/filter.ts';
import { imageBytes } from '../../filters/image/bytes.ts';
import { imageSize } from '../../filters/image/size.ts';
import { screen } from '../../filters/screen.ts';
import { openCorpus, temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const wide = await picture(1, { width: 800, height: 600 });
const tall = await sharp(await picture(2, { width: 800, height: 500 }))
  .withExif({ IFD0: { Artist: 'An artist' }, IFD3: { GPSLatitudeRef: 'N' } })
  .withMetadata({ orientation: 6 })
  .jpeg({ quality: 95 })
  .toBuffer();
const files: Readonly<Record<string, Buffer>> = {
  '/wide.jpg': wide,
  '/again.jpg': wide,
  '/tall.jpg': tall,
  '/drawing.png': await picture(3, { width: 700, height: 700, format: 'png' }),
  '/cut.jpg': (await picture(4, { width: 640, height: 480 })).subarray(0, -2),
  '/small.webp': await picture(5, { width: 320, height: 128, format: 'webp' }),
};
const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
const small = { ...own, storeSide: 128, storeQuality: 90 } as const;

async function gallery(t: TestContext) {
  const routes: Record<string, Route> = {
    '/': `<main><h1>Pictures</h1>${Object.keys(files)
      .map((path) => `<p><img src="${path}" alt="A picture that is called ${path.slice(1)}"></p>`)
      .join('')}</main>`,
  };
  for (const [path, bytes] of Object.entries(files)) {
    routes[path] = (req, res) => {
      const etag = `"${md5(bytes)}"`;
      const isKnown = req.headers['if-none-match'] === etag;
      res.writeHead(isKnown ? 304 : 200, { etag, 'content-type': 'image/jpeg' }).end(isKnown ? undefined : bytes);
    };
  }
  const site = await startSite({ routes });
  t.after(() => site.close());
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const again = (options: object = small) =>
    crawl({ seeds: [site.url], corpusDir: corpus.dir, ...own, ...options }, corpus);
  return { site, corpus, again };
}

type Corpus = ReturnType<typeof openCorpus>;
const columns =
  'url, width, height, format, byte_length AS byteLength, sha256, phash, damaged, segment, offset, resized';
const rowsOf = ({ ledger }: Pick<Corpus, 'ledger'>) =>
  (
    ledger.db.prepare(`SELECT ${columns} FROM images WHERE segment IS NOT NULL ORDER BY url`).all() as Record<
      string,
      never
    >[]
  ).map((row) => ({
    ...row,
    path: new URL(row.url!).pathname,
    resized: JSON.parse(row.resized ?? 'null'),
  })) as unknown as {
    path: string;
    width: number;
    height: number;
    byteLength: number;
    sha256: string;
    phash: string;
    segment: number;
    offset: number;
    resized: { sha256: string; originalMd5: string; originalByteLength: number; exif: string; sidePx: number } | null;
  }[];
const judge = (
  { ledger, raw }: Pick<Corpus, 'ledger' | 'raw'>,
  image: readonly Filter<StoredSample>[] = [imageSize({ minSidePx: 1 })],
) => screen({ ledger, raw, recipe: { text: [], image, corpus: [] } });

test('the ledger knows the original, the store has a JPEG of the size, and one picture lies there once', async (t) => {
  const { corpus, again } = await gallery(t);
  await again();
  const rows = rowsOf(corpus);
  assert.deepEqual(
    rows.map(({ path }) => path),
    Object.keys(files).sort(),
  );
  for (const row of rows) {
    const original = files[row.path]!;
    const decoded = await decodeImage(original);
    assert.ok(!('reason' in decoded));
    const { width, height, phash } = decoded;
    assert.deepEqual(
      { sha256: row.sha256, width: row.width, height: row.height, phash: row.phash },
      { sha256: sha256(original), width, height, phash },
    );
    const stored = corpus.raw.read(row);
    if (row.path === '/small.webp') {
      assert.ok(row.resized === null && stored.equals(original), 'no larger, so as it is');
      continue;
    }
    const meta = await sharp(stored).metadata();
    assert.equal(meta.format, 'jpeg');
    assert.equal(Math.min(meta.width, meta.height), 128);
    assert.equal(meta.width > meta.height, width > height, 'upright');
    await sharp(stored, { failOn: 'warning' }).raw().toBuffer();
    assert.equal(row.resized!.sha256, sha256(stored));
    assert.equal(row.resized!.originalMd5, md5(original));
    assert.equal(row.resized!.originalByteLength, original.length);
  }
  const place = (path: string) => rows.find((row) => row.path === path)!.offset;
  assert.equal(place('/again.jpg'), place('/wide.jpg'));
  assert.equal(new Set(rows.map(({ offset }) => offset)).size, 5);
});

test('an export copies the bytes, tells of the originals, and verifies; two commands in a row change nothing', async (t) => {
  const { corpus, again } = await gallery(t);
  await again();
  await judge(corpus);
  const options = { corpusDir: corpus.dir, validationFraction: 0, resize: 'keep_ratio', sizePx: 128 } as const;
  await exportShards(options);
  const stored = new Map(rowsOf(corpus).map((row) => [row.sha256, { row, bytes: corpus.raw.read(row) }]));
  let samples = 0;
  for await (const { fields } of readShards({ paths: join(corpus.dir, 'shards/train') })) {
    const json = JSON.parse(fields.json!.toString());
    const { row, bytes } = stored.get(json.sha256)!;
    samples += 1;
    assert.deepEqual([json.original_width, json.original_height], [row.width, row.height]);
    if (row.resized === null) continue;
    assert.ok(fields.jpg!.equals(bytes), row.path);
    assert.equal(Math.min(json.width, json.height), 128);
  }
  // Each by its own words, and the first by the heading beside it, too.
  assert.equal(samples, 7);
  const table = await readParquet(join(corpus.dir, 'shards/train/00000.parquet'), ['url', 'exif', 'damaged']);
  const rowOf = (path: string) => table.find(({ url }) => String(url).endsWith(path))!;
  assert.match(String(rowOf('/tall.jpg').exif), /An artist/);
  assert.doesNotMatch(String(rowOf('/tall.jpg').exif), /GPS/);
  assert.equal(rowOf('/cut.jpg').damaged, true);
  assert.deepEqual((await verify({ corpusDir: corpus.dir, shardsDir: join(corpus.dir, 'shards') })).faults, []);
  const twice = await exportShards(options);
  assert.equal(twice.shardsWritten, 0);
  const before = rowsOf(corpus);
  await again({ ...small, recrawl: 'all' });
  assert.deepEqual(rowsOf(corpus), before, 'unchanged pictures stay as they are stored');
  assert.equal((await exportShards(options)).shardsWritten, 0);
});

test('the story of a pair tells of the original, and what is stored of it', async (t) => {
  const { corpus, again } = await gallery(t);
  await again();
  const row = rowsOf(corpus).find(({ path }) => path === '/tall.jpg')!;
  const { pairs } = await explain({ corpusDir: corpus.dir, what: row.sha256 });
  const { width, height, byteLength, stored } = pairs[0]!.image!;
  assert.deepEqual(
    { width, height, byteLength, stored },
    {
      width: 500,
      height: 800,
      byteLength: tall.length,
      stored: { sidePx: 128, quality: 90, byteLength: row.byteLength },
    },
  );
});

test('a smaller export shrinks what is stored; a larger one is refused, as it would blow it up', async (t) => {
  const { corpus, again } = await gallery(t);
  await again();
  await judge(corpus);
  const common = { corpusDir: corpus.dir, validationFraction: 0 } as const;
  await exportShards({ ...common, outDir: join(corpus.dir, 'tiny'), resize: 'center_crop', sizePx: 64 });
  for await (const { fields } of readShards({ paths: join(corpus.dir, 'tiny/train') })) {
    const { width, height } = await sharp(fields.jpg!).metadata();
    assert.deepEqual([width, height], [64, 64]);
  }
  await assert.rejects(exportShards({ ...common, outDir: join(corpus.dir, 'large'), resize: 'border', sizePx: 256 }), {
    name: 'UserError',
    message: /^Expected at most 128 for sizePx but received 256; .*storeSide/,
  });
  const as = { resize: 'keep_ratio', sizePx: 256, onlyIfBigger: true } as const;
  await exportShards({ ...common, outDir: join(corpus.dir, 'large'), ...as });
});

test('rules judge the original', async (t) => {
  const { corpus, again } = await gallery(t);
  await again();
  await judge(corpus, [imageSize({ minSidePx: 500 }), imageBytes({ minBytes: wide.length })]);
  const kept = corpus.ledger.db
    .prepare('SELECT DISTINCT image_url FROM survivors ORDER BY 1')
    .pluck()
    .all() as string[];
  const expected = Object.keys(files).filter(
    (path) => /wide|again|tall|drawing/.test(path) && files[path]!.length >= wide.length,
  );
  assert.deepEqual(
    kept.map((url) => new URL(url).pathname),
    expected.sort(),
  );
  assert.ok(expected.length >= 2);
});

for (const by of ['sha256s', 'md5s', 'phashes'] as const) {
  test(`a takedown by ${by} of the original erases what is stored, and it does not come back`, async (t) => {
    const { corpus, again } = await gallery(t);
    await again();
    await judge(corpus);
    await exportShards({ corpusDir: corpus.dir, validationFraction: 0 });
    const row = rowsOf(corpus).find(({ path }) => path === '/tall.jpg')!;
    const name = { sha256s: row.sha256, md5s: md5(tall), phashes: row.phash }[by];
    const done = await takedown({ corpusDir: corpus.dir, [by]: [name] });
    assert.deepEqual([done.images, done.samples, done.bytes], [1, 1, row.byteLength]);
    assert.ok(corpus.raw.read(row).every((byte) => byte === 0));
    const said = corpus.ledger.db.prepare("SELECT status, resized FROM images WHERE url LIKE '%tall.jpg'").get();
    assert.deepEqual(said, { status: 'refused', resized: null });
    await again({ ...small, recrawl: 'all' });
    assert.equal(corpus.images()['/tall.jpg'], 'taken-down');
    assert.deepEqual((await verify({ corpusDir: corpus.dir, shardsDir: join(corpus.dir, 'shards') })).faults, []);
  });
}

test('with other settings, what comes anew is stored by them, and what is there stays', async (t) => {
  const { corpus, again } = await gallery(t);
  const later = await picture(9, { width: 900, height: 640 });
  await again();
  const before = rowsOf(corpus);
  const more = await startSite({
    routes: {
      '/': `<main><p><img src="/later.jpg" alt="A picture that comes later"><p><img src="/copy.jpg" alt="A copy of the wide one"></main>`,
      '/later.jpg': later,
      '/copy.jpg': wide,
    },
  });
  t.after(() => more.close());
  await crawl({ ...own, seeds: [more.url], corpusDir: corpus.dir, storeSide: 200 }, corpus);
  const rows = rowsOf(corpus);
  const row = (path: string) => rows.find((one) => one.path === path)!;
  assert.deepEqual(
    rows.filter(({ path }) => path in files),
    before,
  );
  assert.equal(row('/later.jpg').resized!.sidePx, 200);
  assert.equal(row('/copy.jpg').resized!.sidePx, 200);
  assert.notEqual(row('/copy.jpg').offset, row('/wide.jpg').offset);
  // An original that is there serves whoever wants less.
  const third = await startSite({ routes: { '/': '<img src="/x.jpg" alt="One more copy of it">', '/x.jpg': later } });
  t.after(() => third.close());
  await crawl({ ...own, seeds: [third.url], corpusDir: corpus.dir }, corpus);
  assert.equal(rowsOf(corpus).find(({ path }) => path === '/x.jpg')!.resized, null);
  // A takedown finds every form of it.
  const { images, bytes } = await takedown({ corpusDir: corpus.dir, sha256s: [sha256(wide)] });
  assert.equal(images, 1);
  assert.equal(bytes, row('/copy.jpg').byteLength + row('/wide.jpg').byteLength);
});

test('a picture that changed at its address leaves its smaller one to be found', async (t) => {
  let shown = wide;
  const site = await startSite({
    routes: {
      '/': '<img src="/x.jpg" alt="A picture that changes">',
      '/x.jpg': (_req, res) => void res.writeHead(200, { 'content-type': 'image/jpeg' }).end(shown),
    },
  });
  t.after(() => site.close());
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const options = { ...small, seeds: [site.url], corpusDir: corpus.dir, recrawl: 'all' } as const;
  await crawl(options, corpus);
  const [first] = rowsOf(corpus);
  shown = tall;
  await crawl(options, corpus);
  const [second] = rowsOf(corpus);
  assert.equal(second!.sha256, sha256(tall));
  const done = await takedown({ corpusDir: corpus.dir, md5s: [md5(wide)] });
  assert.equal(done.bytes, first!.byteLength);
  assert.ok(corpus.raw.read(first!).every((byte) => byte === 0));
  assert.equal(sha256(corpus.raw.read(second!)), second!.resized!.sha256);
});

test('killed while it stores, a crawl goes on and every picture is whole', async (t) => {
  const pictures = 60;
  const routes: Record<string, Route> = {
    '/': Array.from({ length: pictures }, (_, n) => `<p><img src="/${n}.jpg" alt="Picture ${n} of many"></p>`).join(''),
  };
  for (let n = 0; n < pictures; n++) routes[`/${n}.jpg`] = await picture(n, { width: 400, height: 300 });
  const site = await startSite({ routes, delayMs: 2 });
  t.after(() => site.close());
  const folder = mkdtempSync(join(tmpdir(), 'lait-store-side-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const options = { ...small, seeds: [site.url], corpusDir: folder, concurrency: 4 };
  const child = () =>
    spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'crawl-child.ts')], {
      env: { ...process.env, CRAWL_OPTIONS: JSON.stringify(options) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const ended = (running: ReturnType<typeof child>) => new Promise((resolve) => running.on('exit', resolve));
  for (const until of [15, 40]) {
    const running = child();
    const end = ended(running);
    while ([...site.hits.values()].reduce((a, b) => a + b, 0) < until && running.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    running.kill('SIGKILL');
    await end;
  }
  assert.equal(await ended(child()), 0);
  const corpus = openCorpus(folder);
  t.after(() => corpus.close());
  const rows = rowsOf(corpus);
  assert.equal(rows.length, pictures);
  for (const row of rows) assert.equal(sha256(corpus.raw.read(row)), row.resized!.sha256);
});
