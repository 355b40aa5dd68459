/** Redirects between hosts: each host's clock and robots.txt count, and what is recorded under which URL. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { type Route, startSite } from '../../helpers/site.ts';

/** One server under two names: `here` is 127.0.0.1, `there` is localhost; `seen` has every request with its time. */
async function twoHosts(routesOf: (here: string, there: string) => Record<string, string | Buffer | Redirect>) {
  const seen: { host: string; path: string; atMs: number }[] = [];
  const routes: Record<string, Route> = {};
  const site = await startSite({ routes });
  const { port } = new URL(site.url);
  const there = `http://localhost:${port}`;
  const given = { '/robots.txt': 'User-agent: *\nDisallow: /forbidden', ...routesOf(site.url, there) };
  for (const path of [...Object.keys(given), '/.well-known/tdmrep.json']) {
    routes[path] = (req, res) => {
      const host = String(req.headers.host).replace(`:${port}`, '');
      seen.push({ host, path, atMs: performance.now() });
      const route = (given as Record<string, string | Buffer | Redirect>)[path];
      if (route === undefined) res.writeHead(404).end();
      else if (typeof route === 'string') res.writeHead(200, { 'content-type': 'text/html' }).end(route);
      else if (Buffer.isBuffer(route)) res.writeHead(200, { 'content-type': 'image/jpeg' }).end(route);
      else res.writeHead(302, { location: typeof route.to === 'function' ? route.to(host) : route.to }).end();
    };
  }
  return { site, there, seen };
}

interface Redirect {
  readonly to: string | ((host: string) => string);
}

async function crawled(
  t: { after: (work: () => Promise<void>) => void },
  { site }: Awaited<ReturnType<typeof twoHosts>>,
  options: { minDelayMs?: number; seeds?: string[] } = {},
) {
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl(
    {
      seeds: [site.url],
      corpusDir: corpus.dir,
      allowPrivate: true,
      minDelayMs: 0,
      render: 'never',
      scope: 'any',
      ...options,
    },
    corpus,
  );
  return { corpus, summary };
}

describe('a redirect to another host', () => {
  test('waits for the clock of that host, and its robots.txt is asked first', async (t) => {
    const jpeg = await picture(1);
    const hosts = await twoHosts((_here, there) => ({
      '/': `<main><p>${[1, 2, 3].map((n) => `<img src="/${n}.jpg" alt="The picture number ${n}">`).join('')}</p></main>`,
      '/1.jpg': { to: `${there}/a1.jpg` },
      '/2.jpg': { to: `${there}/a2.jpg` },
      '/3.jpg': { to: '/same.jpg' },
      '/a1.jpg': jpeg,
      '/a2.jpg': jpeg,
      '/same.jpg': jpeg,
    }));
    const pauseMs = 120;
    const { corpus } = await crawled(t, hosts, { minDelayMs: pauseMs });
    assert.deepEqual(corpus.images(), { '/1.jpg': 'success', '/2.jpg': 'success', '/3.jpg': 'success' });
    const there = hosts.seen.filter(({ host }) => host === 'localhost');
    assert.deepEqual(there.map(({ path }) => path).sort(), [
      '/.well-known/tdmrep.json',
      '/a1.jpg',
      '/a2.jpg',
      '/robots.txt',
    ]);
    // The two files of an origin come together, then as much rest as both cost.
    assert.ok(there[2]!.atMs - there[1]!.atMs >= 2 * pauseMs - 5);
    assert.ok(there[3]!.atMs - there[2]!.atMs >= pauseMs - 5);
  });

  test('that its robots.txt forbids is a refusal of the image that led there', async (t) => {
    const hosts = await twoHosts((_here, there) => ({
      '/': '<main><p><img src="/i.jpg" alt="A picture that is elsewhere"></p></main>',
      '/i.jpg': { to: `${there}/forbidden.jpg` },
    }));
    const { corpus } = await crawled(t, hosts);
    assert.deepEqual(corpus.images(), { '/i.jpg': 'robots' });
    assert.ok(!hosts.seen.some(({ path }) => path === '/forbidden.jpg'));
  });

  test('queues a page once, whoever leads there', async (t) => {
    const hosts = await twoHosts((_here, there) => ({
      '/': `<a href="/one">1</a><a href="/two">2</a><a href="${there}/page">3</a>`,
      '/one': { to: `${there}/page` },
      '/two': { to: `${there}/page` },
      '/page': '<p>The page that all links lead to.</p>',
    }));
    const { corpus, summary } = await crawled(t, hosts);
    assert.deepEqual(corpus.pages(), {
      '/': 'fetched',
      '/one': 'redirected',
      '/page': 'fetched',
      '/two': 'redirected',
    });
    assert.equal(hosts.seen.filter(({ path }) => path === '/page').length, 1);
    assert.deepEqual(summary.pages, { fetched: 2, skipped: 2 });
  });

  test('and back for ever ends after ten hops', async (t) => {
    let n = 0;
    const other = (here: string, there: string) => (host: string) => {
      n += 1;
      return `${host === 'localhost' ? here : there}/loop?n=${n}`;
    };
    const hosts = await twoHosts((here, there) => ({
      '/': '<main><p><img src="/loop" alt="A picture that is nowhere"></p></main>',
      '/loop': { to: other(here, there) },
    }));
    const { corpus } = await crawled(t, hosts);
    assert.deepEqual(corpus.images(), { '/loop': 'too-many-redirects' });
    assert.equal(n, 11);
    n = 0;
    const pages = await twoHosts((here, there) => ({ '/loop': { to: other(here, there) } }));
    const loop = await crawled(t, pages, { seeds: [`${pages.site.url}/loop`] });
    assert.equal(n, 11);
    assert.equal(loop.corpus.pages()['/loop?n=10'], 'too-many-redirects');
  });
});
