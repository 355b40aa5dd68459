/**
 * What workers have found, brought into a folder: from folders or S3, in whatever order it comes, and nothing is lost that can still be
 * had. What failed is queued again, and fetched by whichever worker comes.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import Database from 'better-sqlite3';
import { crawlMetrics } from '../../cli/crawl-metrics.ts';
import { serveMetrics } from '../../cli/metrics.ts';
import { crawl } from '../../crawler/crawl.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { queueUrlList } from '../../crawler/input/url-list.ts';
import type { Reason } from '../../crawler/policy/reasons.ts';
import { followedBy } from '../../crawler/policy/url.ts';
import { collect } from '../../crawler/shared/collect.ts';
import { recordLater, timely } from '../../crawler/shared/late.ts';
import { retryLockKey } from '../../crawler/shared/move.ts';
import { moveIn } from '../../crawler/shared/move-in.ts';
import { movedOutTo, moveOut } from '../../crawler/shared/move-out.ts';
import { retryShared } from '../../crawler/shared/retry.ts';
import { type SharedStore, sharedWork } from '../../crawler/shared/shared-work.ts';
import { openBlobs } from '../../dataset/blobs/open.ts';
import { corpusMark } from '../../dataset/ledger/corpus-mark.ts';
import { lowerTombstones, raiseTombstones } from '../../dataset/ledger/tombstones.ts';
import { keyOf } from '../../dataset/url-key.ts';
import { UserError } from '../../dataset/user-error.ts';
import { type TemporaryCorpus, temporaryCorpus } from '../helpers/corpus.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';
import { startProxy } from './proxy.ts';
import { type Fault, noS3Server, type S3Server, startS3 } from './s3-server.ts';

const image = (path: string, alt: string): string =>
  `<img src="${path}" width="400" height="320" alt="A grey bird ${alt}">`;

let postgres: PostgresServer;
let site: Site;
let s3: S3Server | undefined;
let isBroken = true;
let title = 'Old';
/** What happens while a page is asked for. */
let meanwhile = async (): Promise<void> => {};
before(async () => {
  if (noPostgres) return;
  const pictures = await Promise.all([1, 2, 3].map((seed) => picture(seed, { width: 400, height: 320 })));
  postgres = await startPostgres();
  site = await startSite({
    routes: {
      '/': `<!doctype html><title>Birds</title><p>Birds of the harbour.</p><a href="/gone">more</a><a href="/other">and more</a>${image('/bird.jpg', 'on the wall')}`,
      '/other': (_, res) =>
        void meanwhile().then(() =>
          res
            .setHeader('content-type', 'text/html')
            .end('<!doctype html><title>Boats</title><p>Boats of the harbour.</p>'),
        ),
      '/gone': (_, res) => {
        if (isBroken) res.writeHead(404).end();
        else
          res
            .setHeader('content-type', 'text/html')
            .end('<!doctype html><title>Back</title><p>It is back.</p><a href="/new">new</a>');
      },
      '/new': '<!doctype html><title>New</title><p>What nobody has seen.</p>',
      '/bird.jpg': (_, res) => {
        if (isBroken) res.writeHead(404).end();
        else res.setHeader('content-type', 'image/jpeg').end(pictures[0]);
      },
      '/one': (_, res) =>
        res
          .setHeader('content-type', 'text/html')
          .end(
            `<!doctype html><title>${title}</title><p>One of them.</p>${image('/a.jpg', 'alone')}${image('/c.jpg', 'in a row')}`,
          ),
      '/two': `<!doctype html><title>Two</title><p>Two of them.</p>${image('/b.jpg', 'once more')}`,
      '/a.jpg': pictures[1]!,
      '/b.jpg': pictures[1]!,
      '/c.jpg': pictures[2]!,
    },
  });
  if (!noS3Server) s3 = await startS3();
});
after(async () => {
  postgres?.stop();
  await site?.close();
  await s3?.close();
});

const settings = { allowPrivate: true, minDelayMs: 20, latencyFactor: 0, render: 'never' } as const;

/** A worker until nothing is left. */
const work = (store: SharedStore, ...paths: string[]): ReturnType<typeof crawl> =>
  crawl(
    { ...settings, seeds: paths.map((path) => site.url + path), corpusDir: store.corpusDir, timeoutMs: 2000 },
    { openWork: sharedWork(store), ...(store.signal && { signal: store.signal }) },
  );

/** A folder that nothing else writes `raw/` of, removed at the end of the test. */
function newCorpus(t: { after(work: () => void): void }): TemporaryCorpus {
  const corpus = temporaryCorpus();
  corpus.raw.close();
  t.after(() => corpus.remove());
  return corpus;
}

describe('what failed in a shared crawl', { skip: noPostgres }, () => {
  test('is fetched by a worker after it was queued again', { timeout: 120_000 }, async (t) => {
    const url = postgres.newDatabase();
    const corpus = newCorpus(t);
    const store = { url, corpusDir: corpus.dir };
    const metrics = crawlMetrics();
    const address = await serveMetrics('0', metrics, t.after.bind(t));
    let live = '';
    meanwhile = async () => {
      live = await (await fetch(address)).text();
    };
    await work({ ...store, observe: metrics.observe }, '/');
    meanwhile = async () => {};
    for (const line of ['lait_store_up 1', 'lait_hosts{state="held"} 1', 'lait_worker_hosts 1', 'lait_lag_seconds 0'])
      assert.ok(live.includes(`\n${line}\n`), `${line} in ${live}`);
    const answer = await fetch(address);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const told = await answer.text();
    for (const line of [
      'lait_pages_total{status="fetched"} 2',
      'lait_images_total{status="failed_to_download"} 1',
      'lait_reasons_total{class="failed",reason="http-404"} 2',
      'lait_worker_urls_in_flight 0',
    ]) {
      assert.ok(told.includes(`\n${line}\n`), `${line} in ${told}`);
    }
    assert.doesNotMatch(told, /127\.0\.0\.1|password/);
    const noDefer = () => assert.fail('it is served');
    await assert.rejects(
      serveMetrics(new URL(address).host, metrics, noDefer),
      /Expected an address that is free .* \(EADDRINUSE\)/,
    );
    await assert.rejects(
      serveMetrics('all', metrics, noDefer),
      /Expected a port, or HOST:PORT for --metrics-port but received all/,
    );
    await collect(store, corpus);
    assert.deepEqual([corpus.pages()['/gone'], corpus.images()['/bird.jpg']], ['http-404', 'http-404']);

    await assert.rejects(retryShared({ url, reasons: ['robots'] }, corpus), /Expected a reason of failure/);
    const queued = await retryShared({ url, reasons: ['http-404'] }, corpus);
    assert.deepEqual(queued, { pages: 1, images: 1 });
    assert.deepEqual(await retryShared({ url, reasons: ['http-404'] }, corpus), { pages: 0, images: 0 });

    isBroken = false;
    const { pages, images, stoppedBy } = await work(store);
    assert.deepEqual([pages, images, stoppedBy], [{ fetched: 2 }, { success: 1 }, 'finished']);
    // The folder does not know of it yet, and still nothing is fetched twice.
    assert.deepEqual(await retryShared({ url, reasons: ['http-404'] }, corpus), { pages: 0, images: 0 });
    await collect(store, corpus);
    assert.deepEqual(corpus.pages(), { '/': 'fetched', '/gone': 'fetched', '/new': 'fetched', '/other': 'fetched' });
    assert.deepEqual(corpus.images(), { '/bird.jpg': 'success' });
    assert.equal(site.hits.get('/'), 1, 'what has not failed is not asked for again');
  });
});

describe('what a worker found whose disk is away', { skip: noPostgres }, () => {
  test('is neither taken for lost nor for newer than it is', { timeout: 120_000 }, async (t) => {
    const url = postgres.newDatabase();
    const [here, there] = [newCorpus(t), newCorpus(t)];
    await work({ url, corpusDir: there.dir }, '/one');
    // The page is visited once more, by the worker whose pictures are here.
    postgres.sql(
      url,
      `INSERT INTO lait.queue (host, url_host, hash, priority) SELECT host, host, hash, priority FROM lait.urls WHERE url LIKE '%/one'`,
    );
    postgres.sql(url, 'UPDATE lait.hosts SET waiting = true');
    title = 'New';
    await work({ url, corpusDir: here.dir }, '/two');
    const titleHere = (): unknown =>
      here.ledger.db.prepare(`SELECT title FROM pages WHERE url LIKE '%/one'`).pluck().get();
    const bring = (without: readonly string[] = []): ReturnType<typeof collect> =>
      collect({ corpusDir: here.dir, url, without }, here);

    const { missing } = await bring();
    assert.deepEqual(
      missing.map(({ worker }) => worker),
      ['1'],
    );
    assert.equal(titleHere(), 'New');
    const [name = ''] = readdirSync(join(there.dir, 'work'));
    const part = join(here.dir, 'work', name);
    const refused = (error: unknown): boolean => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.message, /^Expected pictures of a worker in \S+ but received an error of the system \(E\w+: /);
      return true;
    };
    // What cannot be read may be there.
    mkdirSync(join(part, 'raw/000000.tar'), { recursive: true });
    await assert.rejects(bring(['1']), refused);
    rmSync(part, { recursive: true });
    symlinkSync(part, part);
    await assert.rejects(bring(['1']), refused);
    rmSync(part);

    const { lost } = await bring(['1']);
    assert.equal(lost, 1, 'the folder has the other picture by its second address');
    assert.deepEqual(here.images(), { '/a.jpg': 'success', '/b.jpg': 'success', '/c.jpg': 'picture-lost' });
    assert.equal(titleHere(), 'New');
  });
});

test('a picture that the folder has stays when a worker does not get it again', (t) => {
  const { ledger } = newCorpus(t);
  const url = 'https://a.example/1.jpg';
  const measured = { format: 'jpg', width: 400, height: 320, frames: 1, byteLength: 9, sha256: 'ab', phash: '0' };
  const stored = { ...measured, segment: 0, offset: 512 };
  ledger.recordImage({ url, status: 'success', reason: null, fetchedAtMs: 1000, stored });
  const after = (status: 'failed_to_download' | 'refused', reason: Reason): unknown[] => {
    const image = { url, status, reason, fetchedAtMs: 2000 };
    const { outcome } = timely(ledger, { claim: { writtenUrl: null, depth: 1 }, image });
    return [outcome.image?.status, outcome.image?.reason, outcome.image?.fetchedAtMs, outcome.image?.stored?.offset];
  };
  assert.deepEqual(after('failed_to_download', 'http-500'), ['success', 'http-500', 2000, 512]);
  assert.deepEqual(after('failed_to_download', 'picture-lost'), ['success', 'picture-lost', 2000, 512]);
  assert.deepEqual(after('failed_to_download', 'http-404'), ['success', 'gone', 2000, 512]);
  assert.deepEqual(after('refused', 'robots'), ['success', 'robots', 2000, 512]);
  assert.deepEqual(after('refused', 'rights-noai'), ['refused', 'rights-noai', 2000, undefined]);
});

test('a page keeps what its first visit found when that comes after one which found it unchanged', (t) => {
  const { ledger } = newCorpus(t);
  const url = 'https://a.example/';
  const visit = { url, reason: null } as const;
  ledger.recordPage({ ...visit, status: 'unchanged', fetchedAtMs: 2000, rights: { 'x-robots-tag': 'all' } });
  const page = { ...visit, title: 'Birds', text: 'Of the harbour.', etag: '"1"' };
  const claim = { writtenUrl: null, depth: 1 };
  const { outcome, later } = timely(ledger, { claim, page: { ...page, status: 'fetched', fetchedAtMs: 1000 } });
  ledger.recordPage(outcome.page!);
  recordLater(ledger, later);
  const known = ledger.db.prepare('SELECT status, title, text, etag, rights, fetched_at_ms FROM pages').raw().get();
  assert.deepEqual(known, ['unchanged', 'Birds', 'Of the harbour.', '"1"', '{"x-robots-tag":"all"}', 2000]);
});

test('a page that was read by a worker counts where only a later visit that failed was brought before', (t) => {
  const { ledger } = newCorpus(t);
  const page = { url: 'https://a.example/', title: 'Old', text: '', reason: null } as const;
  ledger.recordPage({ ...page, status: 'fetched', fetchedAtMs: 1000 });
  ledger.recordPage({ url: page.url, status: 'failed', reason: 'http-500', fetchedAtMs: 3000 });
  const bring = (title: string, fetchedAtMs: number): unknown => {
    const visit = { ...page, title, status: 'fetched', fetchedAtMs } as const;
    const { outcome, later } = timely(ledger, { claim: { writtenUrl: null, depth: 1 }, page: visit });
    if (outcome.page) ledger.recordPage(outcome.page);
    recordLater(ledger, later);
    return ledger.db.prepare('SELECT title, status, reason, fetched_at_ms, read_at_ms FROM pages').raw().get();
  };
  assert.deepEqual(bring('New', 2000), ['New', 'failed', 'http-500', 3000, 2000]);
  assert.deepEqual(bring('Between', 1500), ['New', 'failed', 'http-500', 3000, 2000]);
});

test('pictures of a page that was taken down before it was read are refused, until that is taken back', (t) => {
  const { ledger, images } = newCorpus(t);
  const request = { urls: [keyOf('https://a.example/')], hosts: [], sha256s: [], md5s: [], like: [] };
  raiseTombstones(ledger, request, '');
  const url = 'https://b.example/1.jpg';
  const found = [{ url, texts: [{ source: 'alt', text: 'A bird' }] }] as const;
  ledger.recordPage({ url: 'https://a.example/', status: 'fetched', fetchedAtMs: 1000 }, found);
  const measured = { format: 'jpg', width: 400, height: 320, frames: 1, byteLength: 9, sha256: 'ab', phash: '0' };
  ledger.recordImage({ url, status: 'success', fetchedAtMs: 1000, stored: { ...measured, segment: 0, offset: 512 } });
  assert.deepEqual(images(), { '/1.jpg': 'taken-down' });
  assert.deepEqual(lowerTombstones(ledger, request).images, [url]);
});

describe('pictures in S3', { skip: noPostgres || noS3Server }, () => {
  const shortSegments = /^\/birds\/\w+\/work\/[0-9a-f]{8}-\d+\/raw\/\d{6}\.tar/;
  const isSegment = ({ method, url }: Parameters<Fault>[0]): boolean => method === 'PUT' && shortSegments.test(url);

  test('are put there by workers, one of which is killed, and collected from there', {
    timeout: 120_000,
  }, async (t) => {
    isBroken = false;
    const store = { url: postgres.newDatabase(), blobs: 's3://birds/killed', leaseMs: 3000 };
    const [one, other, corpus] = [newCorpus(t), newCorpus(t), newCorpus(t)];
    const hits = (): number => [...site.hits.values()].reduce((sum, n) => sum + n, 0);
    const before = hits();
    await assert.rejects(work({ ...store, blobs: 's3://nowhere/birds', corpusDir: one.dir }, '/'), /bucket/i);
    assert.equal(hits(), before, 'nothing is asked for that cannot be kept');
    const child = startChild({ ...store, corpusDir: one.dir }, '/', '/one', '/two');
    // Its first segment is there, and the transaction that names it is not.
    s3!.fault = (asked) => {
      if (!isSegment(asked)) return null;
      child.kill('SIGKILL');
      return null;
    };
    await new Promise((resolve) => child.once('close', resolve));
    assert.equal(child.signalCode, 'SIGKILL');
    let faults = 0;
    s3!.fault = (asked) => {
      if (!isSegment(asked) || faults >= 4) return null;
      faults += 1;
      return faults % 2 === 0 ? 'refuse' : { status: 503, code: 'SlowDown' };
    };
    const { stoppedBy, images } = await work({ ...store, corpusDir: other.dir }, '/', '/one', '/two');
    assert.deepEqual([stoppedBy, images, faults], ['finished', { success: 4 }, 4]);
    assert.ok(!readdirSync(other.dir).includes('work'), 'no picture is on the disk');

    const from = { url: store.url, corpusDir: corpus.dir };
    // Of workers that did not note where they put pictures, as those of an earlier lait.
    postgres.sql(store.url, 'UPDATE lait.workers SET pictures = NULL');
    const elsewhere = await collect(from, corpus);
    assert.deepEqual([elsewhere.images, elsewhere.missing.length], [0, 1]);
    await assert.rejects(collect({ ...from, blobs: 's3://nowhere/birds', without: ['3'] }, corpus), /bucket/i);
    const { missing, images: brought } = await collect({ ...from, blobs: store.blobs }, corpus);
    assert.deepEqual([missing, brought], [[], 4]);
    assert.deepEqual(corpus.images(), {
      '/a.jpg': 'success',
      '/b.jpg': 'success',
      '/bird.jpg': 'success',
      '/c.jpg': 'success',
    });
    assert.equal((await collect({ ...from, blobs: store.blobs }, corpus)).batches, 0);
    // A part that was copied out of S3 is a part like any other.
    const copied = newCorpus(t);
    const blobs = await openBlobs('s3://birds/killed');
    for await (const { key, byteLength } of blobs.list('work/')) {
      const reader = (await blobs.open(key))!;
      const folder = await openBlobs(copied.dir);
      await folder.put(key, await reader.read(0, byteLength));
    }
    assert.deepEqual((await collect({ url: store.url, corpusDir: copied.dir }, copied)).missing, []);
  });

  test('that S3 does not take are fetched again after the run was stopped', { timeout: 120_000 }, async (t) => {
    isBroken = false;
    const stop = new AbortController();
    const corpus = newCorpus(t);
    const store = { url: postgres.newDatabase(), blobs: 's3://birds/away', corpusDir: corpus.dir };
    s3!.fault = (asked) => {
      if (!isSegment(asked)) return null;
      stop.abort();
      return 'refuse';
    };
    const { stoppedBy } = await work({ ...store, signal: stop.signal }, '/');
    assert.equal(stoppedBy, 'signal');
    s3!.fault = () => null;
    const { images } = await work(store);
    assert.deepEqual(images, { success: 1 });
    await collect(store, corpus);
    assert.deepEqual(corpus.images(), { '/bird.jpg': 'success' });
  });
});

/** All that a frontier knows, but for the numbers of rows; times in tens of minutes after `sinceMs`, 0 for what is over. */
function contentsOf(corpusDir: string, sinceMs: number): Record<string, unknown[]> {
  const db = new Database(join(corpusDir, 'frontier.db'), { readonly: true });
  const later = (column: string): string => `max(0, CAST(round((${column} - ${sinceMs}) / 600000.0) AS INTEGER))`;
  const queries = {
    hosts: `SELECT name, ${later('next_at_ms')}, queued, active, pages, failures, render_tries, render_gains, put_off, ${later('put_off_until_ms')} FROM hosts`,
    urls: 'SELECT url, kind, h.name, depth, priority, state, tries, at, hops, written, referrer_policy FROM urls u JOIN hosts h ON h.id = u.host_id',
    order: 'SELECT url FROM urls WHERE state = 0 ORDER BY priority DESC, id',
    seeds: 'SELECT url FROM seeds',
    sightings: 'SELECT h.name, s.url, s.pages FROM sightings s JOIN hosts h ON h.id = s.host_id',
    sitemaps: 'SELECT * FROM sitemap_texts',
    patterns: 'SELECT * FROM patterns',
    texts: 'SELECT * FROM page_texts',
    origins: `SELECT origin, rules, ${later('until_ms')} FROM origins`,
    revisits: 'SELECT u.url, r.due_at_ms, r.interval_ms, r.hash FROM revisits r JOIN urls u ON u.id = r.url_id',
    followed: 'SELECT settings FROM followed',
  };
  const rows = Object.entries(queries).map(([name, sql]) => {
    const all = db.prepare(sql).raw().all();
    return [name, name === 'order' ? all : all.map((row) => JSON.stringify(row)).sort()] as const;
  });
  db.close();
  return Object.fromEntries(rows);
}

/** A frontier with something of everything: hosts that rest and that are put off, a URL that moved, and signs of traps. */
function fillFrontier(corpus: TemporaryCorpus): void {
  const frontier = Frontier.open(corpus.dir);
  frontier.setMark(corpusMark(corpus.ledger));
  const page = (url: string, more: object = {}) => ({ url, kind: 'page', depth: 1, priority: 0, ...more }) as const;
  const now = Date.now();
  frontier.addSeeds([page('https://a.example/', { depth: 0, priority: 3 })]);
  frontier.add([
    ...['https://a.example/2', 'https://a.example/1', 'https://b.example/?q=2', 'https://moves.example/'].map((url) =>
      page(url),
    ),
    page('https://a.example/%C3%A4', { written: 'https://a.example/\u00e4' }),
    page('http://off.example/1'),
    page('http://off.example/2'),
    { url: 'https://a.example/1.jpg', kind: 'image', depth: 2, priority: 5, referrerPolicy: 'no-referrer' },
    { url: 'https://a.example/sitemap.xml', kind: 'sitemap', depth: 1, priority: 4 },
  ]);
  for (const claim of frontier.claim(20, now)) {
    if (claim.url === 'https://moves.example/')
      frontier.move(claim, { at: 'https://c.example/to', hops: 1 }, now + 100);
    else if (claim.url.startsWith('http://off')) frontier.putOff(claim, now + 3_600_000, now);
    else if (claim.kind === 'image') frontier.release(claim, now + 1_800_000, { failed: true });
    else frontier.finish(claim, now + 7_200_000);
  }
  frontier.setFailures(1, 3);
  frontier.countRender(1, true);
  frontier.countImagePages(1, ['https://a.example/1.jpg']);
  frontier.countNovelty('https://b.example/?q=2', { text: 'some text', newImages: 1, newLeads: 0 });
  frontier.addSitemapTexts([{ pageUrl: 'https://a.example/2', imageUrl: 'https://a.example/1.jpg', text: 'A bird' }]);
  frontier.setOrigin('https://a.example', '{"robots":{"kind":"none"}}', now + 86_400_000);
  frontier.setOrigin('https://licences.example/rsl.xml', '{"failures":0}', now + 80_000_000);
  frontier.setRevisit(1, { intervalMs: 86_400_000, hash: 'abc' }, now);
  // A page that was read is due again.
  frontier.setRevisit(4, { intervalMs: 3_600_000, hash: 'def' }, now - 7_200_000);
  assert.equal(frontier.queueDue(now), 1);
  frontier.setFollowed(followedBy(frontier.seeds(), { scope: 'host', maxDepth: 16, render: 'auto', images: true }));
  frontier.close();
}

describe('a crawl that moves from a folder to a store and back', { skip: noPostgres }, () => {
  test('is what it was, also where a move was cut off or is made twice', { timeout: 120_000 }, async (t) => {
    const url = postgres.newDatabase();
    const corpus = newCorpus(t);
    const stores = { corpusDir: corpus.dir, url };
    fillFrontier(corpus);
    const sinceMs = Date.now();
    const before = contentsOf(corpus.dir, sinceMs);
    const cutOff = (): never => {
      assert.equal(postgres.sql(url, `SELECT pg_try_advisory_lock(${retryLockKey})`), 'f', 'nobody queues meanwhile');
      throw new Error('cut off');
    };
    const stopped = { ledger: corpus.ledger, signal: AbortSignal.abort(new Error('stopped')) };
    await assert.rejects(moveIn(stores, stopped), /stopped/);
    await assert.rejects(moveIn(stores, { ledger: corpus.ledger, onProgress: cutOff }), /cut off/);
    assert.equal(postgres.sql(url, 'SELECT count(*) FROM lait.urls'), '0');
    const moved = await moveIn(stores, corpus);
    assert.deepEqual(moved, { isKnown: false, hosts: 5, urls: 10, queued: 9, origins: 2 });
    assert.deepEqual(await moveIn(stores, corpus), { ...moved, isKnown: true });
    assert.equal(postgres.sql(url, 'SELECT followed IS NULL FROM lait.corpus'), 't', 'workers say what they follow');
    const theirs = followedBy([], { scope: 'host', maxDepth: 16, render: 'auto', images: true });
    postgres.sql(url, `UPDATE lait.corpus SET followed = '${theirs}'`);
    const other = newCorpus(t);
    fillFrontier(other);
    await assert.rejects(
      moveIn({ ...stores, corpusDir: other.dir }, other),
      /Expected an empty store at .* another crawl/,
    );
    await assert.rejects(moveOut({ ...stores, corpusDir: other.dir }, other), /received another corpus/);

    // The folder is written and the store not yet put aside when it ends.
    const kept = `lait_moved_${postgres.sql(url, 'SELECT left(id::text, 8) FROM lait.corpus')}`;
    postgres.sql(url, `CREATE SCHEMA ${kept}`);
    await assert.rejects(moveOut(stores, corpus), /already exists/);
    postgres.sql(url, `DROP SCHEMA ${kept}`);
    assert.equal(await movedOutTo(url, corpus.ledger), null);
    await assert.rejects(moveOut(stores, stopped), /stopped/);
    assert.deepEqual(await moveOut(stores, corpus), { ...moved, keptIn: kept });
    assert.equal(await movedOutTo(url, corpus.ledger), kept);
    assert.equal(await movedOutTo(url, other.ledger), null);
    assert.deepEqual(contentsOf(corpus.dir, sinceMs), before);
  });

  test('is what it was where its process was killed, by the same commands again', { timeout: 120_000 }, async (t) => {
    const url = postgres.newDatabase();
    const corpus = newCorpus(t);
    fillFrontier(corpus);
    const sinceMs = Date.now();
    const before = contentsOf(corpus.dir, sinceMs);
    const proxy = await startProxy(postgres.port);
    t.after(() => proxy.close());
    const through = url.replace(`:${postgres.port}/`, `:${proxy.port}/`);
    /** Killed where it sends a statement with these words, then run again to its end. */
    const killedAt = async (words: string, to: string): Promise<Record<string, unknown>> => {
      const command = ['store', 'move', to, '--corpus', corpus.dir];
      writeFileSync(join(corpus.dir, 'lait.yaml'), `store: ${through}\n`);
      const reached = proxy.stopAt(words);
      const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), ...command]);
      const ended = new Promise((resolve) => child.once('close', (_, signal) => resolve(signal)));
      await Promise.race([reached, ended]);
      child.kill('SIGKILL');
      assert.equal(await ended, 'SIGKILL');
      writeFileSync(join(corpus.dir, 'lait.yaml'), `store: ${url}\n`);
      const { code, stdout, stderr } = await ranInProcess([...command, '--json']);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const counts = { hosts: 5, urls: 10, queued: 9, origins: 2 };
    // All is written, and nothing committed.
    assert.deepEqual(await killedAt('UPDATE lait.corpus SET ledger', 'shared'), { isKnown: false, ...counts });
    // The folder is committed, and the store not put aside.
    const kept = `lait_moved_${postgres.sql(url, 'SELECT left(id::text, 8) FROM lait.corpus')}`;
    const back = await killedAt('ALTER SCHEMA lait RENAME', 'embedded');
    assert.deepEqual(back, { ...counts, isKnown: false, keptIn: kept });
    assert.deepEqual(contentsOf(corpus.dir, sinceMs), before);
    // The store is put aside, and the answer lost.
    const again = await ranInProcess(['store', 'move', 'embedded', '--corpus', corpus.dir, '--json']);
    assert.deepEqual(JSON.parse(again.stdout), { isKnown: true, keptIn: kept });
  });

  test('goes on in both, and asks for nothing twice', { timeout: 120_000 }, async (t) => {
    isBroken = false;
    const url = postgres.newDatabase();
    const corpus = newCorpus(t);
    const stores = { corpusDir: corpus.dir, url };
    const asked = ['/', '/gone', '/other', '/new', '/bird.jpg', '/robots.txt'];
    const hits = (): number[] => asked.map((path) => site.hits.get(path) ?? 0);
    const before = hits();
    const alone = (maxPages: number, ...seeds: string[]): ReturnType<typeof crawl> =>
      crawl({ ...settings, seeds, corpusDir: corpus.dir, maxPages, timeoutMs: 2000 }, { ledger: corpus.ledger });
    assert.equal((await alone(1, `${site.url}/`)).stoppedBy, 'page-limit');
    // A list, too, which only a crawl of one machine reads.
    const file = join(corpus.dir, 'list.csv');
    writeFileSync(file, `url,caption\n${site.url}/c.jpg,A bird in a row\n`);
    await queueUrlList({ corpusDir: corpus.dir, file }, corpus);
    await moveIn(stores, corpus);
    const shared = await crawl(
      { ...settings, seeds: [], corpusDir: corpus.dir, maxPages: 1, timeoutMs: 2000 },
      { openWork: sharedWork(stores) },
    );
    assert.deepEqual([shared.pages, shared.stoppedBy], [{ fetched: 1 }, 'page-limit']);
    await assert.rejects(moveOut(stores, corpus), /run `lait collect`/);
    await collect(stores, corpus);
    await moveOut(stores, corpus);
    const { stoppedBy } = await alone(10);
    assert.equal(stoppedBy, 'finished');
    const read = ['/', '/gone', '/new', '/other', 'list.csv'];
    assert.deepEqual(corpus.pages(), Object.fromEntries(read.map((path) => [path, 'fetched'])));
    assert.deepEqual(corpus.images(), { '/bird.jpg': 'success', '/c.jpg': 'success' });
    assert.deepEqual(
      hits().map((n, at) => n - before[at]!),
      [1, 1, 1, 1, 1, 1],
    );
  });
});

function startChild(store: SharedStore, ...paths: string[]): ReturnType<typeof spawn> {
  const options = {
    ...settings,
    seeds: paths.map((path) => site.url + path),
    corpusDir: store.corpusDir,
    timeoutMs: 2000,
    store,
  };
  return spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'work-child.ts')], {
    env: { ...process.env, WORK_OPTIONS: JSON.stringify(options) },
    stdio: 'ignore',
  });
}
