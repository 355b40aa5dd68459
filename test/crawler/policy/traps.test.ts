/** Traps end in a reason: what is told from a URL alone, and what a crawl records of links that it does not follow. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { maxQueries, trapReason } from '../../../crawler/policy/traps.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { startSite } from '../../helpers/site.ts';

describe('traps', () => {
  const now = new Date('2026-01-01');
  for (const { path, reason } of [
    { path: '/2024/05/articles/some-title', reason: null },
    { path: '/a/a/b', reason: null },
    { path: '/a/b/a/b/a/b', reason: 'trap-repeating-path' },
    { path: '/x/y/x/z/x/w/x/', reason: 'trap-repeating-path' },
    {
      path: `/${'a1/b2/c3/d4/e5/f6/'.split('').join('')}${Array.from({ length: 20 }, (_, i) => `s${i}`).join('/')}`,
      reason: 'trap-deep-path',
    },
    { path: `/p?${Array.from({ length: 13 }, (_, i) => `k${i}=1`).join('&')}`, reason: 'trap-many-parameters' },
    { path: '/p?f=1&f=2&f=3&f=4', reason: 'trap-repeating-parameter' },
    { path: '/calendar/2031/05/', reason: 'trap-calendar' },
    { path: '/events?month=1802-03', reason: 'trap-calendar' },
    { path: '/calendar/2026/05/', reason: null },
    { path: '/history/1802/03/', reason: null },
  ]) {
    test(path.slice(0, 50), () => assert.equal(trapReason(`https://a.example${path}`, now), reason));
  }
});

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

test('links into traps have their reason in the ledger', async (t) => {
  const queries = Array.from({ length: maxQueries + 3 }, (_, n) => `<a href="/search?q=${n}">x</a>`).join('');
  const site = await startSite({
    routes: {
      '/': `<a href="/a/b/a/b/a/b/">x</a><a href="/calendar/2199/01/">x</a>${queries}`,
      '/search': '<p>Nothing was found for what was asked.</p>',
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, corpus);
  const reasons = Object.values(corpus.pages());
  const count = (reason: string): number => reasons.filter((other) => other === reason).length;
  assert.deepEqual(['fetched', 'trap-repeating-path', 'trap-calendar', 'trap-many-queries'].map(count), [
    1 + maxQueries,
    1,
    1,
    3,
  ]);
});

test('a host that has no end is left at its limit', async (t) => {
  let pages = 0;
  const site = await startSite({
    routes: Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [
        `/${n}`,
        (_req: unknown, res: import('node:http').ServerResponse) => {
          pages += 1;
          res.writeHead(200, { 'content-type': 'text/html' }).end(`<a href="/${n + 1}">on</a>`);
        },
      ]),
    ),
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl({ ...own, seeds: [`${site.url}/0`], corpusDir: corpus.dir, maxPagesPerHost: 10 }, corpus);
  assert.equal(pages, 10);
  assert.equal(corpus.pages()['/10'], 'trap-host-limit');
  assert.equal(summary.stoppedBy, 'finished');
});
