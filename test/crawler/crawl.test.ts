/** The crawl from end to end on a small real site: what becomes of every page, image and pair. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { UserError } from '../../dataset/user-error.ts';
import { openCorpus, temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, type Site, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0 } as const;

describe('a crawl of a small site', () => {
  let site: Site;
  before(async () => {
    site = await startSite({
      routes: {
        '/robots.txt': 'User-agent: *\nDisallow: /private/\n',
        '/': `<html lang="en"><title>Home</title><header><img src="/logo.png" alt="Our logo"></header>
          <main><h1>Boats</h1><figure><img src="boat.jpg" alt="A red boat on a lake"><figcaption>The lake in May</figcaption></figure>
          <a href="two.html?utm_source=x#part">two</a> <a href="/private/x.html">x</a> <a href="/moved">moved</a>
          <a href="/gone.html">gone</a> <a href="https://elsewhere.example/">away</a> <a href="/file.pdf">pdf</a></main></html>`,
        '/two.html': `<main><h1>More</h1><p><img src="/broken.jpg" alt="A broken picture of a boat">
          <img src="/no.jpg" alt="A missing picture of a boat"><img src="/text.jpg" alt="A text that says it is a boat">
          <img src="/private/secret.jpg" alt="A secret picture of a boat"><img src="boat.jpg" alt="The red boat again"></p></main>`,
        '/moved': { status: 301, headers: { location: '/three.html' } },
        '/three.html': '<main><p>The third page says hello.</p></main>',
        '/file.pdf': { headers: { 'content-type': 'application/pdf' }, body: '%PDF' },
        '/logo.png': await picture(1, { format: 'png' }),
        '/boat.jpg': await picture(2),
        '/broken.jpg': (await picture(3)).subarray(0, 400),
        '/text.jpg': { headers: { 'content-type': 'image/jpeg' }, body: 'no picture at all' },
      },
    });
  });
  after(() => site.close());

  test('every page, image and pair has its row', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const progress: number[] = [];
    const summary = await crawl(
      { ...own, seeds: [site.url], corpusDir: corpus.dir, render: 'never' },
      { ...corpus, onProgress: ({ pages }) => progress.push(pages) },
    );
    assert.deepEqual(corpus.pages(), {
      '/': 'fetched',
      '/file.pdf': 'not-html',
      '/gone.html': 'http-404',
      '/moved': 'redirected',
      '/private/x.html': 'robots',
      '/three.html': 'fetched',
      '/two.html': 'fetched',
    });
    assert.deepEqual(corpus.images(), {
      '/boat.jpg': 'success',
      '/broken.jpg': 'broken-image',
      '/logo.png': 'success',
      '/no.jpg': 'http-404',
      '/private/secret.jpg': 'robots',
      '/text.jpg': 'not-an-image',
    });
    assert.deepEqual(
      corpus.pairs().filter((pair) => pair.startsWith('/boat.jpg')),
      [
        '/boat.jpg | alt | A red boat on a lake | /',
        '/boat.jpg | alt | The red boat again | /two.html',
        '/boat.jpg | caption | The lake in May | /',
        '/boat.jpg | heading | Boats | /',
      ],
    );
    assert.equal(summary.stoppedBy, 'finished');
    assert.equal(summary.queued, 0);
    assert.deepEqual(summary.pages, { fetched: 3, failed: 2, skipped: 1, refused: 1 });
    assert.equal(progress.at(-1), 3);
    assert.equal(site.hits.get('/private/x.html'), undefined);
    const { segment, offset, byteLength, sha256 } = corpus.ledger.db
      .prepare("SELECT segment, offset, byte_length AS byteLength, sha256 FROM images WHERE url LIKE '%/boat.jpg'")
      .get() as { segment: number; offset: number; byteLength: number; sha256: string };
    assert.deepEqual(corpus.raw.read({ segment, offset, byteLength }), await picture(2));
    assert.equal(sha256.length, 64);
  });

  test('a second run finds nothing to do', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const options = { ...own, seeds: [site.url], corpusDir: corpus.dir, render: 'never' as const };
    await crawl(options, corpus);
    const hits = [...site.hits.values()].reduce((a, b) => a + b);
    const again = await crawl(options, corpus);
    assert.deepEqual(again.pages, {});
    assert.equal(
      [...site.hits.values()].reduce((a, b) => a + b),
      hits,
    );
  });

  test('a limit on pages is kept and the next run goes on', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const options = { ...own, seeds: [site.url], corpusDir: corpus.dir, render: 'never' as const };
    const first = await crawl({ ...options, maxPages: 1 }, corpus);
    assert.equal(first.stoppedBy, 'page-limit');
    assert.deepEqual(first.pages, { fetched: 1 });
    assert.equal(corpus.images()['/boat.jpg'], 'success');
    const second = await crawl(options, corpus);
    assert.equal(second.stoppedBy, 'finished');
    assert.equal(Object.keys(corpus.pages()).length, 7);
  });

  test('two crawls on one corpus are refused', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const options = { ...own, seeds: [site.url], corpusDir: corpus.dir, render: 'never' as const };
    const running = crawl(options, corpus);
    await assert.rejects(
      crawl(options, corpus),
      (error) => error instanceof UserError && /is being written by another program/.test(error.message),
    );
    await running;
  });

  for (const { name, options, message } of [
    { name: 'no contact', options: { seeds: ['https://example.org/'] }, message: /Expected a contact/ },
    {
      name: 'a seed that is no URL',
      options: { seeds: ['example'] },
      message: /Expected an http or https URL for seed/,
    },
    {
      name: 'loopback without leave',
      options: { seeds: ['http://127.0.0.1/'] },
      message: /Expected a public address for seed/,
    },
    {
      name: 'a private address without leave',
      options: { seeds: ['http://192.168.1.1/'], contact: 'https://example.org/bot' },
      message: /Expected a public address for seed/,
    },
  ]) {
    test(`${name} is a user error before any work`, async (t) => {
      const corpus = temporaryCorpus();
      t.after(() => corpus.remove());
      await assert.rejects(
        crawl({ corpusDir: corpus.dir, ...options }, corpus),
        (error) => error instanceof UserError && message.test(error.message),
      );
    });
  }

  test('a crawl with a contact, as every public one is', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const summary = await crawl(
      { ...own, seeds: [site.url], contact: 'you@example.org', corpusDir: corpus.dir, render: 'never' },
      corpus,
    );
    assert.equal(summary.stoppedBy, 'finished');
    assert.deepEqual(summary.pages, { fetched: 3, failed: 2, skipped: 1, refused: 1 });
  });

  test('public hosts in the queue without a contact are a user error before any request', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const frontier = Frontier.open(corpus.dir);
    const url = 'https://images.example.org/1.jpg';
    frontier.add([`${site.url}/new`, url].map((one) => ({ url: one, kind: 'image', depth: 0, priority: 0 })));
    frontier.close();
    const before = site.hits.size;
    await assert.rejects(
      crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir, render: 'never' }, corpus),
      (error) => error instanceof UserError && /contact for crawling images\.example\.org/.test(error.message),
    );
    assert.equal(site.hits.size, before);
    assert.deepEqual(corpus.images(), {});
    const after = Frontier.open(corpus.dir);
    const waiting: string[] = [];
    assert.equal(
      after.findQueuedHost((name) => {
        waiting.push(name);
        return false;
      }),
      null,
    );
    assert.deepEqual(waiting, ['127.0.0.1', 'images.example.org']);
    after.close();
  });

  test('a limit on pages counts pages and not claims that had to wait', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const options = { ...own, minDelayMs: 20, seeds: [site.url], corpusDir: corpus.dir, render: 'never' as const };
    const summary = await crawl({ ...options, maxPages: 1 }, corpus);
    assert.deepEqual(summary.pages, { fetched: 1 });
    assert.equal(summary.stoppedBy, 'page-limit');
  });

  test('a stop signal ends the run cleanly', async (t) => {
    const slow = await startSite({ routes: { '/': (_req, _res) => {}, '/sitemap.xml': (_req, _res) => {} } });
    t.after(() => slow.close());
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const stop = new AbortController();
    const running = crawl(
      { ...own, seeds: [slow.url], corpusDir: corpus.dir, render: 'never' },
      { ...corpus, signal: stop.signal },
    );
    while (!slow.hits.get('/')) await new Promise((resolve) => setTimeout(resolve, 10));
    stop.abort();
    const summary = await running;
    assert.equal(summary.stoppedBy, 'signal');
    assert.equal(summary.queued, 2);
    assert.deepEqual(corpus.pages(), {});
  });
});

/**
 * LAIT_KILLS and LAIT_KILL_PAGES enlarge the proof: `LAIT_KILLS=20 LAIT_KILL_PAGES=2000` is what the log reports.
 */
test('a crawl killed at random moments ends with the pairs of an undisturbed one', async (t) => {
  const kills = Number(process.env.LAIT_KILLS ?? 3);
  const pages = Number(process.env.LAIT_KILL_PAGES ?? 120);
  const concurrency = 8;
  const routes: Record<string, Route> = {};
  const pictures = await Promise.all(Array.from({ length: 20 }, (_, seed) => picture(seed)));
  for (let n = 0; n < pages; n++) {
    const links = [2 * n + 1, 2 * n + 2, (n * 7) % pages].map((m) =>
      m < pages ? `<a href="/${m}.html">${m}</a>` : '',
    );
    routes[`/${n}.html`] = `<title>${n}</title><main><h1>Page ${n}</h1>${links.join(' ')}
      <p><img src="/${n}.jpg" alt="The picture of page ${n}"><img src="/${n % 10}.jpg" alt="The shared picture ${n % 10}"></p></main>`;
    routes[`/${n}.jpg`] = pictures[n % pictures.length]!;
  }
  const site = await startSite({ routes, delayMs: 2 });
  t.after(() => site.close());
  const folder = mkdtempSync(join(tmpdir(), 'lait-kill-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const undisturbed = temporaryCorpus();
  t.after(() => undisturbed.remove());
  const options = { ...own, seeds: [`${site.url}/0.html`], render: 'never', concurrency } as const;
  await crawl({ ...options, corpusDir: undisturbed.dir }, undisturbed);
  const before = new Map(site.hits);

  const child = (corpusDir: string) =>
    spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'crawl-child.ts')], {
      env: { ...process.env, CRAWL_OPTIONS: JSON.stringify({ ...options, corpusDir }) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  let random = 7;
  for (let kill = 0; kill < kills; kill++) {
    const running = child(folder);
    const ended = new Promise((resolve) => running.on('exit', resolve));
    await new Promise((resolve) => running.stdout.once('data', resolve)); // the crawl begins
    random = (random * 1103515245 + 12345) % 2147483648;
    const untilHits = [...site.hits.values()].reduce((a, b) => a + b) + 1 + (random % Math.ceil((2 * pages) / kills));
    while ([...site.hits.values()].reduce((a, b) => a + b) < untilHits && running.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    running.kill('SIGKILL');
    await ended;
  }
  const last = child(folder);
  assert.equal(await new Promise((resolve) => last.on('exit', resolve)), 0);

  const disturbed = openCorpus(folder);
  assert.deepEqual(disturbed.pairs(), undisturbed.pairs());
  assert.deepEqual(disturbed.images(), undisturbed.images());
  // What was in flight or not yet committed at a kill is fetched again, and nothing else: leases are at most 2 × concurrency.
  let repeated = 0;
  for (const [path, hits] of site.hits) {
    if (path.endsWith('.html')) repeated += Math.max(0, hits - (before.get(path) ?? 0) - 1);
  }
  assert.ok(repeated <= kills * 2 * concurrency, `${repeated} pages were fetched again`);
  disturbed.close();
});
