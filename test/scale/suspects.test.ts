/** URLs by which workers die one after the other, as by the system's end for who takes too much memory: here the site kills whoever asks. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { collect } from '../../crawler/shared/collect.ts';
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
