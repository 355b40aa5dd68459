/** URLs by which workers die one after the other, as by the system's end for who takes too much memory: here the site kills whoever asks. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { collect } from '../../crawler/shared/collect.ts';
import { enter, reap } from '../../crawler/shared/lease.ts';
import { openSharedCorpus } from '../../crawler/shared/schema.ts';
import { sharedWork } from '../../crawler/shared/shared-work.ts';
import { openStore, type Store } from '../../crawler/shared/store.ts';
import { noteAlone, takenPerHost } from '../../crawler/shared/suspects.ts';
import { takeHosts } from '../../crawler/shared/take.ts';
import { queueUrls } from '../../crawler/shared/write.ts';
import { openWorkers, type Workers } from '../../crawler/workers/workers.ts';
import { withCleanup } from '../../dataset/cleanup.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';

let postgres: PostgresServer;
before(async () => {
  if (!noPostgres) postgres = await startPostgres();
});
after(() => postgres?.stop());

test('a URL by which workers die is asked alone, then given up, and nothing else is', {
  skip: noPostgres,
  timeout: 240_000,
}, async (t) => {
  let worker: ChildProcess | undefined;
  const names = Array.from({ length: 5 }, (_, n) => `/${n}.jpg`);
  const shown = [...names.slice(0, 2), '/deadly.jpg', ...names.slice(2)];
  const figure = (path: string) =>
    `<figure><img src="${path}" width="640" height="480" alt="The boat called ${path.slice(1, -4)}"></figure>`;
  const routes: Record<string, Route> = {
    '/': `<main><h1>Boats</h1>${shown.map(figure).join('')}<a href="/more">more</a></main>`,
    '/more': '<main><p>Here is more to read of boats.</p></main>',
    '/deadly.jpg': () => void worker?.kill('SIGKILL'),
  };
  for (const [n, path] of names.entries()) routes[path] = await picture(n + 1);
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  const folder = temporaryCorpus();
  t.after(async () => {
    worker?.kill('SIGKILL');
    await site.close();
    corpus.remove();
    folder.remove();
  });
  const store = postgres.newDatabase();
  const options = {
    ...{
      allowPrivate: true,
      minDelayMs: 0,
      render: 'never',
      timeoutMs: 5000,
      seeds: [site.url],
      corpusDir: folder.dir,
    },
    store: { url: store, corpusDir: folder.dir, leaseMs: 8000 },
  };
  const run = async (): Promise<string> => {
    const arguments_ = ['--import', 'tsx', join(import.meta.dirname, 'work-child.ts')];
    const env = { ...process.env, WORK_OPTIONS: JSON.stringify(options) };
    worker = spawn(process.execPath, arguments_, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    worker.stdout!.on('data', (data: Buffer) => (said += data)); // biome-ignore format: one line
    const signal = await new Promise((resolve) => worker!.once('close', (_, by) => resolve(by)));
    // Nobody has heard of the dead one for as long as a lease.
    postgres.sql(store, `UPDATE lait.workers SET seen_at = now() - interval '1 hour' WHERE ended_at IS NULL`);
    return typeof signal === 'string' ? signal : said;
  };
  const ends: string[] = [];
  while (ends.length < 9 && (ends.length === 0 || ends.at(-1) === 'SIGKILL')) ends.push(await run());
  assert.match(ends.at(-1)!, /"stoppedBy":"finished","queued":0/, ends.join(' '));
  assert.equal(site.hits.get('/deadly.jpg'), 5);
  assert.equal(ends.length, 6);

  corpus.raw.close();
  cpSync(join(folder.dir, 'work'), join(corpus.dir, 'work'), { recursive: true });
  await collect({ corpusDir: corpus.dir, url: store }, corpus);
  const success = Object.fromEntries(names.map((path) => [path, 'success']));
  assert.deepEqual(corpus.images(), { ...success, '/deadly.jpg': 'process-died' });
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/more': 'fetched' });
});

test('a page by which workers of a shared crawl end for a fault of ours is given up', {
  skip: noPostgres,
  timeout: 120_000,
}, async (t) => {
  const site = await startSite({
    routes: {
      '/': '<main><a href="/broken">broken</a><a href="/whole">whole</a></main>',
      '/broken': '<main><p>broken</p></main>',
      '/whole': '<main><p>whole</p></main>',
    },
  });
  const corpus = temporaryCorpus();
  const threads = openWorkers();
  t.after(async () => {
    await site.close();
    await threads.close();
    corpus.remove();
  });
  const workers: Workers = {
    ahead: threads.ahead,
    close: async () => {},
    run: async (name, input) => {
      if (typeof input === 'object' && 'url' in input && String(input.url).endsWith('/broken'))
        throw new TypeError('a fault of ours');
      return threads.run(name, input);
    },
  };
  const store = postgres.newDatabase();
  const options = { allowPrivate: true, minDelayMs: 0, latencyFactor: 0, render: 'never', timeoutMs: 5000 } as const;
  const run = (): Promise<string> =>
    crawl(
      { ...options, corpusDir: corpus.dir, seeds: [site.url] },
      { workers, openWork: sharedWork({ url: store, corpusDir: corpus.dir, leaseMs: 8000 }) },
    ).then(
      ({ stoppedBy }) => stoppedBy,
      (error: Error) => error.message,
    );
  const ends: string[] = [];
  while (ends.length < 9 && ends.at(-1) !== 'finished') ends.push(await run());
  assert.deepEqual(ends, [...Array<string>(5).fill('a fault of ours'), 'finished']);
  await collect({ corpusDir: corpus.dir, url: store }, corpus);
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/broken': 'process-died', '/whole': 'fetched' });
});

/** Hosts with so many pages each. */
async function queued(t: TestContext, { hosts, pages }: { readonly hosts: number; readonly pages: number }) {
  const url = postgres.newDatabase();
  const store = await openStore({ url, onlyLookups: true });
  t.after(() => store.close());
  await openSharedCorpus(store, { create: true, leaseMs: 60_000 });
  const urls = Array.from({ length: hosts * pages }, (_, n) => `https://${n % hosts}.example/${Math.floor(n / hosts)}`);
  await queueUrls(
    store,
    urls.map((one) => ({ url: one, kind: 'page', depth: 0, priority: 0 })),
  );
  return { url, store };
}

/** A worker takes all hosts, begins what `begin` says, and dies. */
async function death(
  store: Store,
  { hosts, requests, begin }: { hosts: number; requests: number; begin?: (worker: string) => Promise<void> },
): Promise<void> {
  const perHost = takenPerHost(requests);
  const lease = await enter(store, 'birds', { perHost });
  await takeHosts(store, lease, { hosts, perHost });
  await begin?.(lease.id);
  await store.query(`UPDATE lait.workers SET seen_at = now() - interval '1 hour' WHERE id = $1`, [lease.id]);
  assert.equal(await reap(store, 60_000), 1);
}

const suspected = async (store: Store): Promise<number[]> =>
  (await store.query<{ deaths: number }>('SELECT deaths FROM lait.queue WHERE deaths > 0 ORDER BY seq')).map(
    ({ deaths }) => deaths,
  );

test('all that a worker could have under way at a host is suspected', { skip: noPostgres }, async (t) => {
  const { store } = await queued(t, { hosts: 1, pages: 70 });
  await death(store, { hosts: 1, requests: 60 });
  assert.deepEqual(await suspected(store), Array(60).fill(1));
  const last = async (worker: string): Promise<void> => {
    const [row] = await store.query<{ urlHost: string; hash: string }>(
      'SELECT url_host AS "urlHost", hash FROM lait.queue ORDER BY seq OFFSET 59 LIMIT 1',
    );
    await noteAlone(store, worker, row!);
  };
  await death(store, { hosts: 1, requests: 60, begin: last });
  assert.deepEqual(await suspected(store), [...Array(59).fill(1), 2], 'one that was alone is why');
});

test('one death makes no more suspects than can be asked alone', { skip: noPostgres }, async (t) => {
  const { store } = await queued(t, { hosts: 300, pages: 8 });
  await death(store, { hosts: 300, requests: 1 });
  assert.deepEqual(await suspected(store), Array(256).fill(1));
  await death(store, { hosts: 300, requests: 1 });
  assert.deepEqual(await suspected(store), Array(256).fill(2), 'the same');
  await death(store, { hosts: 300, requests: 1 });
  assert.deepEqual((await suspected(store)).sort(), [...Array(256).fill(1), ...Array(256).fill(2)]);
});

test('one that was to be asked alone and was put back is suspected of nothing more', {
  skip: noPostgres,
}, async (t) => {
  const { url, store } = await queued(t, { hosts: 1, pages: 1 });
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  await store.query('UPDATE lait.queue SET deaths = 2');
  const alone = async (): Promise<number> => (await store.query('SELECT FROM lait.queue WHERE asked_by > 0')).length;
  await withCleanup(async (defer) => {
    const settings = { perHost: 1, takeImages: true, keepPages: false, timeoutMs: 1000, minDelayMs: 0 };
    const work = await sharedWork({ url, corpusDir: corpus.dir })(settings, defer);
    // Its host is taken.
    assert.deepEqual(await work.claim(10), []);
    for (const until of ['now', 'next-run'] as const) {
      const [claim] = await work.claim(10);
      assert.equal(await alone(), 1);
      await work.giveBack(claim!, until);
      assert.equal(await alone(), 0);
    }
  });
});
