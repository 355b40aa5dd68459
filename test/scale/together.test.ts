/** Commands on one store at once, one after the other in an odd order, and on machines where something is wrong: one line, and nothing is lost. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { lockPart } from '../../dataset/corpus-lock.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openCorpus } from '../helpers/corpus.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-together-'));
const pages = 8;
let postgres: PostgresServer;
let site: Site;
before(async () => {
  if (noPostgres) return;
  const routes: Record<string, Buffer | string> = {};
  for (let n = 0; n < pages; n++) {
    routes[`/${n}.png`] = await picture(n, { width: 500, height: 400, format: 'png' });
    routes[`/${n}`] = `<title>Boat ${n}</title><main><h1>Boat ${n}</h1><a href="/${n + 1}">on</a>
      <p><img src="/${n}.png" alt="The boat of page ${n} lies on the beach"></p></main>`;
  }
  [postgres, site] = await Promise.all([startPostgres(), startSite({ routes })]);
});
after(async () => {
  postgres?.stop();
  await site?.close();
  rmSync(root, { recursive: true, force: true });
});

function folderOf(store: string): string {
  const folder = mkdtempSync(join(root, 'corpus-'));
  writeFileSync(
    join(folder, 'lait.yaml'),
    `store: ${store}\ncrawl: { allowPrivate: true, minDelayMs: 0, render: never }\n`,
  );
  return folder;
}

const lait = async (folder: string, ...words: string[]) => {
  const { code, stdout, stderr } = await ranInProcess([...words, '--corpus', folder]);
  const lines = stderr.split('\n').filter((line) => line.startsWith('lait:'));
  return { code, stdout, stderr, lines };
};

describe('on one store', { skip: noPostgres, concurrency: false }, () => {
  test('a filter or an export while the corpus is being filtered is told who is at it', async () => {
    const folder = folderOf(postgres.newDatabase());
    writeFileSync(join(folder, 'lait.yaml'), `${readFileSync(join(folder, 'lait.yaml'))}blobs: s3://birds/together\n`);
    Ledger.open(folder).close();
    const release = lockPart(folder, 'filter');
    for (const words of [['filter', '--share'], ['export', '--share'], ['filter'], ['export']]) {
      const { code, lines } = await lait(folder, ...words);
      assert.deepEqual([code, lines.length], [2, 1], words.join(' '));
      assert.match(lines[0]!, /^lait: corpus \S+ is being written by /);
    }
    release();
  });

  test('a crawl that was moved into a folder is not begun anew by a worker', { timeout: 120_000 }, async () => {
    const store = postgres.newDatabase();
    const folder = folderOf(store);
    const seed = `${site.url}/${pages - 1}`;
    for (const words of [['work', seed], ['collect'], ['store', 'move', 'embedded']]) {
      const { code, stderr } = await lait(folder, ...words);
      assert.equal(code, 0, stderr);
    }
    for (const words of [['work', seed], ['work', '--only', 'export'], ['workers'], ['judge'], ['collect']]) {
      const { code, lines } = await lait(folder, ...words);
      assert.deepEqual([code, lines.length], [2, 1], words.join(' '));
      assert.match(
        lines[0]!,
        /its crawl was moved into a folder, and is kept as lait_moved_\w+; run `lait store move shared`/,
      );
    }
    const { code, stderr } = await lait(folder, 'store', 'move', 'shared');
    assert.equal(code, 0, stderr);
    assert.equal((await lait(folder, 'workers')).code, 0);
  });

  test('tables of an older lait get what they lack, in whatever command comes first', {
    timeout: 120_000,
  }, async () => {
    const store = postgres.newDatabase();
    const folder = folderOf(store);
    const begun = await lait(folder, 'work', `${site.url}/${pages - 2}`, '--max-pages', '1');
    assert.equal(begun.code, 0, begun.stderr);
    for (const words of [['workers'], ['collect'], ['work']]) {
      postgres.sql(
        store,
        `DROP TABLE IF EXISTS lait.revisits, lait.runs, lait.jobs, lait.filter_batches, lait.filter_jobs, lait.judges;
         ALTER TABLE lait.origins DROP COLUMN IF EXISTS key; ALTER TABLE lait.corpus DROP COLUMN IF EXISTS ledger;
         ALTER TABLE lait.workers DROP COLUMN IF EXISTS swept, DROP COLUMN IF EXISTS per_host;
         ALTER TABLE lait.queue DROP COLUMN IF EXISTS deaths, DROP COLUMN IF EXISTS asked_by`,
      );
      const { code, stderr } = await lait(folder, ...words);
      assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
    }
    const collected = await lait(folder, 'collect');
    assert.equal(collected.code, 0, collected.stderr);
    const corpus = openCorpus(folder);
    assert.deepEqual(corpus.pages(), { '/6': 'fetched', '/7': 'fetched', '/8': 'http-404' });
    corpus.close();
  });

  const mayMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt']).status === 0;
  test('a worker whose disk is full ends with one line, and what it has not written is fetched again', {
    timeout: 120_000,
    skip: mayMount ? false : 'this user may not mount a memory disk',
  }, async () => {
    const folder = folderOf(postgres.newDatabase());
    const [small, kept] = [join(root, 'small'), join(root, 'kept')];
    mkdirSync(small);
    // The mount ends with its namespace: what the worker left on it is copied out before.
    const script = `mount -t tmpfs -o size=1m tmpfs ${small} && cp ${folder}/lait.yaml ${small} && trap 'cp -r ${small} ${kept}' EXIT; ${process.execPath} ${join(import.meta.dirname, '../../cli/lait.mjs')} work ${site.url}/0 --corpus ${small}`;
    const child = spawn('unshare', ['-rm', 'bash', '-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data)); // biome-ignore format: one line
    const code = await new Promise((resolve) => child.once('close', resolve));
    assert.equal(code, 1, said);
    assert.match(
      said,
      /^lait: the disk is full, .*; what was committed is whole: make room and run the same command again\.$/m,
    );
    assert.equal(said.match(/^lait:/gm)!.length, 1, said);
    for (const words of [['work'], ['collect']]) {
      if (words[0] === 'collect') cpSync(join(kept, 'work'), join(folder, 'work'), { recursive: true });
      const again = await lait(folder, ...words);
      assert.equal(again.code, 0, again.stderr);
    }
    const corpus = openCorpus(folder);
    const names = Array.from({ length: pages }, (_, n) => `/${n}`);
    assert.deepEqual(corpus.pages(), {
      ...Object.fromEntries(names.map((name) => [name, 'fetched'])),
      [`/${pages}`]: 'http-404',
    });
    assert.deepEqual(corpus.images(), Object.fromEntries(names.map((name) => [`${name}.png`, 'success'])));
    corpus.close();
  });
});
