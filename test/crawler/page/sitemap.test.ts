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
  {
    name: 'any prefix, and none for the image',
    text: `<sm:urlset xmlns:sm="http://www.google.com/schemas/sitemap/0.84"><sm:url><sm:loc>https://a.example/1</sm:loc>
      <i:image><i:loc>https://a.example/i.jpg?b=1&amp;a=2</i:loc><i:caption>A boat</i:caption></i:image>
      <video:video><video:title>Not of the image</video:title><video:player_loc>https://v.example/</video:player_loc></video:video>
      <news:news><news:title>News</news:title></news:news></sm:url></sm:urlset>`,
    expected: {
      sitemaps: [],
      pages: [
        {
          url: 'https://a.example/1',
          images: [
            { url: 'https://a.example/i.jpg?a=2&b=1', written: 'https://a.example/i.jpg?b=1&a=2', texts: ['A boat'] },
          ],
        },
      ],
    },
  },
  {
    name: 'RSS with Media RSS and enclosures',
    text: `<?xml version="1.0"?><rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>Site</title>
      <link>https://a.example/</link><image><url>https://a.example/logo.png</url><title>Site</title></image>
      <item><title>A storm &amp; a boat</title><link>https://a.example/1</link><description>&lt;p&gt;Long&lt;/p&gt;</description>
        <media:content url="https://a.example/1.jpg" medium="image"><media:description>A boat in a storm</media:description></media:content>
        <media:content url="https://a.example/1.mp4" type="video/mp4"/></item>
      <item><title>The second</title><guid isPermaLink="true">https://a.example/2</guid>
        <enclosure url="https://a.example/2.jpg" type="image/jpeg" length="1"/><enclosure url="https://a.example/2.mp3" type="audio/mpeg"/></item>
      </channel></rss>`,
    expected: {
      sitemaps: [],
      pages: [
        { url: 'https://a.example/1', images: [{ url: 'https://a.example/1.jpg', texts: ['A boat in a storm'] }] },
        { url: 'https://a.example/2', images: [{ url: 'https://a.example/2.jpg', texts: ['The second'] }] },
      ],
    },
  },
  {
    name: 'Atom',
    text: `<feed xmlns="http://www.w3.org/2005/Atom"><title>Site</title><link rel="self" href="https://a.example/feed"/>
      <entry><title type="html">A &lt;b&gt;boat&lt;/b&gt;</title><link rel="enclosure" type="image/png" href="/1.png"/>
      <link href="/1"/><content type="html">&lt;img&gt;</content></entry></feed>`,
    expected: {
      sitemaps: [],
      pages: [{ url: 'https://a.example/1', images: [{ url: 'https://a.example/1.png', texts: ['A boat'] }] }],
    },
  },
  {
    name: 'RDF',
    text: `<rdf:RDF xmlns:rdf="x" xmlns="http://purl.org/rss/1.0/"><channel rdf:about="https://a.example/"><link>https://a.example/</link></channel>
      <item rdf:about="https://a.example/1"><title>A boat</title></item></rdf:RDF>`,
    expected: { sitemaps: [], pages: [{ url: 'https://a.example/1', images: [] }] },
  },
  {
    name: 'plain text with CR alone',
    text: 'https://a.example/1\rhttps://a.example/2\r',
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

const one = '<?xml version="1.0" encoding="UTF-16"?><urlset><url><loc>https://a.example/\u00e4</loc></url></urlset>';
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');
for (const { name, bytes } of [
  { name: 'UTF-16 with a mark', bytes: utf16(`\uFEFF${one}`) },
  { name: 'UTF-16 without', bytes: utf16(one) },
  { name: 'UTF-16, the other way round', bytes: utf16(one).swap16() },
  { name: 'gzip that calls itself XML', bytes: gzipSync(one.replace('UTF-16', 'UTF-8')) },
  { name: 'gzip that was cut off', bytes: gzipSync(one.replace('UTF-16', 'UTF-8')).subarray(0, -8) },
  { name: 'UTF-8 with a mark', bytes: Buffer.from(`\uFEFF${one.replace(/ encoding="UTF-16"/, '')}`) },
]) {
  test(`sitemap in ${name}`, async () => {
    assert.deepEqual(await readSitemap(bytes, 'application/xml', base), {
      sitemaps: [],
      pages: [{ url: 'https://a.example/%C3%A4', images: [] }],
    });
  });
}

test('a sitemap that nests without end is read as far as it goes', () => {
  const text = `<urlset><url><loc>https://a.example/1</loc></url>${'<a>'.repeat(300_000)}${'</b>'.repeat(300_000)}`;
  assert.deepEqual(parseSitemap(text, base), { sitemaps: [], pages: [{ url: 'https://a.example/1', images: [] }] });
});

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

/** How many texts the images have, one after another. */
const textCounts = (text: string): number[] =>
  parseSitemap(text, base)!.pages.flatMap(({ images }) => images.map(({ texts }) => texts.length));

const texts = (name: string, count: number): string =>
  Array.from({ length: count }, (_, n) => `<${name}>Text ${n}</${name}>`).join('');

test('an image of a sitemap has twenty texts at most, and so has an entry of a feed for all its images', () => {
  const ofImage = (count: number): string =>
    `<urlset><url><loc>/1</loc><image><loc>/1.jpg</loc>${texts('caption', count)}</image></url></urlset>`;
  assert.deepEqual(
    [19, 20, 21].map((count) => textCounts(ofImage(count))),
    [[19], [20], [20]],
  );
  const ofEntry = (count: number): string =>
    `<rss xmlns:media="http://search.yahoo.com/mrss/"><item><link>https://a.example/1</link>${texts('media:description', count)}
      <enclosure url="/1.jpg" type="image/jpeg"/><enclosure url="/2.jpg" type="image/jpeg"/></item></rss>`;
  assert.deepEqual(
    [20, 21].map((count) => textCounts(ofEntry(count))),
    [
      [20, 20],
      [20, 20],
    ],
  );
});

test('the texts of a sitemap have ten million characters at most, all images together; its pages stay', () => {
  const description = 'A boat. '.repeat(2500); // 20,000 with its space
  const images = Array.from({ length: 502 }, (_, n) => `<enclosure url="/${n}.jpg" type="image/jpeg"/>`).join('');
  const item = (url: string): string =>
    `<item><link>https://a.example/${url}</link><media:description>${description}x</media:description>${images}</item>`;
  const feed = `<rss xmlns:media="http://search.yahoo.com/mrss/">${item('1')}${item('2')}</rss>`;
  const counts = textCounts(feed);
  assert.deepEqual([counts.length, counts.lastIndexOf(1), counts.indexOf(0)], [1004, 499, 500]);
});

test('a sitemap has 200,000 texts at most', () => {
  const url = (page: number): string =>
    `<url><loc>/${page}</loc>${Array.from({ length: 1000 }, (_, n) => `<image><loc>/${page}/${n}.jpg</loc><title>a</title></image>`).join('')}</url>`;
  const counts = textCounts(`<urlset>${Array.from({ length: 201 }, (_, page) => url(page)).join('')}</urlset>`);
  assert.deepEqual([counts.length, counts.lastIndexOf(1), counts.indexOf(0)], [201_000, 199_999, 200_000]);
});
