/** Scheduled runs of a shared crawl: each page once a run, whichever machines are there, come late, or die after they have queued what is due. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { collect } from '../../crawler/shared/collect.ts';
import { queueDue, type ScheduledRun } from '../../crawler/shared/queue-due.ts';
import { retryShared } from '../../crawler/shared/retry.ts';
import { sharedWork } from '../../crawler/shared/shared-work.ts';
import { openStore } from '../../crawler/shared/store.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { type Site, startSite } from '../helpers/site.ts';
import { noPostgres, type PostgresServer, password, startPostgres } from './postgres-server.ts';

let postgres: PostgresServer;
let site: Site;
let title = 'Old';
let link = '';
let isGone = false;
before(async () => {
  if (noPostgres) return;
  const page = (heading: string, more = ''): string =>
    `<!doctype html><title>${heading}</title><p>The harbour of ${heading}.</p>${more}`;
  postgres = await startPostgres();
  site = await startSite({
    routes: {
      '/': (_, res) =>
        void res.setHeader('content-type', 'text/html').end(page(title, `<a href="/a">a</a><a href="/b">b</a>${link}`)),
      '/a': page('A', '<a href="/b">b</a>'),
      '/b': (_, res) =>
        isGone ? void res.writeHead(404).end() : void res.setHeader('content-type', 'text/html').end(page('B')),
      '/new': page('New'),
    },
  });
});
after(async () => {
  postgres?.stop();
  await site?.close();
});

const paths = ['/', '/a', '/b', '/new'];

test('a run visits what is due once, with new links, by all machines together', { skip: noPostgres }, async (t) => {
  const url = postgres.newDatabase();
  const corpus = temporaryCorpus();
  corpus.raw.close();
  t.after(() => corpus.remove());
  const seeds = [`${site.url}/`];
  const settings = { allowPrivate: true, minDelayMs: 10, latencyFactor: 0, render: 'never', timeoutMs: 2000 } as const;
  const machine = (run?: ScheduledRun) =>
    crawl({ ...settings, seeds, corpusDir: corpus.dir }, { openWork: sharedWork({ url, corpusDir: corpus.dir, run }) });
  const hits = (): number[] => paths.map((path) => site.hits.get(path) ?? 0);
  /** The server's time, so that no clock of a test decides. */
  const now = (): Date =>
    new Date(
      postgres.sql(url, 'SELECT to_char(clock_timestamp() AT TIME ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')'),
    );

  await machine();
  assert.deepEqual(hits(), [1, 1, 1, 0]);
  // Nothing is due, a day before it is.
  await machine({ at: now(), all: false });
  assert.deepEqual(hits(), [1, 1, 1, 0]);

  title = 'Young';
  link = '<a href="/new">new</a>';
  postgres.sql(url, "UPDATE lait.revisits SET due_at = now() - interval '1 minute'");
  const first = { at: now(), all: false };
  // One that dies when it has queued what is due: the others visit it.
  const store = await openStore({ url });
  assert.equal(await queueDue(store, first), 3);
  await store.close();
  await Promise.all([machine(first), machine(first)]);
  assert.deepEqual(hits(), [2, 2, 2, 1]);
  await machine(first); // it comes late
  assert.deepEqual(hits(), [2, 2, 2, 1]);
  // What had changed is due sooner, what had not later.
  const hours = postgres.sql(
    url,
    'SELECT round(r.interval_ms / 3600000) FROM lait.revisits r JOIN lait.urls u USING (host, hash) WHERE u.kind = 0 ORDER BY u.url',
  );
  assert.deepEqual(hours.split('\n').map(Number), [19, 34, 34, 24]);

  isGone = true;
  // By the clock of a machine that is half a minute ahead.
  const second = { at: new Date(now().getTime() + 30_000), all: true };
  await Promise.all([machine(second), machine(second)]);
  await machine(second);
  assert.deepEqual(hits(), [3, 3, 3, 2]);
  assert.equal(postgres.sql(url, 'SELECT pages FROM lait.hosts'), '4');

  await collect({ corpusDir: corpus.dir, url }, corpus);
  // What was read stays, though a later visit found it unchanged, or gone.
  const rows = corpus.ledger.db.prepare('SELECT title, status, reason FROM pages ORDER BY url').raw().all();
  assert.deepEqual(rows, [
    ['Young', 'unchanged', null],
    ['A', 'unchanged', null],
    ['B', 'failed', 'gone'],
    ['New', 'unchanged', null],
  ]);
});

test('a page is asked for whole after other settings, and by a retry', { skip: noPostgres }, async (t) => {
  const url = postgres.newDatabase();
  const corpus = temporaryCorpus();
  corpus.raw.close();
  const asked: (string | undefined)[] = [];
  const tagged = await startSite({
    routes: {
      '/': (req, res) => {
        asked.push(req.headers['if-none-match']);
        res.writeHead(req.headers['if-none-match'] ? 304 : 200, { etag: '"1"', 'content-type': 'text/html' });
        res.end('<title>A</title><p>The harbour.</p>');
      },
    },
  });
  t.after(async () => {
    corpus.remove();
    await tagged.close();
  });
  const settings = { allowPrivate: true, minDelayMs: 0, render: 'never', timeoutMs: 2000 } as const;
  const work = (run?: ScheduledRun, maxDepth = 16) =>
    crawl(
      { ...settings, maxDepth, seeds: [`${tagged.url}/`], corpusDir: corpus.dir },
      { openWork: sharedWork({ url, corpusDir: corpus.dir, run }) },
    );
  let runs = 0;
  const again = (maxDepth: number) => {
    runs += 1;
    return work({ at: new Date(Date.now() + 1000 * runs), all: true }, maxDepth);
  };
  await work();
  await again(16);
  await again(15);
  await again(15);
  assert.deepEqual(asked.splice(0), [undefined, '"1"', undefined, '"1"']);

  postgres.sql(url, 'UPDATE lait.revisits SET page = (page::jsonb || \'{"reason": "needs-browser"}\')::json');
  await again(15);
  await again(15);
  assert.deepEqual(asked.splice(0), [undefined, '"1"']);

  await collect({ corpusDir: corpus.dir, url }, corpus);
  corpus.ledger.db.exec("UPDATE pages SET reason = 'http-404'");
  assert.deepEqual(await retryShared({ url, reasons: ['http-404'] }, corpus), { pages: 1, images: 0 });
  await work(undefined, 15);
  assert.deepEqual(asked, [undefined]);
});

test('the command wants a store that is there, and seeds as any crawl', { skip: noPostgres }, async (t) => {
  const corpus = temporaryCorpus();
  corpus.raw.close();
  t.after(() => corpus.remove());
  const url = postgres.newDatabase();
  for (const [line, received] of [
    [`store: ${url}\ncrawl: { seeds: ['ftp://a.example/'] }\n`, /ftp:\/\/a\.example/],
    [`store: ${url.replace(password, 'another')}\n`, /Expected user and password for postgres:/],
  ] as const) {
    writeFileSync(join(corpus.dir, 'lait.yaml'), line);
    const ran = await ranInProcess(['schedule', '--cron', '0 3 * * *', '--corpus', corpus.dir]);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, received);
  }
});
