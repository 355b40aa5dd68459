/** Files of rights: how long they are believed, what a passing failure means, and what a crawl does by RSL licences. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { extractAgain } from '../../../crawler/extract-again.ts';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { openFetcher } from '../../../crawler/fetch/fetch.ts';
import { openOriginRules } from '../../../crawler/fetch/origin-rules.ts';
import { Frontier } from '../../../crawler/frontier/frontier.ts';
import { defaultManners } from '../../../crawler/policy/politeness.ts';
import { openWorkers } from '../../../crawler/workers/workers.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { type Route, startSite } from '../../helpers/site.ts';

const hourMs = 3_600_000;
const tdmrepPath = '/.well-known/tdmrep.json';
const reserving = '[{"location":"/","tdm-reservation":1}]';
const prohibiting = (url: string): string =>
  `<rsl xmlns="https://rslstandard.org/rsl"><content url="${url}"><license><prohibits type="usage">ai-train</prohibits></license></content></rsl>`;
const xml = (body: string): Route => ({ headers: { 'content-type': 'application/rsl+xml' }, body });

const workers = openWorkers();
// Starting takes a while, which the clocks of these tests would count.
before(() => workers.run('robots', ''));
after(() => workers.close());

describe('a file of rights', () => {
  const failing: Route = { status: 503 };
  const steps: {
    name: string;
    answers: readonly Route[];
    expected: { afterMs: number; says: string; asked: number }[];
  }[] = [
    {
      name: 'that fails once is asked for again, and nothing is fetched before',
      answers: [failing, reserving],
      expected: [
        { afterMs: 0, says: 'policy-file-unreachable', asked: 1 },
        { afterMs: 1900, says: 'policy-file-unreachable', asked: 1 },
        { afterMs: 2100, says: 'reserves', asked: 2 },
        { afterMs: 20 * hourMs, says: 'reserves', asked: 2 },
      ],
    },
    {
      name: 'that goes on failing holds nothing up after the fifth time, and is asked for again in an hour',
      answers: [failing, failing, failing, failing, failing, reserving],
      expected: [
        { afterMs: 0, says: 'policy-file-unreachable', asked: 1 },
        { afterMs: 3000, says: 'policy-file-unreachable', asked: 2 },
        { afterMs: 10_000, says: 'policy-file-unreachable', asked: 3 },
        { afterMs: 30_000, says: 'policy-file-unreachable', asked: 4 },
        { afterMs: 60_000, says: 'nothing', asked: 5 },
        { afterMs: hourMs, says: 'nothing', asked: 5 },
        { afterMs: hourMs + 61_000, says: 'reserves', asked: 6 },
      ],
    },
    {
      name: 'that was read before holds while it fails',
      answers: [reserving, failing, '[]'],
      expected: [
        { afterMs: 0, says: 'reserves', asked: 1 },
        { afterMs: 24 * hourMs + 1000, says: 'reserves', asked: 2 },
        { afterMs: 24 * hourMs + 9000, says: 'nothing', asked: 3 },
      ],
    },
    {
      name: 'that is too large to read is no file that is not there',
      answers: [{ headers: { 'content-type': 'application/json' }, body: ' '.repeat(1_000_001) }, reserving],
      expected: [
        { afterMs: 0, says: 'policy-file-unreachable', asked: 1 },
        { afterMs: 3000, says: 'reserves', asked: 2 },
      ],
    },
    {
      name: 'in broken compression, too',
      answers: [{ headers: { 'content-encoding': 'br' }, body: 'no brotli' }, reserving],
      expected: [
        { afterMs: 0, says: 'policy-file-unreachable', asked: 1 },
        { afterMs: 3000, says: 'reserves', asked: 2 },
      ],
    },
    {
      name: 'for which a large page comes is not there',
      answers: [{ headers: { 'content-type': 'text/html' }, body: ' '.repeat(1_000_001) }, reserving],
      expected: [
        { afterMs: 0, says: 'nothing', asked: 1 },
        { afterMs: 3000, says: 'nothing', asked: 1 },
      ],
    },
    {
      name: 'that is not there says nothing for a day',
      answers: [{ status: 404 }, reserving],
      expected: [
        { afterMs: 0, says: 'nothing', asked: 1 },
        { afterMs: 24 * hourMs - 1000, says: 'nothing', asked: 1 },
        { afterMs: 24 * hourMs + 1000, says: 'reserves', asked: 2 },
      ],
    },
  ];
  for (const { name, answers, expected } of steps) {
    for (const again of [false, true]) {
      test(`${name}${again ? ', in a later run too' : ''}`, async (t) => {
        const routes: Record<string, Route> = { '/robots.txt': 'User-agent: *\nDisallow:\n' };
        const site = await startSite({ routes });
        const corpus = temporaryCorpus();
        const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1');
        let frontier = Frontier.open(corpus.dir);
        t.after(async () => {
          frontier.close();
          corpus.remove();
          await Promise.all([fetcher.close(), site.close()]);
        });
        const startMs = Date.parse('2026-01-01');
        t.mock.timers.enable({ apis: ['Date'], now: startMs });
        let rulesOf = openOriginRules(frontier, fetcher, { manners: defaultManners, workers });
        for (const { afterMs, says, asked } of expected) {
          t.mock.timers.setTime(startMs + afterMs);
          if (again) {
            frontier.close();
            frontier = Frontier.open(corpus.dir);
            rulesOf = openOriginRules(frontier, fetcher, { manners: defaultManners, workers });
          }
          routes[tdmrepPath] = answers[site.hits.get(tdmrepPath) ?? 0]!;
          const rules = await rulesOf(site.url);
          const summary = rules.kind !== 'rules' ? rules.reason : rules.tdmrep.length > 0 ? 'reserves' : 'nothing';
          assert.equal(summary, says);
          assert.equal(site.hits.get(tdmrepPath), asked);
        }
      });
    }
  }
});

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

test('a crawl waits for a TDMRep file that fails at first', async (t) => {
  let asked = 0;
  const site = await startSite({
    routes: {
      '/': '<main><p><img src="/i.jpg" alt="A picture of a boat at sea"></p></main>',
      '/i.jpg': await picture(1),
      [tdmrepPath]: (_req, res) => {
        asked += 1;
        res.writeHead(asked === 1 ? 503 : 200);
        res.end('[{"location":"/i.jpg","tdm-reservation":1}]');
      },
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  await crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, corpus);
  assert.deepEqual(corpus.images(), { '/i.jpg': 'rights-tdm-reservation' });
  assert.equal(asked, 2);
});

test('a crawl reads licences wherever they are named, each once', async (t) => {
  const page = (alt: string): string => `<main><p><img src="/free/${alt.length}.jpg" alt="${alt}"></p></main>`;
  let busy = 0;
  const site = await startSite({
    routes: {
      '/robots.txt': 'License: /l.xml\nUser-agent: *\nDisallow:\n',
      '/l.xml': xml(prohibiting('/art/*.jpg$')),
      '/': `<main><p><img src="/art/a.jpg" alt="A picture of the licensed folder"><img src="/free/b.jpg" alt="A picture that is free">
        <img src="/linked.jpg" alt="A picture with a header"></p></main>
        <a href="/linked.html">l</a> <a href="/header.html">h</a> <a href="/inline.html">i</a> <a href="/gone.html">g</a> <a href="/other.html">o</a>`,
      '/linked.html': `<link rel="license" type="application/rsl+xml" href="/all.xml">${page('A picture of a linking page')}`,
      '/header.html': {
        headers: { link: '</all.xml>; rel="license"; type="application/rsl+xml"' },
        body: page('A picture of a page with a header'),
      },
      '/inline.html': `<script type="application/rsl+xml">${prohibiting('')}</script>${page('A picture of a page with its licence')}`,
      // A licence that is not there says nothing, one that is there and busy is waited for.
      '/gone.html': `<link rel="license" type="application/rsl+xml" href="/none.xml">${page('A picture of a page without')}`,
      '/other.html': `<link rel="license" type="application/rsl+xml" href="/busy.xml">${page('A picture behind a busy file')}`,
      '/all.xml': xml(prohibiting('/')),
      '/busy.xml': (_req, res) => {
        busy += 1;
        res.writeHead(busy === 1 ? 503 : 200);
        res.end(prohibiting('/other.html'));
      },
      '/art/a.jpg': await picture(1),
      '/free/b.jpg': await picture(2),
      '/free/27.jpg': await picture(3),
      '/linked.jpg': {
        headers: { link: '</all.xml>; rel="license"; type="application/rsl+xml"', 'content-type': 'image/jpeg' },
        body: await picture(4),
      },
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
    '/gone.html': 'fetched',
    '/header.html': 'rights-rsl',
    '/inline.html': 'rights-rsl',
    '/linked.html': 'rights-rsl',
    '/other.html': 'rights-rsl',
  });
  assert.deepEqual(corpus.images(), {
    '/art/a.jpg': 'rights-rsl',
    '/free/27.jpg': 'success',
    '/free/b.jpg': 'success',
    '/linked.jpg': 'rights-rsl',
  });
  assert.deepEqual(
    ['/l.xml', '/all.xml', '/none.xml', '/busy.xml'].map((path) => site.hits.get(path)),
    [1, 1, 1, 2],
  );
  const rights = corpus.ledger.db.prepare(`SELECT rights FROM images WHERE url LIKE '%/art/a.jpg'`).pluck().get();
  assert.deepEqual(JSON.parse(rights as string), {
    rsl: `${site.url}/l.xml {"url":"/art/*.jpg$","server":false,"licences":[{"permits":null,"prohibits":["ai-train"],"conditional":false}]}`,
  });
});

test('a page that was kept and reserves its rights later is not read again', async (t) => {
  const routes: Record<string, Route> = {
    '/': '<main><p><img src="/i.jpg" alt="A picture of a boat at sea"></p></main>',
    '/i.jpg': await picture(1),
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir, keepPages: true };
  const gone = (): unknown[] => corpus.ledger.db.prepare('SELECT DISTINCT gone FROM pairs').pluck().all();
  await crawl(options, corpus);
  assert.deepEqual(await extractAgain({ corpusDir: corpus.dir }, corpus), { pages: 1, queued: 0, unread: 0 });
  assert.deepEqual(gone(), [null]);
  routes['/'] = `<script type="application/rsl+xml">${prohibiting('')}</script>${routes['/']}`;
  await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.deepEqual(corpus.pages(), { '/': 'rights-rsl' });
  assert.deepEqual(gone(), ['page-refused']);
  assert.deepEqual(await extractAgain({ corpusDir: corpus.dir }, corpus), { pages: 0, queued: 0, unread: 0 });
  assert.deepEqual(gone(), ['page-refused']);
});
