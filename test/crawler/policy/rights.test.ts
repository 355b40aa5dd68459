/** Signals that reserve rights: each form, what wins, and that a refused image's body is never taken. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { parseTdmrep, rightsOf, robotsDirectives } from '../../../crawler/policy/rights.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { startSite } from '../../helpers/site.ts';

for (const { value, directives } of [
  { value: 'noai, noimageai', directives: ['noai', 'noimageai'] },
  { value: 'otherbot: noai', directives: [] },
  { value: 'lait: noai, nofollow', directives: ['noai', 'nofollow'] },
  { value: 'otherbot: noindex, lait: noai', directives: ['noai'] },
  {
    value: 'unavailable_after: 25 Jun 2030 15:00:00 PST, noai',
    directives: ['unavailable_after: 25 jun 2030 15:00:00 pst', 'noai'],
  },
  { value: 'max-snippet:-1, noindex', directives: ['max-snippet:-1', 'noindex'] },
  { value: 'lait: max-image-preview:none, noai', directives: ['max-image-preview:none', 'noai'] },
  { value: '*: noai', directives: ['noai'] },
  { value: 'OtherBot: noai, LAIT: noimageai', directives: ['noimageai'] },
  {
    value: 'unavailable_after: Wednesday, 03-Jan-30 15:00:00 GMT, noai',
    directives: ['unavailable_after: wednesday, 03-jan-30 15:00:00 gmt', 'noai'],
  },
  {
    value: 'unavailable_after: 2030-01-01T15:00:00Z, noai',
    directives: ['unavailable_after: 2030-01-01t15:00:00z', 'noai'],
  },
  { value: 'max-image-preview: large', directives: ['max-image-preview: large'] },
]) {
  test(`X-Robots-Tag ${value}`, () => assert.deepEqual([...robotsDirectives(value)], directives));
}

describe('one page or image', () => {
  const meta = (pairs: Record<string, string>) => new Map(Object.entries(pairs));
  const cases = [
    { name: 'nothing said', given: {}, refused: null },
    { name: 'header noai', given: { headers: { 'x-robots-tag': 'noai' } }, refused: 'rights-noai' },
    { name: 'header noml', given: { headers: { 'x-robots-tag': 'noml' } }, refused: 'rights-noml' },
    { name: 'header noml for another', given: { headers: { 'x-robots-tag': 'gptbot: noml' } }, refused: null },
    { name: 'meta noml', given: { meta: meta({ robots: 'index, NoML' }) }, refused: 'rights-noml' },
    { name: 'header noindex', given: { headers: { 'x-robots-tag': 'noindex' } }, refused: 'rights-noindex' },
    {
      name: 'a bot name does not reach into the next header',
      given: { headers: { 'x-robots-tag': ['otherbot: noindex', 'noimageai'] } },
      refused: 'rights-noimageai',
    },
    { name: 'meta robots', given: { meta: meta({ robots: 'noimageai' }) }, refused: 'rights-noimageai' },
    { name: 'meta for this crawler', given: { meta: meta({ lait: 'noai' }) }, refused: 'rights-noai' },
    { name: 'nofollow alone refuses no image', given: { meta: meta({ robots: 'nofollow' }) }, refused: null },
    { name: 'TDM header', given: { headers: { 'tdm-reservation': '1' } }, refused: 'rights-tdm-reservation' },
    { name: 'TDM header of another value', given: { headers: { 'tdm-reservation': 'yes' } }, refused: null },
    {
      name: 'TDM header of a proxy and of what is behind',
      given: { headers: { 'tdm-reservation': '1, 1' } },
      refused: 'rights-tdm-reservation',
    },
    {
      name: 'TDM headers that differ',
      given: { headers: { 'tdm-reservation': ['0', '1'] } },
      refused: 'rights-tdm-reservation',
    },
    { name: 'two TDM metas', given: { meta: meta({ 'tdm-reservation': '1, 1' }) }, refused: 'rights-tdm-reservation' },
    {
      name: 'a date that has passed',
      given: { headers: { 'x-robots-tag': 'noarchive, unavailable_after: Wed, 03 Dec 2025 13:09:53 GMT' } },
      refused: 'rights-noindex',
    },
    {
      name: 'one of RFC 850',
      given: { headers: { 'x-robots-tag': 'unavailable_after: 25-Jun-2010 15:00:00 PST' } },
      refused: 'rights-noindex',
    },
    {
      name: 'one in a meta tag',
      given: { meta: meta({ robots: 'unavailable_after: 2025-09-21' }) },
      refused: 'rights-noindex',
    },
    {
      name: 'one of another crawler',
      given: { headers: { 'x-robots-tag': 'otherbot: unavailable_after: 2025-09-21' } },
      refused: null,
    },
    { name: 'a date to come', given: { headers: { 'x-robots-tag': 'unavailable_after: 2999-09-21' } }, refused: null },
    { name: 'a date that is none', given: { headers: { 'x-robots-tag': 'unavailable_after: soon' } }, refused: null },
    { name: 'TDM meta', given: { meta: meta({ 'tdm-reservation': '1' }) }, refused: 'rights-tdm-reservation' },
    {
      name: 'the TDM header decides before the meta tag',
      given: { headers: { 'tdm-reservation': '0' }, meta: meta({ 'tdm-reservation': '1' }) },
      refused: null,
    },
    {
      name: 'the TDM file decides before the header',
      given: { tdmrep: [{ location: '/', reservation: 1 as const }], headers: { 'tdm-reservation': '0' } },
      refused: 'rights-tdm-reservation',
    },
    {
      name: 'the most specific location of the TDM file',
      given: {
        tdmrep: [
          { location: '/', reservation: 1 as const },
          { location: '/a/*', reservation: 0 as const },
        ],
      },
      refused: null,
    },
    {
      name: 'of equally specific locations the one that reserves',
      given: {
        tdmrep: [
          { location: '/a/*.jpg', reservation: 0 as const },
          { location: '/a/i.jp*', reservation: 1 as const },
        ],
      },
      refused: 'rights-tdm-reservation',
    },
    {
      name: 'a location with an end',
      given: { tdmrep: [{ location: '/*.png$', reservation: 1 as const }] },
      refused: null,
    },
    { name: 'none stands for noindex', given: { headers: { 'x-robots-tag': 'none' } }, refused: 'rights-none' },
    {
      name: 'what one signal permits another may refuse',
      given: { headers: { 'tdm-reservation': '0', 'content-usage': 'train-ai=n' } },
      refused: 'rights-content-usage',
    },
    { name: 'AIPREF header', given: { headers: { 'content-usage': 'train-ai=n' } }, refused: 'rights-content-usage' },
    {
      name: 'Content-Signal header',
      given: { headers: { 'content-signal': 'ai-train=no' } },
      refused: 'rights-content-usage',
    },
    {
      name: 'AIPREF in robots.txt',
      given: { robotsUsage: [{ field: 'content-usage' as const, value: 'train-ai=n' }] },
      refused: 'rights-content-usage',
    },
  ];
  for (const { name, given, refused } of cases) {
    test(name, () => {
      const rights = rightsOf({
        headers: {},
        url: 'https://a.example/a/i.jpg',
        tdmrep: [],
        robotsUsage: [],
        ...given,
      });
      assert.equal(rights.refused, refused);
    });
  }
});

test('tdmrep.json entries that are not as the protocol says are left out', () => {
  assert.deepEqual(
    parseTdmrep(
      '[{"location":"/a","tdm-reservation":1,"tdm-policy":"p"},{"location":"/b","tdm-reservation":"1"},null,3]',
    ),
    [{ location: '/a', reservation: 1, policy: 'p' }],
  );
  assert.deepEqual(parseTdmrep('{"location":"/"}'), []);
  assert.deepEqual(parseTdmrep('<html>'), []);
});

test('what reserves its rights and redirects is not followed', async (t) => {
  const elsewhere = (headers: Record<string, string> = {}) => ({
    status: 302,
    headers: { location: '/free.jpg', ...headers },
  });
  const site = await startSite({
    routes: {
      '/': `<main><p><img src="/tdm/1.jpg" alt="A picture in a folder"><img src="/2.jpg" alt="A picture with a header">
        <img src="/3.jpg" alt="A picture that is not to be indexed"></p></main><a href="/moved">m</a>`,
      '/.well-known/tdmrep.json': '[{"location":"/tdm/","tdm-reservation":1}]',
      '/tdm/1.jpg': elsewhere(),
      '/2.jpg': elsewhere({ 'x-robots-tag': 'noindex, noai' }),
      '/3.jpg': elsewhere({ 'x-robots-tag': 'noindex' }),
      '/moved': { status: 301, headers: { location: '/page', 'tdm-reservation': '1' } },
      '/page': '<main><p>Words.</p></main>',
      '/free.jpg': await picture(1),
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
  await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, corpus);
  assert.deepEqual(corpus.images(), {
    '/2.jpg': 'rights-noai',
    '/3.jpg': 'success',
    '/tdm/1.jpg': 'rights-tdm-reservation',
  });
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/moved': 'rights-tdm-reservation' });
  const evidence = corpus.ledger.db.prepare(`SELECT rights FROM pages WHERE url LIKE '%/moved'`).pluck().get();
  assert.deepEqual(JSON.parse(evidence as string), { 'tdm-reservation': '1' });
  assert.equal(site.hits.get('/page'), undefined);
});

test('a crawl keeps the evidence and takes no byte of a refused image', async (t) => {
  let bodies = 0;
  const site = await startSite({
    routes: {
      '/': `<main><p><img src="/header.jpg" alt="A picture with a header"><img src="/tdm/i.jpg" alt="A picture in a folder">
        <img src="/free.jpg" alt="A picture that is free"></p><a href="/meta.html">m</a></main>`,
      '/meta.html': `<meta name="robots" content="noai"><main><p><img src="/meta.jpg" alt="A picture on a page with noai"></p>
        <a href="/after.html">after</a></main>`,
      '/after.html': '<p>A page behind one that reserves its rights.</p>',
      '/.well-known/tdmrep.json': '[{"location":"/tdm/","tdm-reservation":1,"tdm-policy":"https://a.example/policy"}]',
      '/header.jpg': (_req, res) => {
        res.writeHead(200, { 'x-robots-tag': 'noimageai', 'content-type': 'image/jpeg' });
        res.flushHeaders();
        const timer = setTimeout(() => {
          bodies += 1;
          res.end('body');
        }, 10_000);
        res.on('close', () => clearTimeout(timer));
      },
      '/tdm/i.jpg': await picture(1),
      '/free.jpg': await picture(2),
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never' }, corpus);
  assert.deepEqual(corpus.images(), {
    '/free.jpg': 'success',
    '/header.jpg': 'rights-noimageai',
    '/tdm/i.jpg': 'rights-tdm-reservation',
  });
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/after.html': 'fetched', '/meta.html': 'rights-noai' });
  assert.equal(bodies, 0);
  const rights = corpus.ledger.db.prepare(`SELECT rights FROM images WHERE url LIKE '%/header.jpg'`).pluck().get();
  assert.deepEqual(JSON.parse(rights as string), { 'x-robots-tag': 'noimageai' });
});
