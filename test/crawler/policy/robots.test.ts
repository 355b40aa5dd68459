/** robots.txt: what each status means (RFC 9309 §2.3.1), and the rules. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { crawl } from '../../../crawler/crawl.ts';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { openFetcher } from '../../../crawler/fetch/fetch.ts';
import { fetchRobots, type RobotsAnswer } from '../../../crawler/fetch/robots.ts';
import { parseRobots } from '../../../crawler/policy/robots.ts';
import type { UsagePreference } from '../../../crawler/policy/usage-preferences.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { type Route, startSite } from '../../helpers/site.ts';

const forbidAll = 'User-agent: *\nDisallow: /\n';
const body = (answer: RobotsAnswer) => (answer.kind === 'rules' ? answer.body : answer);

const redirects = (count: number): Record<string, Route> => {
  const routes: Record<string, Route> = { [`/r${count}`]: { status: 200, body: forbidAll } };
  for (let n = 0; n < count; n++) {
    routes[n === 0 ? '/robots.txt' : `/r${n}`] = { status: 302, headers: { location: `/r${n + 1}` } };
  }
  return routes;
};

const written = (usages: readonly UsagePreference[]): string[] =>
  usages.map(({ field, value }) => `${field}: ${value}`);

describe('what the answer for robots.txt means', () => {
  const cases: { name: string; routes: Record<string, Route>; expected: unknown }[] = [
    ...[200, 203, 206].map((status) => ({
      name: `${status} is read`,
      routes: { '/robots.txt': { status, body: forbidAll } },
      expected: forbidAll,
    })),
    ...[400, 401, 403, 404, 410, 451].map((status) => ({
      name: `${status} allows everything, whatever its body says`,
      routes: { '/robots.txt': { status, body: forbidAll } },
      expected: { kind: 'allow' },
    })),
    ...[500, 501, 502, 503, 504, 520].map((status) => ({
      name: `${status} says nothing, whatever its body says`,
      routes: { '/robots.txt': { status, body: 'User-agent: *\nAllow: /\n' } },
      expected: { kind: 'unavailable', reason: 'robots-server-error', forMs: 0 },
    })),
    {
      name: '503 with a time',
      routes: { '/robots.txt': { status: 503, headers: { 'retry-after': '90' } } },
      expected: { kind: 'unavailable', reason: 'robots-server-error', forMs: 90_000 },
    },
    {
      name: '429 defers for as long as it says',
      routes: { '/robots.txt': { status: 429, headers: { 'retry-after': '7' } } },
      expected: { kind: 'unavailable', reason: 'robots-deferred', forMs: 7000 },
    },
    {
      name: '429 without a time',
      routes: { '/robots.txt': { status: 429 } },
      expected: { kind: 'unavailable', reason: 'robots-deferred', forMs: 0 },
    },
    { name: 'five redirects are followed', routes: redirects(5), expected: forbidAll },
    { name: 'after more than five there is none', routes: redirects(6), expected: { kind: 'allow' } },
    {
      name: 'a cut connection says nothing',
      routes: { '/robots.txt': (_req, res) => res.destroy() },
      expected: { kind: 'unavailable', reason: 'robots-unreachable', forMs: 0 },
    },
    {
      name: 'a body that ends before its length says nothing',
      routes: {
        '/robots.txt': (_req, res) => {
          res.writeHead(200, { 'content-length': '1000' });
          res.write('User-agent: *\n', () => res.destroy());
        },
      },
      expected: { kind: 'unavailable', reason: 'robots-unreachable', forMs: 0 },
    },
    {
      name: 'a body that cannot be decompressed says nothing',
      routes: { '/robots.txt': { headers: { 'content-encoding': 'gzip' }, body: 'User-agent: *' } },
      expected: { kind: 'unavailable', reason: 'robots-unreachable', forMs: 0 },
    },
    {
      name: 'a line cut off at 500 KiB is not read',
      routes: { '/robots.txt': { body: `User-agent: *\n${'#'.repeat(500 * 1024 - 14 - 1 - 8)}\nAllow: /only/this` } },
      expected: `User-agent: *\n${'#'.repeat(500 * 1024 - 14 - 1 - 8)}\n`,
    },
    {
      name: 'only the first 500 KiB count',
      routes: { '/robots.txt': { body: `${'#'.repeat(500 * 1024 - 1)}\n${forbidAll}` } },
      expected: `${'#'.repeat(500 * 1024 - 1)}\n`,
    },
    ...(['gzip', 'deflate'] as const).map((encoding) => ({
      name: `so of a longer one in ${encoding}`,
      routes: {
        '/robots.txt': {
          headers: { 'content-encoding': encoding },
          body: (encoding === 'gzip' ? gzipSync : deflateSync)(
            `${'#'.repeat(500 * 1024 - 1)}\n${forbidAll.repeat(40_000)}`,
          ),
        },
      },
      expected: `${'#'.repeat(500 * 1024 - 1)}\n`,
    })),
  ];
  for (const { name, routes, expected } of cases) {
    test(name, async (t) => {
      const site = await startSite({ routes });
      const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1');
      t.after(() => Promise.all([fetcher.close(), site.close()]));
      assert.deepEqual(body(await fetchRobots(fetcher, site.url)), expected);
    });
  }

  test('no server says nothing', async (t) => {
    const site = await startSite();
    await site.close();
    const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1');
    t.after(() => fetcher.close());
    assert.deepEqual(await fetchRobots(fetcher, site.url), {
      kind: 'unavailable',
      reason: 'robots-unreachable',
      forMs: 0,
    });
  });
});

describe('robots.txt rules', () => {
  const cases: { name: string; body: string; url: string; allowed: boolean }[] = [
    { name: 'the longest match wins', body: 'User-agent: *\nDisallow: /a\nAllow: /a/b', url: '/a/b/c', allowed: true },
    { name: 'a tie allows', body: 'User-agent: *\nDisallow: /a\nAllow: /a', url: '/a', allowed: true },
    {
      name: 'our group wins over *',
      body: 'User-agent: *\nDisallow: /\nUser-agent: LAIT\nDisallow: /x',
      url: '/y',
      allowed: true,
    },
    {
      name: 'groups of one name are merged',
      body: 'User-agent: lait\nDisallow: /a\n\nUser-agent: x\nDisallow: /\n\nUser-agent: lait\nDisallow: /b',
      url: '/b',
      allowed: false,
    },
    { name: 'wildcard and end', body: 'User-agent: *\nDisallow: /*.gif$', url: '/a/b.gif', allowed: false },
    { name: 'the end is meant', body: 'User-agent: *\nDisallow: /*.gif$', url: '/a/b.gif?x', allowed: true },
    { name: 'the query counts', body: 'User-agent: *\nDisallow: /*?print', url: '/a?print=1', allowed: false },
    { name: 'an empty Disallow allows', body: 'User-agent: *\nDisallow:', url: '/a', allowed: true },
    { name: 'encoded and plain are equal', body: 'User-agent: *\nDisallow: /%7ejoe/', url: '/~joe/', allowed: false },
    { name: 'plain and encoded are equal', body: 'User-agent: *\nDisallow: /~joe/', url: '/%7Ejoe/', allowed: false },
    { name: 'letters beyond ASCII', body: 'User-agent: *\nDisallow: /fü', url: '/f%C3%BC', allowed: false },
    { name: 'a byte order mark and CRLF', body: '\uFEFFUser-agent: *\r\nDisallow: /a\r\n', url: '/a', allowed: false },
    {
      name: 'lines that are none are skipped',
      body: '<html>\nUser-agent: *\nfoo\nDisallow: /a',
      url: '/a',
      allowed: false,
    },
    {
      name: 'a sitemap or an unknown line between names does not part a group',
      body: 'User-agent: lait\nSitemap: https://a.example/s.xml\nHost: a.example\nUser-agent: other\nDisallow: /a',
      url: '/a',
      allowed: false,
    },
    {
      name: 'rules before any group are nobody’s',
      body: 'Disallow: /\nUser-agent: *\nDisallow: /x',
      url: '/a',
      allowed: true,
    },
    { name: 'a name with a version', body: 'User-agent: lait/0.1\nDisallow: /a', url: '/a', allowed: false },
    { name: 'a name that only begins like ours', body: 'User-agent: laitier\nDisallow: /', url: '/a', allowed: true },
    { name: 'names are compared without case', body: 'USER-AGENT: LaIt\nDISALLOW: /a', url: '/a', allowed: false },
    {
      name: 'several names share a group',
      body: 'User-agent: a\nUser-agent: lait\nDisallow: /a',
      url: '/a',
      allowed: false,
    },
    {
      name: 'robots.txt itself is always allowed',
      body: 'User-agent: *\nDisallow: /',
      url: '/robots.txt',
      allowed: true,
    },
    {
      name: 'RFC 9309 §2.2.3: %2A is a star',
      body: 'User-agent: *\nDisallow: /path/file-with-a-%2A.html',
      url: '/path/file-with-a-*.html',
      allowed: false,
    },
    {
      name: '%2A is nothing but a star',
      body: 'User-agent: *\nDisallow: /path/file-with-a-%2A.html',
      url: '/path/file-with-a-b.html',
      allowed: true,
    },
    {
      name: '%2a and an encoded star in the URL',
      body: 'User-agent: *\nDisallow: /path/file-with-a-%2a.html',
      url: '/path/file-with-a-%2A.html',
      allowed: false,
    },
    {
      name: 'RFC 9309 §2.2.3: %24 is a dollar',
      body: 'User-agent: *\nDisallow: /path/foo-%24',
      url: '/path/foo-$',
      allowed: false,
    },
    { name: '%24 is not the end', body: 'User-agent: *\nDisallow: /path/foo-%24', url: '/path/foo-', allowed: true },
    {
      name: '%24 and more behind it',
      body: 'User-agent: *\nDisallow: /path/foo-%24',
      url: '/path/foo-$x',
      allowed: false,
    },
    { name: 'a dollar within a pattern is itself', body: 'User-agent: *\nDisallow: /a$b', url: '/a$b', allowed: false },
    {
      name: 'a dollar within a pattern is not the end',
      body: 'User-agent: *\nDisallow: /a$b',
      url: '/a',
      allowed: true,
    },
    {
      name: 'RFC 9309 §2.2.3: the end',
      body: 'User-agent: *\nDisallow: /this/path/exactly$',
      url: '/this/path/exactly/x',
      allowed: true,
    },
    {
      name: 'RFC 9309 §2.2.3: a star',
      body: 'User-agent: *\nDisallow: /this/*/exactly',
      url: '/this/one/exactly',
      allowed: false,
    },
    {
      name: 'RFC 9309 §2.2.2: ASCII',
      body: 'User-agent: *\nDisallow: /foo/bar?baz=quz',
      url: '/foo/bar?baz=quz',
      allowed: false,
    },
    {
      name: 'RFC 9309 §2.2.2: reserved characters in a query, encoded in the URL',
      body: 'User-agent: *\nDisallow: /foo/bar?baz=https://foo.bar',
      url: '/foo/bar?baz=https%3A%2F%2Ffoo.bar',
      allowed: false,
    },
    {
      name: 'RFC 9309 §2.2.2: reserved characters in a query, encoded in the rule',
      body: 'User-agent: *\nDisallow: /foo/bar?baz=https%3A%2F%2Ffoo.bar',
      url: '/foo/bar?baz=https://foo.bar',
      allowed: false,
    },
    {
      name: 'RFC 9309 §2.2.2: U+E38384 as it is',
      body: 'User-agent: *\nDisallow: /foo/bar/ツ',
      url: '/foo/bar/%E3%83%84',
      allowed: false,
    },
    {
      name: 'RFC 9309 §2.2.2: U+E38384 encoded in lower case',
      body: 'User-agent: *\nDisallow: /foo/bar/%e3%83%84',
      url: '/foo/bar/ツ',
      allowed: false,
    },
    {
      name: 'RFC 9309 §2.2.2: encoded ASCII',
      body: 'User-agent: *\nDisallow: /foo/bar/%62%61%7A',
      url: '/foo/bar/baz',
      allowed: false,
    },
    { name: 'an encoded slash parts no path', body: 'User-agent: *\nDisallow: /a%2Fb', url: '/a/b', allowed: true },
    { name: 'a space', body: 'User-agent: *\nDisallow: /a b', url: '/a%20b', allowed: false },
    {
      name: 'dot segments are gone in a request',
      body: 'User-agent: *\nDisallow: /private/',
      url: '/x/../private/y',
      allowed: false,
    },
    {
      name: 'RFC 9309 §5.2: the longest match',
      body: 'User-Agent: lait\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif',
      url: '/example/page/disallowed.gif',
      allowed: false,
    },
    {
      name: 'RFC 9309 §5.1: a group of nobody forbids nothing',
      body: 'User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\n\nUser-Agent: lait\nDisallow:',
      url: '/example/x.gif',
      allowed: true,
    },
    {
      name: 'a name with a version and a name within a longer one',
      body: 'User-agent: lait-images\nDisallow: /\nUser-agent: lait/2.0\nDisallow: /b',
      url: '/a',
      allowed: true,
    },
    { name: 'comments', body: 'User-agent: * # all\nDisallow: /a # this', url: '/a', allowed: false },
  ];
  for (const { name, body, url, allowed } of cases) {
    test(name, () => assert.equal(parseRobots(body).allows(`https://a.example${url}`), allowed));
  }
  for (const [value, delayMs] of [
    ['2.5', 2500],
    ['-1', 0],
    ['soon', 0],
    ['Infinity', 0],
    ['3\nCrawl-delay: 5', 5000],
  ] as const) {
    test(`Crawl-delay ${JSON.stringify(value)}`, () =>
      assert.equal(parseRobots(`User-agent: *\nCrawl-delay: ${value}`).crawlDelayMs, delayMs));
  }
  test('Crawl-delay, sitemaps and content usage are read', () => {
    const rules = parseRobots(
      'User-agent: *\nCrawl-delay: 2.5\nContent-Usage: train-ai=y\nContent-Usage: /art train-ai=n\nSitemap: https://a.example/s.xml',
    );
    assert.equal(rules.crawlDelayMs, 2500);
    assert.deepEqual(rules.sitemaps, ['https://a.example/s.xml']);
    assert.deepEqual(written(rules.usagePreferences('https://a.example/x')), ['content-usage: train-ai=y']);
    assert.deepEqual(written(rules.usagePreferences('https://a.example/art/x')), ['content-usage: train-ai=n']);
  });
});

for (const { name, body, url, usage } of [
  {
    name: 'Content-Signal',
    body: 'User-agent: *\nContent-Signal: search=yes,ai-train=no',
    url: '/a',
    usage: ['content-signal: search=yes,ai-train=no'],
  },
  {
    name: 'both kinds of one path',
    body: 'User-agent: *\nContent-Usage: train-ai=y\nContent-Signal: ai-train=no',
    url: '/a',
    usage: ['content-usage: train-ai=y', 'content-signal: ai-train=no'],
  },
  {
    name: 'the longer path',
    body: 'User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /art/* train-ai=y',
    url: '/art/1',
    usage: ['content-usage: train-ai=y'],
  },
  {
    name: 'a path with an end',
    body: 'User-agent: *\nContent-Usage: /*.jpg$ train-ai=n',
    url: '/a.jpg?x',
    usage: [],
  },
  {
    name: 'our group before that of all',
    body: 'User-agent: *\nContent-Usage: train-ai=n\nUser-agent: lait\nContent-Usage: train-ai=y',
    url: '/a',
    usage: ['content-usage: train-ai=y'],
  },
  {
    name: 'each kind has a longest path of its own',
    body: 'User-agent: *\nContent-Usage: train-ai=n\nContent-Signal: /a ai-train=yes',
    url: '/a',
    usage: ['content-usage: train-ai=n', 'content-signal: ai-train=yes'],
  },
  {
    name: 'two lines of one path',
    body: 'User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: train-ai=y',
    url: '/a',
    usage: ['content-usage: train-ai=n', 'content-usage: train-ai=y'],
  },
  { name: 'nothing', body: 'User-agent: *\nDisallow: /b', url: '/a', usage: [] },
]) {
  test(`usage preferences: ${name}`, () =>
    assert.deepEqual(written(parseRobots(body).usagePreferences(`https://a.example${url}`)), usage));
}

test('a crawl comes back to a host whose robots.txt answered 429', async (t) => {
  let asked = 0;
  const site = await startSite({
    routes: {
      '/robots.txt': (_req, res) => {
        asked += 1;
        if (asked === 1) res.writeHead(429, { 'retry-after': '1' }).end();
        else res.end('User-agent: *\nDisallow: /no');
      },
      '/': '<p>Nothing but a text.</p>',
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never' }, corpus);
  assert.equal(asked, 2);
  assert.equal(site.hits.get('/'), 1);
  assert.deepEqual(corpus.pages(), { '/': 'fetched' });
});

test('an image host has its own robots.txt', async (t) => {
  const images = await startSite({ routes: { '/robots.txt': forbidAll, '/i.jpg': 'x' } });
  const site = await startSite({
    routes: { '/': `<main><img src="${images.url}/i.jpg" alt="A picture of a boat"></main>` },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await Promise.all([images.close(), site.close()]);
  });
  await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never' }, corpus);
  assert.deepEqual(corpus.images(), { '/i.jpg': 'robots' });
  assert.equal(images.hits.get('/i.jpg'), undefined);
});
