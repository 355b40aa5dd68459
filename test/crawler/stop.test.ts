/** A stop in each phase of a crawl: it ends within ten seconds, keeps what is done, and the next run goes on. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { findBrowser } from '../../cli/setup/browser.ts';
import { crawl } from '../../crawler/crawl.ts';
import { importWarc } from '../../crawler/input/warc.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, type Site, startSite } from '../helpers/site.ts';

const maxStopMs = 10_000;
const never: Route = () => {};
/** So that the queue has nothing but what a case is about. */
const noSitemap = 'User-agent: *\nDisallow: /sitemap.xml\n';
const half =
  (type: string): Route =>
  (_req: unknown, res: ServerResponse) => {
    res.writeHead(200, { 'content-type': type });
    res.write('<p>half');
  };

async function hit(site: Site, path: string): Promise<void> {
  while (!site.hits.get(path)) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a stop while', () => {
  const page = '<main><p><img src="/i.jpg" alt="A picture of a boat"></p></main>';
  const cases: { name: string; routes: Record<string, Route>; hangs: string; minDelayMs?: number; pages: object }[] = [
    { name: 'robots.txt does not answer', routes: { '/robots.txt': never }, hangs: '/robots.txt', pages: {} },
    {
      name: 'the TDMRep file does not answer',
      routes: { '/.well-known/tdmrep.json': never },
      hangs: '/.well-known/tdmrep.json',
      pages: {},
    },
    { name: 'a page breaks off half-way', routes: { '/': half('text/html') }, hangs: '/', pages: {} },
    {
      name: 'an image breaks off half-way',
      routes: { '/': page, '/i.jpg': half('image/jpeg') },
      hangs: '/i.jpg',
      pages: { '/': 'fetched' },
    },
    {
      name: 'a sitemap does not answer',
      routes: { '/robots.txt': 'Sitemap: /s.xml', '/': page, '/i.jpg': 'x', '/s.xml': never },
      hangs: '/s.xml',
      pages: { '/': 'fetched' },
    },
    {
      name: 'a host rests',
      routes: { '/': page, '/i.jpg': never },
      hangs: '/.well-known/tdmrep.json',
      minDelayMs: 60_000,
      pages: {},
    },
  ];
  for (const { name, routes, hangs, minDelayMs = 0, pages } of cases) {
    test(name, async (t) => {
      const site = await startSite({ routes: { '/robots.txt': noSitemap, ...routes } });
      const corpus = temporaryCorpus();
      t.after(async () => {
        corpus.remove();
        await site.close();
      });
      const stop = new AbortController();
      const running = crawl(
        { seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs, render: 'never' },
        { ...corpus, signal: stop.signal },
      );
      await hit(site, hangs);
      await new Promise((resolve) => setTimeout(resolve, 100));
      const startMs = performance.now();
      stop.abort();
      const summary = await running;
      assert.ok(performance.now() - startMs < maxStopMs);
      assert.equal(summary.stoppedBy, 'signal');
      assert.equal(summary.queued, 1);
      assert.deepEqual(corpus.pages(), pages);
    });
  }

  test('an archive comes from the web', async (t) => {
    const site = await startSite({ routes: { '/x.warc': half('application/warc') } });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await site.close();
    });
    const stop = new AbortController();
    const running = importWarc(
      { corpusDir: corpus.dir, source: `${site.url}/x.warc`, allowPrivate: true },
      { ledger: corpus.ledger, signal: stop.signal },
    );
    await hit(site, '/x.warc');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const startMs = performance.now();
    stop.abort();
    assert.equal((await running).pages, 0);
    assert.ok(performance.now() - startMs < maxStopMs);
  });
});

const browser = await findBrowser();
const skip = browser === undefined ? 'there is no browser' : false;

test('SIGTERM while a page hangs in the browser ends the command with 130 and the next run goes on', {
  skip,
}, async (t) => {
  const routes: Record<string, Route> = {
    '/': '<main><div id="app"></div></main><script src="/hang.js"></script>',
    '/hang.js': {
      headers: { 'content-type': 'text/javascript' },
      body: "fetch('/hangs').catch(() => {}); setTimeout(() => { for (;;); }, 100);",
    },
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const lait = join(import.meta.dirname, '../../cli/lait.mjs');
  const args = [
    'crawl',
    site.url,
    '--corpus',
    corpus.dir,
    '--allow-private',
    '--min-delay-ms',
    '0',
    '--render',
    'always',
  ];
  const child = spawn(process.execPath, [lait, ...args], {
    env: { ...process.env, LAIT_NO_SANDBOX: '1' },
    stdio: 'ignore',
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await hit(site, '/hangs');
  const startMs = performance.now();
  child.kill('SIGTERM');
  assert.equal(await ended, 130);
  assert.ok(performance.now() - startMs < maxStopMs);
  assert.deepEqual(corpus.pages(), {});
  assert.ok(existsSync(join(corpus.dir, 'runs.jsonl')));

  routes['/'] = '<main><p><img src="/i.jpg" alt="A picture of a boat"></p></main>';
  routes['/i.jpg'] = await picture(1);
  await crawl({ seeds: [], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never' }, corpus);
  assert.deepEqual(corpus.pages(), { '/': 'fetched' });
  assert.deepEqual(corpus.images(), { '/i.jpg': 'success' });
});
