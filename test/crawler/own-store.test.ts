/** A crawl that is given no store of image bytes opens its own, under its own lock, and leaves a running crawl's bytes alone. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { CorpusBusy, lockCorpus } from '../../crawler/frontier/run-lock.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';

let site: Site;
let dir = '';
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lait-own-store-'));
  site = await startSite({
    routes: { '/': '<main><img src="/boat.jpg" alt="A boat on the lake"></main>', '/boat.jpg': await picture(1) },
  });
});
after(async () => {
  await site.close();
  rmSync(dir, { recursive: true, force: true });
});

test('what a killed crawl left uncommitted is cut off under the lock, and not by a crawl that does not get it', async () => {
  const corpusDir = join(dir, 'library');
  const run = async () => {
    const ledger = Ledger.open(corpusDir);
    try {
      return await crawl(
        { seeds: [site.url], corpusDir, allowPrivate: true, minDelayMs: 0, render: 'never' },
        { ledger },
      );
    } finally {
      ledger.close();
    }
  };
  assert.equal((await run()).images.success, 1);
  const segment = join(corpusDir, 'raw/000000.tar');
  const byteLength = statSync(segment).size;
  appendFileSync(segment, 'bytes of a crawl that runs, or was killed');
  const unlock = lockCorpus(corpusDir);
  await assert.rejects(run(), CorpusBusy);
  assert.equal(statSync(segment).size, byteLength + 41);
  unlock();
  await run();
  assert.equal(statSync(segment).size, byteLength);
});

test('lait crawl takes the lock once and keeps it to the end', async () => {
  const corpus = join(dir, 'corpus');
  rmSync(corpus, { recursive: true, force: true });
  lockCorpus(corpus)();
  const changes: string[] = [];
  const watcher = watch(join(corpus, 'locks'), (kind, name) => {
    if (kind === 'rename' && name === 'crawl.json') changes.push(kind);
  });
  const lait = join(import.meta.dirname, '../../cli/lait.mjs');
  const flags = ['--allow-private', '--min-delay-ms', '0', '--render', 'never', '--corpus', corpus];
  const child = spawn(process.execPath, [lait, 'crawl', site.url, ...flags], { stdio: 'ignore' });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
  await new Promise((resolve) => setTimeout(resolve, 50)); // what the system has yet to report
  watcher.close();
  assert.equal(changes.length, 2, 'written once and removed once');
});
