/** Pages kept as WARC: what is written, what a kill leaves, reading them once more, and a takedown. */
import assert from 'node:assert/strict';
import { appendFileSync, createReadStream, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { WARCParser } from 'warcio';
import { crawl } from '../../crawler/crawl.ts';
import { extractAgain } from '../../crawler/extract-again.ts';
import { beginArchive, closeArchives } from '../../crawler/frontier/archives.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { takedown } from '../../dataset/export/takedown.ts';
import { blankRecord, committedPagesEnd, openPageStore } from '../../dataset/ledger/page-store.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { heavyPage } from '../helpers/heavy-page.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never', keepPages: true } as const;

async function crawled(t: { after(f: () => Promise<void>): void }) {
  const routes: Record<string, Route> = {
    '/': '<a href="/a">a</a> <a href="/b">b</a> <a href="/reserved">c</a>',
    '/a': '<main><p><img src="/1.jpg" alt="A red boat in the harbour"></p></main>',
    '/b': {
      headers: { 'content-type': 'text/html; charset=iso-8859-1' },
      body: Buffer.from('<main><p><img src="/2.jpg" alt="Une forêt près de la mer"></p></main>', 'latin1'),
    },
    '/reserved': '<meta name="robots" content="noai"><main><p><img src="/1.jpg" alt="Not for you at all"></p></main>',
    '/1.jpg': await picture(1),
    '/2.jpg': await picture(2),
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  await crawl(options, corpus);
  const archive = join(corpus.dir, 'pages', '000000.warc.gz');
  const records = async (): Promise<string[]> => {
    const lines: string[] = [];
    for await (const record of WARCParser.iterRecords(createReadStream(archive))) {
      const text = Buffer.from(await record.readFully(true)).toString('latin1');
      lines.push(`${record.warcType} ${(record.warcTargetURI ?? '').replace(site.url, '')} ${text.length}`);
    }
    return lines;
  };
  return { site, routes, corpus, options, archive, records };
}

const alts = (pairs: readonly string[]): string[] => pairs.filter((pair) => pair.includes('| alt |'));

test('each page that is read is kept, those that reserve their rights are not', async (t) => {
  const { corpus, records, routes } = await crawled(t);
  const lengthOf = (path: string): number => {
    const route = routes[path]!;
    return typeof route === 'string' ? route.length : (route as { body: Buffer }).body.length;
  };
  assert.deepEqual((await records()).sort(), [
    `response / ${lengthOf('/')}`,
    `response /a ${lengthOf('/a')}`,
    `response /b ${lengthOf('/b')}`,
  ]);
  const { end } = committedPagesEnd(corpus.ledger);
  assert.equal(end, statSync(join(corpus.dir, 'pages', '000000.warc.gz')).size);
});

test('what a kill leaves after the last committed page is cut off', async (t) => {
  const { corpus, archive, records, routes, options } = await crawled(t);
  const before = readFileSync(archive);
  appendFileSync(archive, before.subarray(0, 300));
  routes['/a'] = '<main><p><img src="/1.jpg" alt="A red boat that has left"></p></main>';
  await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.deepEqual(readFileSync(archive).subarray(0, before.length), before);
  assert.deepEqual((await records()).map((line) => line.split(' ').slice(0, 2).join(' ')).slice(-1), ['response /a']);
  assert.equal((await records()).length, 4);
});

test('reading again brings the ledger to what the pages say, without a request', async (t) => {
  const { corpus, site } = await crawled(t);
  const before = alts(corpus.pairs());
  assert.deepEqual(before, [
    '/1.jpg | alt | A red boat in the harbour | /a',
    '/2.jpg | alt | Une forêt près de la mer | /b',
  ]);
  const hits = JSON.stringify([...site.hits]);

  // As a worse extractor left it: one picture is missing, one text is wrong.
  const frontier = Frontier.open(corpus.dir);
  frontier.db.exec(`DELETE FROM urls WHERE url LIKE '%/2.jpg'`);
  frontier.close();
  corpus.ledger.db.exec(`DELETE FROM pairs WHERE text LIKE 'Une for%';
    DELETE FROM places WHERE image_id IN (SELECT id FROM images WHERE url LIKE '%/2.jpg');
    DELETE FROM images WHERE url LIKE '%/2.jpg';`);
  const page = { url: `${site.url}/a`, status: 'fetched' as const, fetchedAtMs: 1 };
  corpus.ledger.recordPage(
    page,
    [{ url: `${site.url}/1.jpg`, texts: [{ source: 'alt', text: 'A wrong text' }] }],
    'not-on-page',
  );

  const summary = await extractAgain({ corpusDir: corpus.dir }, corpus);
  assert.deepEqual(summary, { pages: 3, queued: 1, unread: 0 });
  assert.equal(JSON.stringify([...site.hits]), hits);
  assert.deepEqual(
    corpus.ledger.db.prepare(`SELECT text, gone FROM pairs WHERE source = 'alt' ORDER BY text`).raw().all(),
    [
      ['A red boat in the harbour', null],
      ['A wrong text', 'not-on-page'],
      ['Une forêt près de la mer', null],
    ],
  );
  assert.deepEqual(await extractAgain({ corpusDir: corpus.dir }, corpus), { pages: 3, queued: 0, unread: 0 });
});

test('kept pages are read alone after deaths of the process, and what goes on ending it is given up', async (t) => {
  const { corpus, site } = await crawled(t);
  const read = () => extractAgain({ corpusDir: corpus.dir }, corpus);
  const archive = resolve(corpus.dir, 'pages');
  // What processes leave that die while they read it: of all side by side at first, then of each page alone.
  const dies = (alone: boolean): void => {
    const db = new Database(join(corpus.dir, 'frontier.db'));
    const begun = beginArchive(db, archive);
    assert.equal(begun.isAlone, alone);
    if (alone) begun.open(`${site.url}/a`);
    closeArchives(db, true);
    db.close();
  };
  for (const alone of [false, false, true, true, true]) dies(alone);
  const before = corpus.pairs();
  assert.deepEqual(await read(), { pages: 2, queued: 0, unread: 1 });
  assert.deepEqual(corpus.pairs(), before);
  assert.deepEqual(await read(), { pages: 2, queued: 0, unread: 1 });
});

test('a takedown blanks the pages of its URL in every version, and the archive stays whole', async (t) => {
  const { corpus, site, archive, records, routes, options } = await crawled(t);
  routes['/a'] = '<main><p><img src="/1.jpg" alt="A red boat that has left"></p></main>';
  await crawl({ ...options, recrawl: 'all' }, corpus);
  const size = statSync(archive).size;
  const { pages } = await takedown({ corpusDir: corpus.dir, urls: [`${site.url}/a`] });
  assert.equal(pages, 2);
  assert.equal(statSync(archive).size, size);
  assert.equal(gunzipSync(readFileSync(archive)).includes('red boat'), false);
  assert.deepEqual((await records()).map((line) => line.split(' ').slice(0, 2).join(' ')).sort(), [
    'metadata ',
    'metadata ',
    'response /',
    'response /b',
  ]);
  // The blanked one is still the end of the store.
  assert.equal(committedPagesEnd(corpus.ledger).end, size);
  assert.deepEqual(await extractAgain({ corpusDir: corpus.dir }, corpus), { pages: 2, queued: 0, unread: 0 });
});

test('a blank record has exactly the length that is asked for', () => {
  for (const length of [250, 251, 1000, 70_000, 1_000_000]) {
    const record = blankRecord(length);
    assert.equal(record.length, length);
    assert.match(gunzipSync(record).toString(), /^WARC\/1\.1\r\nWARC-Type: metadata/);
  }
});

test('a store begins a new segment when one is full, and is cut back over both', (t) => {
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const store = openPageStore(corpus.dir, { committedEnd: { segment: 0, end: 0 }, segmentBytes: 10 });
  const places = ['aaaaaa', 'bbbbbb', 'cccccc'].map((text) => store.append(Buffer.from(text)));
  assert.deepEqual(
    places.map(({ segment, offset }) => [segment, offset]),
    [
      [0, 0],
      [0, 6],
      [1, 0],
    ],
  );
  assert.equal(store.read(places[1]!).toString(), 'bbbbbb');
  store.close();
  openPageStore(corpus.dir, { committedEnd: { segment: 0, end: 6 } }).close();
  assert.equal(readFileSync(join(corpus.dir, 'pages', '000000.warc.gz'), 'utf8'), 'aaaaaa');
  assert.throws(() => statSync(join(corpus.dir, 'pages', '000001.warc.gz')), /ENOENT/);
});

test('pages that are read again are committed by what they weigh', async (t) => {
  const heavy = Object.fromEntries([1, 2, 3, 4].map((n) => [`/${n}`, heavyPage]));
  const site = await startSite({
    routes: { '/': '<a href=/1>1</a><a href=/2>2</a><a href=/3>3</a><a href=/4>4</a>', ...heavy },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir, images: false }, corpus);
  const committed: number[] = [];
  const { ledger } = corpus;
  await extractAgain({ corpusDir: corpus.dir }, { ledger, onProgress: (pages) => committed.push(pages) });
  // The first page weighs nothing; of the others three have 12 million characters.
  assert.deepEqual(committed, [4, 5]);
});
