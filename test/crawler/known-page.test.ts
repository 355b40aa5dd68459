/** What an earlier visit found of a page stays, whatever a later one comes to, and the page is visited again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
const page = '<title>Boats</title><main><p>A page with a text.</p></main>';

type Change = { readonly routes?: Record<string, Route>; readonly options?: object };

describe('a known page keeps title, text and next visit', () => {
  const cases: { name: string; change: Change; reason: string | null; queued?: number }[] = [
    {
      name: 'robots.txt forbids it now',
      change: { routes: { '/robots.txt': 'User-agent: *\nDisallow: /' } },
      reason: 'robots',
    },
    {
      name: 'robots.txt cannot be had',
      change: { routes: { '/robots.txt': { status: 503 } } },
      reason: null,
      queued: 1,
    },
    {
      name: 'it says noai now',
      change: { routes: { '/': { headers: { 'content-type': 'text/html', 'x-robots-tag': 'noai' }, body: page } } },
      reason: 'rights-noai',
    },
    { name: 'its address may not be asked', change: { options: { allowPrivate: false } }, reason: 'private-address' },
    { name: 'its host has enough pages', change: { options: { maxPagesPerHost: 1 } }, reason: null, queued: 0 },
    {
      name: 'it redirects out of the scope',
      change: { routes: { '/': { status: 302, headers: { location: 'https://elsewhere.example/' } } } },
      reason: 'redirect-out-of-scope',
    },
    {
      name: 'it redirects into a trap',
      change: { routes: { '/': { status: 302, headers: { location: `${'/a'.repeat(40)}` } } } },
      reason: 'trap-deep-path',
    },
    {
      name: 'it redirects to what robots.txt forbids',
      change: {
        routes: { '/robots.txt': 'User-agent: *\nDisallow: /no', '/': { status: 302, headers: { location: '/no' } } },
      },
      reason: 'robots',
    },
    { name: 'it is gone', change: { routes: { '/': { status: 410 } } }, reason: 'gone' },
    { name: 'it fails', change: { routes: { '/': { status: 500 } } }, reason: 'http-500' },
    {
      name: 'it is no HTML now',
      change: { routes: { '/': { headers: { 'content-type': 'application/pdf' }, body: '%PDF' } } },
      reason: 'not-html',
    },
  ];
  for (const { name, change, reason, queued = 0 } of cases) {
    test(name, async (t) => {
      const routes: Record<string, Route> = { '/': page, '/robots.txt': 'User-agent: *\nDisallow: /sitemap.xml\n' };
      const site = await startSite({ routes });
      const corpus = temporaryCorpus();
      t.after(async () => {
        corpus.remove();
        await site.close();
      });
      const options = { ...own, seeds: [site.url], corpusDir: corpus.dir, contact: 'me@here.example' };
      await crawl(options, corpus);
      Object.assign(routes, change.routes);
      const frontier = Frontier.open(corpus.dir);
      frontier.db.exec('DELETE FROM origins');
      frontier.close();
      const summary = await crawl({ ...options, seeds: [], ...change.options, recrawl: 'all' }, corpus);
      const row = corpus.ledger.db
        .prepare(`SELECT title, text, reason FROM pages WHERE url = ?`)
        .get(`${site.url}/`) as { title: string; text: string; reason: string | null };
      assert.deepEqual(row, { title: 'Boats', text: 'A page with a text.', reason });
      assert.equal(summary.queued, queued);
      const again = Frontier.open(corpus.dir);
      const due = again.db.prepare('SELECT count(*) FROM revisits WHERE due_at_ms < ?').pluck();
      const inAYear = Date.now() + 365 * 24 * 3_600_000;
      assert.equal((due.get(inAYear) as number) + again.queued(), 1, 'it is visited again');
      again.close();
    });
  }

  test('a page from elsewhere, such as an archive, keeps its text when the crawl is refused', async (t) => {
    const site = await startSite({ routes: { '/robots.txt': 'User-agent: *\nDisallow: /' } });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await site.close();
    });
    const url = `${site.url}/`;
    Frontier.open(corpus.dir).close();
    corpus.ledger.recordPage({ url, status: 'fetched', title: 'Boats', text: 'From an archive.', fetchedAtMs: 0 });
    await crawl({ ...own, seeds: [url], corpusDir: corpus.dir }, corpus);
    assert.deepEqual(corpus.ledger.db.prepare('SELECT title, text, status, reason FROM pages').all(), [
      { title: 'Boats', text: 'From an archive.', status: 'refused', reason: 'robots' },
    ]);
  });
});
