/** A URL's identity is not its request: what goes over the wire is what the page wrote, what is compared is the key. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { queueUrlList } from '../../crawler/input/url-list.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

/** Where a URL stands, what is written there, what is asked for and what the row of the ledger says. */
const images = [
  { where: 'img', written: '/1.jpg?sig=Z&exp=3&a=1', row: '/1.jpg?a=1&exp=3&sig=Z' },
  { where: 'srcset', written: '/2.jpg?utm_source=s&w=9', row: '/2.jpg?w=9' },
  { where: 'link', written: '/3.jpg?b=%c3%a4&a=x+y%20z', row: '/3.jpg?a=x+y%20z&b=%c3%a4' },
  { where: 'json-ld', written: '/4.jpg?token=b&id=a', row: '/4.jpg?id=a&token=b' },
  { where: 'og', written: '/5.jpg?z&sessionid=3&b=1', row: '/5.jpg?b=1&z' },
  { where: 'picture', written: '/6.jpg?', row: '/6.jpg' },
  { where: 'sitemap', written: '/7.jpg?sig=Z&exp=3', row: '/7.jpg?exp=3&sig=Z' },
  { where: 'redirect', written: '/8.jpg?sig=Z&exp=3', row: '/moved.jpg' },
  { where: 'list', written: '/9.jpg?sig=Z&exp=3', row: '/9.jpg?exp=3&sig=Z' },
  { where: 'path', written: '/a;jsessionid=1/10.jpg', row: '/a/10.jpg' },
] as const;
const pages = [
  { where: 'a', written: '/one.html?b=2&a=1', row: '/one.html?a=1&b=2' },
  { where: 'sitemap', written: '/two.html?b=2&a=1', row: '/two.html?a=1&b=2' },
  { where: 'redirect', written: '/three.html?b=2&a=1', row: '/three.html?a=1&b=2' },
] as const;

test('every URL is asked for as it was written, and has one row', async (t) => {
  const asked: string[] = [];
  const bytes = await Promise.all(images.map((_, seed) => picture(seed)));
  const routes: Record<string, Route> = {};
  const site = await startSite({ routes });
  const note =
    (body: string | Buffer): Route =>
    (req, res) => {
      asked.push(req.url!);
      res.writeHead(200, { 'content-type': typeof body === 'string' ? 'text/html' : 'image/jpeg' }).end(body);
    };
  for (const [index, { written }] of images.entries()) routes[written.split('?')[0]!] = note(bytes[index]!);
  for (const { written } of pages) routes[written.split('?')[0]!] = note('<p>A page with nothing to see on it.</p>');
  const at = (where: string): string => `${site.url}${images.find((image) => image.where === where)!.written}`;
  Object.assign(routes, {
    '/robots.txt': `Sitemap: ${site.url}/s.xml\n`,
    '/s.xml': `<urlset><url><loc>${site.url}/two.html?b=2&amp;a=1</loc><image><loc>${at('sitemap').replace('&', '&amp;')}</loc>
      <caption>The picture of the sitemap</caption></image></url></urlset>`,
    '/moved': { status: 302, headers: { location: '/three.html?b=2&a=1#here' } },
    '/moved.jpg': { status: 302, headers: { location: at('redirect') } },
    '/': `<meta property="og:image" content="${at('og')}"><meta property="og:description" content="The picture for others">
      <script type="application/ld+json">${JSON.stringify({ '@type': 'ImageObject', contentUrl: at('json-ld'), caption: 'The picture described in data' })}</script>
      <main><img src="/1.jpg?sig=Z&exp=3&a=1#part" alt="The picture as it is"><img src="/1.jpg?a=1&sig=Z&exp=3" alt="The picture once more">
      <img srcset="/2.jpg?utm_source=s&w=9 900w" src="/0.jpg" alt="The picture of a set">
      <a href="/3.jpg?b=%c3%a4&a=x+y%20z">The picture behind a link</a><img src="/a;jsessionid=1/10.jpg" alt="The picture of a session">
      <picture><source srcset="/6.jpg? 900w"><img alt="The picture of a picture"></picture>
      <img src="/moved.jpg" alt="The picture that has moved">
      <a href="/one.html?b=2&a=1">one</a><a href="/one.html?a=1&b=2&utm_source=x">one again</a><a href="/moved">three</a></main>`,
  } satisfies Record<string, Route>);
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const file = join(corpus.dir, 'list.tsv');
  writeFileSync(file, `url\tcaption\n${at('list')}\tThe picture of a list\n`);
  await queueUrlList({ corpusDir: corpus.dir, file }, corpus);
  await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, corpus);
  const written: string[] = [...images, ...pages].map((url) => url.written);
  assert.deepEqual(asked.sort(), written.sort());
  assert.deepEqual(corpus.images(), Object.fromEntries(images.map(({ row }) => [row, 'success'])));
  // What an export gives to those who download again.
  const ledger = Ledger.openExisting(corpus.dir);
  const addresses = ledger.db.prepare('SELECT url, written_url FROM images WHERE status = ?').raw().all('success');
  ledger.close();
  const path = (url: string) => url.slice(site.url.length);
  assert.deepEqual(
    Object.fromEntries(
      (addresses as [string, string | null][]).map(([url, written]) => [path(url), path(written ?? url)]),
    ),
    Object.fromEntries(images.map(({ where, row, written }) => [row, where === 'redirect' ? row : written])),
  );
  assert.deepEqual(corpus.pages(), {
    'list.tsv': 'fetched',
    '/': 'fetched',
    '/moved': 'redirected',
    '/s.xml': 'sitemap',
    ...Object.fromEntries(pages.map(({ row }) => [row, 'fetched'])),
  });
});

test('a retry and a second visit ask as the page wrote, too', async (t) => {
  const asked: string[] = [];
  const site = await startSite({
    routes: {
      '/': '<a href="/p.html?z=1&a=2">p</a>',
      '/p.html': (req, res) => {
        asked.push(req.url!);
        res.writeHead(asked.length === 1 ? 404 : 200, { 'content-type': 'text/html' }).end('<p>Here it is now</p>');
      },
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  await crawl(options, corpus);
  const frontier = Frontier.open(corpus.dir);
  assert.equal(frontier.requeue(`${site.url}/p.html?a=2&z=1`, 'page'), true);
  frontier.close();
  await crawl(options, corpus);
  await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.deepEqual(asked, Array(3).fill('/p.html?z=1&a=2'));
});

test('robots.txt is held against the URL as it is requested', async (t) => {
  const site = await startSite({
    routes: {
      '/robots.txt': 'User-agent: *\nDisallow: /*?b=\nDisallow: /*utm_\n',
      '/': '<a href="/1.html?b=1&a=1">1</a> <a href="/2.html?a=1&b=1">2</a> <a href="/3.html?utm_source=x">3</a>',
      '/2.html': '<p>The second page</p>',
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, corpus);
  assert.deepEqual(corpus.pages(), {
    '/': 'fetched',
    '/1.html?a=1&b=1': 'robots',
    '/2.html?a=1&b=1': 'fetched',
    '/3.html': 'robots',
  });
});

test('a URL that is too long has a row, wherever it stands', async (t) => {
  const tail = 'x'.repeat(2100);
  const routes: Record<string, Route> = {};
  const site = await startSite({ routes });
  Object.assign(routes, {
    '/robots.txt': `Sitemap: ${site.url}/s.xml\n`,
    '/s.xml': `<urlset><url><loc>${site.url}/sitemap?${tail}</loc></url></urlset>`,
    '/to': { status: 302, headers: { location: `/redirect?${tail}` } },
    '/': `<main><a href="/link?${tail}">x</a><a href="/to">to</a><img src="/img?${tail}" alt="A picture far away">
      <img src="data:image/png;base64,${tail}" alt="A picture inside of the page"></main>`,
  } satisfies Record<string, Route>);
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const file = join(corpus.dir, 'list.txt');
  writeFileSync(file, `${site.url}/list?${tail}\tThe picture of a list\n`);
  assert.deepEqual(await queueUrlList({ corpusDir: corpus.dir, file }, corpus), {
    rows: 1,
    unusable: { 'no-url': 0, 'url-too-long': 1, 'line-too-long': 0, 'no-json': 0 },
    withoutCaption: 0,
    queued: 0,
  });
  await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, corpus);
  const rows = { ...corpus.pages(), ...corpus.images() };
  const shown = Object.entries(rows).map(([url, reason]) => `${url.split('?')[0]} ${reason}`);
  assert.deepEqual(shown.sort(), [
    '/ fetched',
    '/img url-too-long',
    '/link url-too-long',
    '/list url-too-long',
    '/s.xml sitemap',
    '/sitemap url-too-long',
    '/to url-too-long',
    'list.txt fetched',
  ]);
});
