/** Traps end in a reason: what is told from a URL alone, and what a crawl records of links that it does not follow. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { maxBarren, maxPictureless, trapReason } from '../../../crawler/policy/traps.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { startSite } from '../../helpers/site.ts';

describe('traps', () => {
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
    { path: '/calendar/2031/05/', reason: null },
    { path: '/events?month=1802-03', reason: null },
    { path: '/archive/1923/05', reason: null },
    { path: '/times/1911/11/11/11/11', reason: null },
    { path: '/1/2/1/2/1/2', reason: null },
    { path: '/history/1802/03/', reason: null },
  ]) {
    test(path.slice(0, 50), () => assert.equal(trapReason(`https://a.example${path}`), reason));
  }
});

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

/** A site whose pages are made when they are asked for; gives what is asked for besides robots.txt and the like. */
async function endless(t: TestContext, page: (path: string, query: URLSearchParams) => string) {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url!, 'http://site');
    if (/^\/(?:robots|sitemap|\.well)/.test(pathname)) return void res.writeHead(404).end();
    asked.push(req.url!);
    res.writeHead(200, { 'content-type': 'text/html' }).end(page(pathname, searchParams));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const corpus = temporaryCorpus();
  t.after(() => {
    corpus.remove();
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const seeds = [`http://127.0.0.1:${port}/`];
  // Three requests at a time, so that few are on their way when a trap shows.
  const summary = await crawl({ ...own, concurrency: 1, images: false, seeds, corpusDir: corpus.dir }, corpus);
  return { asked, summary, reasons: Object.values(corpus.pages()), pairs: corpus.pairs() };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const monthNames = Array.from({ length: 12 }, (_, n) => new Date(2026, n, 1).toLocaleString('en', { month: 'long' }));

test('links that look like traps have their reason in the ledger', async (t) => {
  const { reasons } = await endless(t, () => '<a href="/a/b/a/b/a/b/">x</a>');
  assert.deepEqual(reasons, ['fetched', 'trap-repeating-path']);
});

test('a calendar of 10,000 empty months ends soon, whatever links to what', async (t) => {
  const { asked, reasons } = await endless(t, (path) => {
    const [, year = 0, month = 1] = (/^\/calendar\/(\d+)\/(\d+)/.exec(path) ?? []).map(Number);
    if (year === 0) return `<p>Our events</p><a href="/calendar/2026/1">Calendar</a>`;
    const n = 12 * year + month - 1;
    const [before, after] = [n - 1, n + 1].map((at) => `/calendar/${Math.floor(at / 12)}/${(at % 12) + 1}`);
    const days = path.split('/').length === 4 ? range(1, 28).map((day) => `<a href="${path}/${day}">${day}</a>`) : [];
    const next = n < 12 * 2026 + 10_000 ? `<a href="${after}">Next</a>` : '';
    return `<p>${monthNames[month - 1]} ${year}: no events</p>${days.join(' ')}<a href="${before}">Previous</a>${next}`;
  });
  // 12 months and as many days have texts that are new, then 100 of each in a row have not.
  assert.ok(asked.length < 3 * (12 + maxBarren) + 28, `${asked.length} pages were asked for`);
  assert.ok(reasons.includes('trap-nothing-new'));
});

test('10,000 empty months that one page lists are not asked for', async (t) => {
  const list = range(1, 10_000).map((n) => `<a href="/month/${n}">${n}</a>`);
  const { asked, reasons } = await endless(t, (path) => (path === '/' ? list.join(' ') : '<p>No events</p>'));
  assert.ok(asked.length < maxBarren + 20, `${asked.length} pages were asked for`);
  assert.equal(reasons.filter((reason) => reason === 'trap-nothing-new').length, 10_001 - asked.length);
});

test('an archive of 150 years with new pictures is taken whole, though its lists have none and years are missing', async (t) => {
  const years = range(1850, 1999);
  const isMissing = (year: number): boolean => year >= 1914 && year <= 1918;
  const { asked, pairs, reasons } = await endless(t, (path) => {
    const [, , year = '', month = ''] = path.split('/');
    if (year === '') return years.map((one) => `<a href="/archive/${one}">${one}</a>`).join(' ');
    if (month === '')
      return range(1, 12)
        .map((one) => `<a href="/archive/${year}/${one}">${one}</a>`)
        .join(' ');
    if (isMissing(Number(year))) return '<p>No issue</p>';
    return `<p>Issue</p><main><img src="/scan/${year}-${month}.jpg" alt="The front page of an issue"></main>`;
  });
  const pictures = new Set(pairs.map((pair) => pair.split(' | ')[0]));
  assert.deepEqual([asked.length, pictures.size, new Set(reasons)], [1 + 150 + 1800, 145 * 12, new Set(['fetched'])]);
});

test('a script with thousands of pictures is taken whole, one that only searches is left', async (t) => {
  const gallery = await endless(t, (path, query) =>
    path === '/'
      ? range(1, 1500)
          .map((n) => `<a href="/view?id=${n}">${n}</a>`)
          .join(' ')
      : `<main><img src="/${query.get('id')}.jpg" alt="A picture in the gallery"></main>`,
  );
  assert.deepEqual([gallery.asked.length, gallery.pairs.length], [1501, 1500]);
  const search = await endless(t, (path, query) =>
    path === '/'
      ? range(1, 1500)
          .map((n) => `<a href="/search?q=${n}">${n}</a>`)
          .join(' ')
      : `<p>Results: ${[...(query.get('q') ?? '')].map((digit) => monthNames[Number(digit)]).join(' ')}</p>`,
  );
  assert.ok(search.asked.length < maxPictureless + 20, `${search.asked.length} pages were asked for`);
  assert.equal(search.reasons.filter((reason) => reason === 'trap-many-queries').length, 1501 - search.asked.length);
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
