/** Every way that leads from a page or a seed to others, and what is said of a sitemap that cannot be read. */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { crawl } from '../../crawler/crawl.ts';
import type { CrawlOptions } from '../../crawler/crawl-options.ts';
import { refreshTarget } from '../../crawler/page/links.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, type Site, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

describe('refresh', () => {
  // Cases of web-platform-tests, attr-meta-http-equiv-refresh/parsing.html.
  for (const [content, target] of [
    ['0; url=foo', 'foo'],
    ['5;URL = "foo"bar', 'foo'],
    ["1; url='foo", 'foo'],
    ['1, foo', 'foo'],
    ['1 foo', 'foo'],
    ['1;foo', 'foo'],
    ['1.5e; url=foo', null],
    ['.5; url=foo', 'foo'],
    ['1; url', 'url'],
    ['1; url=', null],
    ['1', null],
    ['1foo', null],
    ['; url=foo', null],
    ['+1; url=foo', null],
    ['-1; url=foo', null],
    ['', null],
  ] as const) {
    test(JSON.stringify(content), () =>
      assert.equal(refreshTarget(content, 'https://a.example/'), target && `https://a.example/${target}`),
    );
  }
});

async function crawled(
  t: TestContext,
  routesOf: (site: Site) => Record<string, Route>,
  seed = '/',
  options: Partial<CrawlOptions> = {},
) {
  const routes: Record<string, Route> = {};
  const site = await startSite({ routes });
  Object.assign(routes, routesOf(site));
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl({ ...own, seeds: [site.url + seed], corpusDir: corpus.dir, ...options }, corpus);
  return { corpus, site, summary };
}

const feed = (site: string): string => `<rss version="2.0"><channel><item><title>A boat on the lake</title>
  <link>${site}/item</link><enclosure url="${site}/boat.jpg" type="image/jpeg"/></item></channel></rss>`;
const nothing = '<p>Nothing to see here</p>';

test('meta refresh, the Refresh header, frames, feeds, the next page and the usual sitemap lead to pages', async (t) => {
  const boat = await picture(1);
  const { corpus } = await crawled(t, (site) => ({
    '/': `<link rel="alternate" type="application/rss+xml" href="/feed"><link rel="next" href="/next">
      <a href="/meta">m</a><a href="/header">h</a><a href="/frames">f</a>`,
    '/meta': '<meta http-equiv="Refresh" content="0; url=/a">',
    '/header': { headers: { 'content-type': 'text/html', refresh: '3; url=/b' }, body: nothing },
    '/frames': `<frameset><frame src="/c"><frame name=empty></frameset><iframe src="/d"></iframe>
      <iframe src="about:blank" data-src="/e"></iframe><iframe src="http://localhost:1/player"></iframe>`,
    '/feed': { headers: { 'content-type': 'application/rss+xml' }, body: feed(site.url) },
    '/sitemap.xml': `<urlset><url><loc>${site.url}/f</loc></url></urlset>`,
    '/boat.jpg': boat,
    ...Object.fromEntries(['/a', '/b', '/c', '/d', '/e', '/f', '/next', '/item'].map((path) => [path, nothing])),
  }));
  const fetched = ['/', '/a', '/b', '/c', '/d', '/e', '/f', '/frames', '/header', '/item', '/meta', '/next'];
  assert.deepEqual(corpus.pages(), {
    ...Object.fromEntries(fetched.map((path) => [path, 'fetched'])),
    '/feed': 'sitemap',
    '/sitemap.xml': 'sitemap',
  });
  assert.deepEqual(corpus.pairs(), ['/boat.jpg | sitemap | A boat on the lake | /item']);
});

test('patterns of pages leave the sitemaps and feeds that lead to such pages', async (t) => {
  const routes = ({ url }: Site): Record<string, Route> => ({
    '/robots.txt': `Sitemap: ${url}/maps/s.xml\nSitemap: ${url}/private/s.xml\n`,
    '/': `<link rel="alternate" type="application/rss+xml" href="/feed">`,
    '/maps/s.xml': `<urlset><url><loc>${url}/articles/1</loc></url><url><loc>${url}/other</loc></url></urlset>`,
    '/feed': { headers: { 'content-type': 'application/rss+xml' }, body: feed(`${url}/articles`) },
    ...Object.fromEntries(['/articles/1', '/articles/item', '/other'].map((path) => [path, nothing])),
  });
  const patterns = { allow: [/\/articles\//], deny: [/\/private\//, /:\d+\/$/] };
  const { corpus, site } = await crawled(t, routes, '/', patterns);
  assert.deepEqual(corpus.pages(), {
    '/': 'fetched',
    '/articles/1': 'fetched',
    '/articles/item': 'fetched',
    '/feed': 'sitemap',
    '/maps/s.xml': 'sitemap',
  });
  assert.equal(site.hits.get('/private/s.xml'), undefined);
});

test('what a sitemap says of an address that leads to a page is said of the page', async (t) => {
  const boat = await picture(1);
  const { corpus } = await crawled(t, ({ url }) => ({
    '/robots.txt': `Sitemap: ${url}/s.xml`,
    '/': nothing,
    '/s.xml': `<urlset xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><url><loc>${url}/boats</loc>
      <image:image><image:loc>${url}/boat.jpg</image:loc><image:caption>A boat on the lake</image:caption></image:image></url></urlset>`,
    '/boats': { status: 301, headers: { location: '/boats/' } },
    '/boats/': nothing,
    '/boat.jpg': boat,
  }));
  assert.deepEqual(corpus.pairs(), ['/boat.jpg | sitemap | A boat on the lake | /boats/']);
});

test('a usual sitemap that is not there, or that robots.txt forbids, has no row', async (t) => {
  const { corpus, site } = await crawled(t, () => ({ '/': nothing }));
  assert.deepEqual([corpus.pages(), site.hits.get('/sitemap.xml')], [{ '/': 'fetched' }, 1]);
  const forbidden = await crawled(t, () => ({ '/robots.txt': 'User-agent: *\nDisallow: /sitemap', '/': nothing }));
  assert.deepEqual(
    [forbidden.corpus.pages(), forbidden.site.hits.get('/sitemap.xml')],
    [{ '/': 'fetched' }, undefined],
  );
});

test('a sitemap that is named and cannot be read has a row with the reason', async (t) => {
  const { corpus } = await crawled(t, ({ url }) => ({
    '/robots.txt': `Sitemap: ${url}/gone.xml\nSitemap: ${url}/html.xml\nSitemap: ${url}/bomb.gz\nSitemap: ${url}/broken.gz\nSitemap: ${url}/index.xml\n`,
    '/': nothing,
    '/html.xml': '<!doctype html><p>Not found</p>',
    '/bomb.gz': gzipSync(Buffer.alloc(60_000_000)),
    '/broken.gz': Buffer.from('1f8b0800000000000003ffffff', 'hex'),
    '/index.xml': `<sitemapindex><sitemap><loc>${url}/missing.xml</loc></sitemap></sitemapindex>`,
  }));
  assert.deepEqual(corpus.pages(), {
    '/': 'fetched',
    '/bomb.gz': 'too-many-bytes',
    '/broken.gz': 'broken-compression',
    '/gone.xml': 'http-404',
    '/html.xml': 'not-a-sitemap',
    '/index.xml': 'sitemap',
    '/missing.xml': 'http-404',
  });
});

describe('a seed may be', () => {
  for (const { name, path, type, body } of [
    {
      name: 'a sitemap',
      path: '/s.xml',
      type: 'application/xml',
      body: (url: string) => `<urlset><url><loc>${url}/item</loc></url></urlset>`,
    },
    {
      name: 'a sitemap in gzip',
      path: '/s.gz',
      type: 'application/gzip',
      body: (url: string) => gzipSync(`${url}/item\n`),
    },
    { name: 'a list of URLs', path: '/s.txt', type: 'text/plain', body: (url: string) => `${url}/item\r` },
    { name: 'a feed', path: '/feed', type: 'application/rss+xml', body: feed },
    { name: 'a feed that calls itself HTML', path: '/feed', type: 'text/html', body: feed },
  ]) {
    test(name, async (t) => {
      const { corpus } = await crawled(
        t,
        ({ url }) => ({ [path]: { headers: { 'content-type': type }, body: body(url) }, '/item': nothing }),
        path,
      );
      assert.deepEqual(corpus.pages(), { '/item': 'fetched', [path]: 'sitemap' });
    });
  }
  test('nothing of the kind', async (t) => {
    const { corpus } = await crawled(
      t,
      () => ({ '/x': { headers: { 'content-type': 'text/plain' }, body: 'Hello' } }),
      '/x',
    );
    assert.deepEqual(corpus.pages(), { '/x': 'not-a-sitemap' });
  });
});

test('a sitemap and a feed are read again by a recrawl', async (t) => {
  const routes: Record<string, Route> = {};
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const list = (paths: string[]) => paths.map((path) => site.url + path).join('\n');
  Object.assign(routes, { '/sitemap.xml': list(['/1']), '/': nothing, '/1': nothing, '/2': nothing });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  await crawl(options, corpus);
  assert.deepEqual(Object.keys(corpus.pages()), ['/', '/1', '/sitemap.xml']);
  routes['/sitemap.xml'] = list(['/1', '/2']);
  await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.deepEqual(Object.keys(corpus.pages()), ['/', '/1', '/2', '/sitemap.xml']);
});
