/**
 * A URL whose reading ends the process: what the system does to who takes too much memory, and a fault in native code, is here
 * done by the site, which kills whoever asks it for a certain picture or page.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { crawl } from '../../crawler/crawl.ts';
import { retry } from '../../crawler/retry.ts';
import { openWorkers } from '../../crawler/workers/workers.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never', concurrency: 4 } as const;

/** URLs that were leased when a process ended. */
function leased(dir: string): string[] {
  const db = new Database(join(dir, 'frontier.db'), { readonly: true });
  const urls = db.prepare('SELECT url FROM urls WHERE state = 1').pluck().all() as string[];
  db.close();
  return urls.map((url) => new URL(url).pathname);
}

test('what ends the process is asked alone, given up, and asked once more by a retry', async (t) => {
  let kill = (): void => {};
  const names = Array.from({ length: 12 }, (_, n) => `/${n}.jpg`);
  const shown = [...names.slice(0, 6), '/deadly.jpg', ...names.slice(6)];
  const routes: Record<string, Route> = {
    '/': `<main><h1>Boats</h1>${shown.map((path) => `<figure><img src="${path}" width="640" height="480" alt="The boat called ${path.slice(1, -4)}"></figure>`).join('')}
      <a href="/deadly.html">on</a></main>`,
    '/deadly.jpg': () => kill(),
    '/deadly.html': () => kill(),
  };
  for (const [n, path] of names.entries()) routes[path] = await picture(n);
  const site = await startSite({ routes, delayMs: 2 });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  const killedCrawl = async (): Promise<void> => {
    const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'crawl-child.ts')], {
      env: { ...process.env, CRAWL_OPTIONS: JSON.stringify(options) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    kill = () => void child.kill('SIGKILL');
    const signal = await new Promise((resolve) => child.once('exit', (_, by) => resolve(by)));
    assert.equal(signal, 'SIGKILL');
  };

  await killedCrawl();
  assert.ok(leased(corpus.dir).length > 1, 'it was one of many');
  // As after some deaths more, for what is to blame and for what was always under way with it.
  const frontier = new Database(join(corpus.dir, 'frontier.db'));
  frontier.exec(`UPDATE urls SET deaths = 4 - (state = 1) WHERE url LIKE '%/deadly.%' OR url LIKE '%/11.jpg'`);
  await killedCrawl();
  assert.deepEqual(leased(corpus.dir), ['/deadly.jpg']);
  frontier.exec(`UPDATE urls SET deaths = 5 WHERE url LIKE '%/deadly.html'`);
  frontier.close();

  await crawl(options, corpus);
  const success = Object.fromEntries(names.map((path) => [path, 'success']));
  assert.deepEqual(corpus.images(), { ...success, '/deadly.jpg': 'process-died' });
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/deadly.html': 'process-died' });
  assert.deepEqual([site.hits.get('/deadly.jpg'), site.hits.get('/deadly.html')], [2, undefined]);

  routes['/deadly.jpg'] = await picture(20);
  routes['/deadly.html'] = '<main><p>As harmless as the others.</p></main>';
  assert.deepEqual(await retry({ corpusDir: corpus.dir, reasons: ['process-died'] }, corpus), { pages: 1, images: 1 });
  await crawl({ ...options, seeds: [] }, corpus);
  assert.deepEqual(corpus.images(), { ...success, '/deadly.jpg': 'success' });
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/deadly.html': 'fetched' });
});

test('a page by which lait fails is given up after as many runs, and none that met a full disk', async (t) => {
  const site = await startSite({
    routes: {
      '/': '<main><a href="/a">a</a> <a href="/b">b</a></main>',
      '/a': '<main><p>A</p></main>',
      '/b': '<main><p>B</p></main>',
    },
  });
  const corpus = temporaryCorpus();
  const workers = openWorkers({ threads: 1 });
  t.after(async () => {
    await workers.close();
    corpus.remove();
    await site.close();
  });
  let failure: Error = Object.assign(new Error('no room'), { code: 'ENOSPC' });
  const failing: typeof workers = {
    ...workers,
    run: (name, input) =>
      typeof input !== 'string' && input.url.endsWith('/a') ? Promise.reject(failure) : workers.run(name, input),
  };
  const run = () => crawl({ ...own, seeds: [site.url], corpusDir: corpus.dir }, { ...corpus, workers: failing });
  for (let time = 0; time < 6; time++) await assert.rejects(run, failure);
  failure = new TypeError('a fault of lait');
  const frontier = new Database(join(corpus.dir, 'frontier.db'));
  frontier.exec(
    `CREATE TRIGGER full BEFORE UPDATE OF deaths ON urls WHEN new.deaths > old.deaths BEGIN SELECT raise(ABORT, 'full'); END`,
  );
  await assert.rejects(run, failure, 'the fault is told, and not that it could not be counted');
  frontier.exec('DROP TRIGGER full');
  frontier.close();
  for (let time = 0; time < 5; time++) await assert.rejects(run, failure);
  await run();
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/a': 'process-died', '/b': 'fetched' });
});
