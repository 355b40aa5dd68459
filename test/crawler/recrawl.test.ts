/** Visiting again: what is asked, what is done when nothing changed, what is marked when a page is gone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { Frontier } from '../../crawler/frontier/frontier.ts';
import { takedown, undoTakedown } from '../../dataset/export/takedown.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
const hourMs = 3_600_000;

test('a recrawl asks conditionally, reads what changed, marks what is gone', async (t) => {
  const asked: string[] = [];
  const links = ['/etag.html', '/same.html', '/changed.html', '/gone.html', '/error.html'];
  const page = (name: string): string =>
    `<main><h1>${name}</h1><p><img src="/i.jpg" alt="A picture on ${name}"></p></main>`;
  const routes: Record<string, Route> = {
    '/': links.map((path) => `<a href="${path}">x</a>`).join(''),
    '/etag.html': (req, res) => {
      asked.push(String(req.headers['if-none-match']));
      if (req.headers['if-none-match'] === '"1"') res.writeHead(304).end();
      else res.writeHead(200, { etag: '"1"', 'content-type': 'text/html' }).end(page('etag'));
    },
    '/same.html': page('same'),
    '/changed.html': page('changed'),
    '/gone.html': page('gone'),
    '/error.html': page('error'),
    '/i.jpg': await picture(1),
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  await crawl(options, corpus);
  const before = corpus.pairs();
  assert.equal(before.filter((pair) => pair.includes(' | alt | ')).length, 5);

  const nothing = await crawl({ ...options, recrawl: 'due' }, corpus);
  assert.deepEqual(nothing.pages, {});

  routes['/changed.html'] = page('changed anew');
  routes['/gone.html'] = { status: 410 };
  routes['/error.html'] = { status: 500 };
  const again = await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.deepEqual(again.pages, { unchanged: 3, fetched: 1, failed: 2 });
  assert.deepEqual(asked, ['undefined', '"1"']);
  assert.deepEqual(corpus.pages(), {
    '/': 'unchanged',
    '/changed.html': 'fetched',
    '/error.html': 'http-500',
    '/etag.html': 'unchanged',
    '/gone.html': 'gone',
    '/same.html': 'unchanged',
  });
  const after = corpus.pairs();
  assert.deepEqual(
    before.filter((pair) => !after.includes(pair)),
    [],
  );
  const gone = corpus.ledger.db.prepare(`SELECT text, gone FROM pairs WHERE gone IS NOT NULL AND source = 'alt'`).raw();
  assert.deepEqual(gone.all().sort(), [
    ['A picture on changed', 'not-on-page'],
    ['A picture on gone', 'page-gone'],
  ]);
  assert.ok(after.includes('/i.jpg | alt | A picture on changed anew | /changed.html'));
  assert.equal(site.hits.get('/i.jpg'), 2);

  const runs = readFileSync(join(corpus.dir, 'runs.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    runs.map(({ stoppedBy, pages }) => [stoppedBy, pages.fetched ?? 0]),
    [
      ['finished', 6],
      ['finished', 0],
      ['finished', 1],
    ],
  );
});

test('a takedown that is undone after a visit gives its pairs again, though no page has changed', async (t) => {
  const page: Route = (req, res) => {
    if (req.headers['if-none-match'] === '"1"') res.writeHead(304).end();
    else {
      res.writeHead(200, { etag: '"1"', 'content-type': 'text/html' });
      res.end('<main><h1>Boats</h1><p><img src="/i.jpg" alt="A boat"><img src="/k.jpg" alt="A kayak"></p></main>');
    }
  };
  const routes = { '/': page, '/i.jpg': await picture(1), '/k.jpg': await picture(2) };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  await crawl(options, corpus);
  const before = corpus.pairs();
  const { sha256 } = corpus.ledger.db.prepare(`SELECT sha256 FROM images WHERE url LIKE '%/k.jpg'`).get() as {
    sha256: string;
  };
  for (const names of [{ urls: [`${site.url}/i.jpg`] }, { sha256s: [sha256] }]) {
    await takedown({ corpusDir: corpus.dir, ...names });
    await crawl({ ...options, recrawl: 'all' }, corpus);
    assert.equal(corpus.pairs().length, before.length / 2);
    await undoTakedown({ corpusDir: corpus.dir, ...names });
    await crawl({ ...options, recrawl: 'all' }, corpus);
    assert.deepEqual(corpus.pairs(), before);
  }
});

test('only pages whose time has come are due', (t) => {
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const frontier = Frontier.open(corpus.dir);
  const urls = ['https://a.example/1', 'https://a.example/2'];
  frontier.add(urls.map((url) => ({ url, kind: 'page', depth: 0, priority: 0 })));
  for (const [index, claim] of frontier.claim(2, 0, 2).entries()) {
    frontier.setRevisit(claim.id, { intervalMs: (index + 1) * hourMs, hash: '' }, 0);
    frontier.finish(claim, 0);
  }
  assert.equal(frontier.queueDue(hourMs - 1), 0);
  assert.equal(frontier.queueDue(hourMs), 1);
  assert.equal(frontier.queueDue(hourMs), 0);
  assert.equal(frontier.queueDue(Number.POSITIVE_INFINITY), 1);
  assert.equal(frontier.queued(), 2);
  frontier.close();
});
