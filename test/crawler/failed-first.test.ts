/** What could not be had at its first visit comes again: a seed when it is named again, all else when it is due; so does what was out of the scope. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
const dayMs = 24 * 3_600_000;

test('a seed that could not be read is asked for when it is named again', async (t) => {
  const routes: Record<string, Route> = {
    '/robots.txt': 'User-agent: *\nDisallow: /sitemap.xml\n',
    '/a.html': '<main><p>The first seed.</p></main>',
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const seeds = ['/a.html', '/b.html'].map((path) => site.url + path);
  const first = await crawl({ ...own, seeds, corpusDir: corpus.dir }, corpus);
  assert.deepEqual(first.deadSeeds, [{ url: seeds[1], reason: 'http-404' }]);
  assert.equal(first.isNoSeedRead, false);
  routes['/b.html'] = '<main><p>The second seed.</p></main>';
  const second = await crawl({ ...own, seeds, corpusDir: corpus.dir }, corpus);
  assert.deepEqual(second.pages, { fetched: 1 });
  assert.deepEqual(second.deadSeeds, []);
});

test('pages, pictures and sitemaps that failed come again when they are due, each time later', async (t) => {
  const whole = await picture(1);
  const routes: Record<string, Route> = {
    '/': `<main><p>All of it.</p><a href="/b.html">b</a> <a href="/c.pdf">c</a><img src="/i.jpg" alt="A red boat on a lake"></main>`,
    '/c.pdf': { headers: { 'content-type': 'application/pdf' }, body: '%PDF' },
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir, recrawl: 'due' } as const;
  await crawl(options, corpus);
  await crawl(options, corpus);
  const hits = (): (number | undefined)[] =>
    ['/b.html', '/i.jpg', '/sitemap.xml', '/c.pdf'].map((path) => site.hits.get(path));
  assert.deepEqual(hits(), [1, 1, 1, 1], 'nothing is due');

  const later = (): void => {
    const frontier = Frontier.open(corpus.dir);
    frontier.db.exec(`UPDATE failures SET due_at_ms = due_at_ms - ${dayMs}`);
    frontier.close();
  };
  const intervals = (): unknown[] => {
    const frontier = Frontier.open(corpus.dir);
    const found = frontier.db.prepare('SELECT interval_ms FROM failures').pluck().all();
    frontier.close();
    return found;
  };
  later();
  await crawl(options, corpus);
  assert.deepEqual(hits(), [2, 2, 2, 1]);
  assert.deepEqual(
    intervals(),
    [0.75, 0.75, 0.75].map((days) => days * dayMs),
  );
  routes['/b.html'] = '<main><p>Back again.</p></main>';
  routes['/i.jpg'] = whole;
  routes['/sitemap.xml'] = {
    headers: { 'content-type': 'application/xml' },
    body: `<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>${site.url}/d.html</loc></url></urlset>`,
  };
  later();
  await crawl(options, corpus);
  assert.deepEqual(hits(), [3, 3, 3, 1]);
  assert.deepEqual(corpus.images(), { '/i.jpg': 'success' });
  const { '/b.html': b, '/d.html': d } = corpus.pages();
  assert.deepEqual([b, d], ['fetched', 'http-404']);
  assert.equal(intervals().length, 1);
});

test('the sitemap of a site that comes into the scope is read, also where its robots.txt is known', async (t) => {
  const asked: string[] = [];
  const site = await startSite({
    routes: {
      '/': '<main><p>The first page.</p></main>',
      '/sitemap.xml': (req, res) => {
        asked.push(String(req.url));
        res.writeHead(404).end();
      },
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  await crawl({ ...options, deny: [/sitemap/] }, corpus);
  assert.deepEqual(asked, []);
  await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.deepEqual(asked, ['/sitemap.xml']);
});
