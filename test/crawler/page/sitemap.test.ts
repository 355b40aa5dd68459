/** Sitemaps as sites write them, and what a crawl makes of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { crawl } from '../../../crawler/crawl.ts';
import { parseSitemap, readSitemap } from '../../../crawler/page/sitemap.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { type Route, startSite } from '../../helpers/site.ts';

const base = 'https://a.example/sitemap.xml';

for (const { name, text, expected } of [
  {
    name: 'pages with entities, CDATA, comments and images',
    text: `<?xml version="1.0"?><urlset xmlns:image="x"><!-- <loc>no</loc> -->
      <url><loc> https://a.example/?a=1&amp;b=2 </loc><image:image><image:loc><![CDATA[https://a.example/i.jpg]]></image:loc>
      <image:caption>A boat &amp; a lake</image:caption><image:title>Boat</image:title></image:image></url>
      <url><loc>https://a.example/2</loc></url></urlset>`,
    expected: {
      sitemaps: [],
      pages: [
        {
          url: 'https://a.example/?a=1&b=2',
          images: [{ url: 'https://a.example/i.jpg', texts: ['A boat & a lake', 'Boat'] }],
        },
        { url: 'https://a.example/2', images: [] },
      ],
    },
  },
  {
    name: 'an index',
    text: '<sitemapindex><sitemap><loc>https://a.example/s1.xml.gz</loc></sitemap></sitemapindex>',
    expected: { sitemaps: [{ url: 'https://a.example/s1.xml.gz' }], pages: [] },
  },
  {
    name: 'plain text',
    text: 'https://a.example/1\r\nhttps://a.example/2\nnonsense\n',
    expected: {
      sitemaps: [],
      pages: [
        { url: 'https://a.example/1', images: [] },
        { url: 'https://a.example/2', images: [] },
      ],
    },
  },
  { name: 'an HTML page is none', text: '<!doctype html><p>not found</p>', expected: null },
  {
    name: 'one that is cut off keeps what is whole',
    text: '<urlset><url><loc>https://a.example/1</loc></url><url><lo',
    expected: { sitemaps: [], pages: [{ url: 'https://a.example/1', images: [] }] },
  },
]) {
  test(`sitemap: ${name}`, () => {
    const found = parseSitemap(text, base);
    assert.deepEqual(found, expected);
  });
}

test('a gzip bomb is no sitemap', async () => {
  assert.deepEqual(await readSitemap(gzipSync(Buffer.alloc(60_000_000)), undefined, base), {
    reason: 'too-many-bytes',
  });
});

test('a crawl follows sitemaps from robots.txt and keeps their captions', async (t) => {
  const routes: Record<string, Route> = {};
  const site = await startSite({ routes });
  t.after(() => site.close());
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  Object.assign(routes, {
    '/robots.txt': `Sitemap: ${site.url}/index.xml\n`,
    '/index.xml': {
      headers: { 'content-type': 'application/xml' },
      body: `<sitemapindex><sitemap><loc>${site.url}/s.xml.gz</loc></sitemap></sitemapindex>`,
    },
    '/s.xml.gz': gzipSync(
      `<urlset><url><loc>${site.url}/hidden.html</loc><image:image><image:loc>${site.url}/i.jpg</image:loc>
       <image:caption>A caption from the sitemap</image:caption></image:image></url>
       <url><loc>${site.url}/</loc><image:image><image:loc>${site.url}/i.jpg</image:loc>
       <image:caption>A caption for the seed</image:caption></image:image></url></urlset>`,
    ),
    '/': '<p>The seed links to nothing at all.</p>',
    '/hidden.html': '<main><p><img src="i.jpg" alt="A picture on a hidden page"></p></main>',
    '/i.jpg': await picture(1),
  } satisfies Record<string, Route>);
  await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never' }, corpus);
  assert.deepEqual(corpus.pages(), {
    '/': 'fetched',
    '/hidden.html': 'fetched',
    '/index.xml': 'sitemap',
    '/s.xml.gz': 'sitemap',
  });
  assert.deepEqual(corpus.pairs(), [
    '/i.jpg | alt | A picture on a hidden page | /hidden.html',
    '/i.jpg | sitemap | A caption for the seed | /',
    '/i.jpg | sitemap | A caption from the sitemap | /hidden.html',
  ]);
});
