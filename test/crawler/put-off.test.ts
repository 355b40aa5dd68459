/**
 * A robots.txt that could not be had: nothing is fetched and nothing is written down, the URLs wait and are fetched when the
 * file is there, in this run or a later one; other origins of the host go on meanwhile.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
const page = '<title>Boats</title><main><p>A page with a text.</p></main>';

/** Answers that are no robots.txt. */
const failures: Record<string, Route> = {
  '503': { status: 503 },
  '500 with a Retry-After of 0': { status: 500, headers: { 'retry-after': '0' } },
  '429': { status: 429 },
  'a reset': (_req, res) => res.destroy(),
  'half an answer': (_req, res) => {
    res.writeHead(200, { 'content-length': '1000' });
    res.write('User-agent: *\n', () => res.destroy());
  },
  'broken gzip': { headers: { 'content-encoding': 'gzip' }, body: 'User-agent: *\nDisallow: /' },
  'no answer in time': () => {},
};

describe('a robots.txt that cannot be had', () => {
  for (const [name, failure] of Object.entries(failures)) {
    test(`is asked for again: ${name}`, async (t) => {
      let asked = 0;
      const site = await startSite({
        routes: {
          '/robots.txt': (req, res) => {
            asked += 1;
            if (asked > 2) res.end('User-agent: *\nDisallow: /no');
            else if (typeof failure === 'function') failure(req, res);
            else {
              const { status, headers, body } = failure as { status?: number; headers?: object; body?: string };
              res.writeHead(status ?? 200, { ...headers }).end(body);
            }
          },
          '/': `<a href="/no">no</a>${page}`,
        },
      });
      const corpus = temporaryCorpus();
      t.after(async () => {
        corpus.remove();
        await site.close();
      });
      const options = { ...own, seeds: [site.url], corpusDir: corpus.dir, firstByteTimeoutMs: 200 };
      const summary = await crawl(options, corpus);
      assert.deepEqual(corpus.pages(), { '/': 'fetched', '/no': 'robots' });
      assert.deepEqual([asked, summary.stoppedBy, summary.queued], [3, 'finished', 0]);
    });
  }

  test('leaves its URLs in the queue for the next run, pages and images', async (t) => {
    const routes: Record<string, Route> = { '/robots.txt': { status: 503 }, '/i.jpg': await picture(1) };
    const images = await startSite({ routes });
    const siteRoutes: Record<string, Route> = {
      '/robots.txt': { status: 503 },
      '/': `<main><p><img src="${images.url}/i.jpg" alt="A picture of a boat"></p></main>`,
    };
    const site = await startSite({ routes: siteRoutes });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await Promise.all([images.close(), site.close()]);
    });
    const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
    const later = (): void => {
      const frontier = Frontier.open(corpus.dir);
      frontier.db.exec('UPDATE hosts SET put_off_until_ms = 0; UPDATE origins SET until_ms = 0');
      frontier.close();
    };
    const steps: { change: () => void; pages: object; images: object; stoppedBy: string; queued: number }[] = [
      { change: () => {}, pages: {}, images: {}, stoppedBy: 'waiting-hosts', queued: 1 },
      // Too soon: nothing is asked.
      { change: () => {}, pages: {}, images: {}, stoppedBy: 'waiting-hosts', queued: 1 },
      {
        change: () => {
          later();
          siteRoutes['/robots.txt'] = '';
        },
        pages: { '/': 'fetched' },
        images: { '/i.jpg': 'pending' },
        stoppedBy: 'waiting-hosts',
        queued: 1,
      },
      {
        change: () => {
          later();
          routes['/robots.txt'] = '';
        },
        pages: { '/': 'fetched' },
        images: { '/i.jpg': 'success' },
        stoppedBy: 'finished',
        queued: 0,
      },
    ];
    const asked: number[] = [];
    for (const { change, ...expected } of steps) {
      change();
      const { stoppedBy, queued } = await crawl(options, corpus);
      assert.deepEqual({ pages: corpus.pages(), images: corpus.images(), stoppedBy, queued }, expected);
      asked.push(site.hits.get('/robots.txt')!);
    }
    assert.deepEqual(asked, [5, 5, 6, 6]);
  });

  test('holds up neither other origins of its host nor a page that redirects to it', async (t) => {
    const down = await startSite({ routes: { '/robots.txt': { status: 503 }, '/a': page, '/b': page } });
    const site = await startSite({
      routes: {
        '/': `<a href="${down.url}/a">a</a><a href="/1">1</a><a href="${down.url}/b">b</a><a href="/2">2</a>${page}`,
        '/1': page,
        '/2': { status: 302, headers: { location: `${down.url}/c` } },
      },
    });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await Promise.all([down.close(), site.close()]);
    });
    const summary = await crawl({ ...own, seeds: [site.url], scope: 'any', corpusDir: corpus.dir }, corpus);
    assert.deepEqual(corpus.pages(), { '/': 'fetched', '/1': 'fetched', '/2': 'redirected' });
    assert.deepEqual([summary.queued, summary.stoppedBy], [3, 'waiting-hosts']);
    const asked = [...down.hits].filter(([path]) => path !== '/robots.txt');
    assert.deepEqual(asked, []);
  });

  test('for 30 days refuses what waits, and `lait retry` or the next visit asks again', async (t) => {
    const routes: Record<string, Route> = { '/robots.txt': { status: 503 }, '/': page };
    const site = await startSite({ routes });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await site.close();
    });
    const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
    await crawl(options, corpus);
    const frontier = Frontier.open(corpus.dir);
    const sinceMs = Date.now() - 31 * 24 * 3_600_000;
    frontier.db.exec(`UPDATE hosts SET put_off_until_ms = 0;
      UPDATE origins SET until_ms = 0, rules = json_set(rules, '$.robots.sinceMs', ${sinceMs})`);
    frontier.close();
    const summary = await crawl(options, corpus);
    assert.deepEqual(corpus.pages(), { '/': 'robots-server-error' });
    assert.deepEqual([summary.queued, site.hits.get('/')], [0, undefined]);
  });
});

test('pages that robots.txt forbids do not use up the limit on pages', async (t) => {
  const links = ['/no/1', '/no/2', '/no/3', '/a', '/b'];
  const site = await startSite({
    routes: {
      '/robots.txt': 'User-agent: *\nDisallow: /no/',
      '/': links.map((path) => `<a href="${path}">x</a>`).join(''),
      '/a': { status: 302, headers: { location: '/no/4' } },
      '/b': page,
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir, maxPages: 2 }, corpus);
  assert.deepEqual(corpus.pages(), {
    '/': 'fetched',
    '/a': 'robots',
    '/b': 'fetched',
    '/no/1': 'robots',
    '/no/2': 'robots',
    '/no/3': 'robots',
  });
  assert.deepEqual(summary.pages, { fetched: 2, refused: 4 });
});
