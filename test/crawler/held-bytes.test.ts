/** What is fetched and not committed is bounded by its bytes: heavy pictures while another program writes to the ledger. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { crawl } from '../../crawler/crawl.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const pictures = 9;
const concurrency = 3;

test('while the ledger is held no more requests begin than memory allows, and all goes on afterwards', async (t) => {
  // A small picture, and then what no decoder reads.
  const heavy = Buffer.concat([await picture(1), Buffer.alloc(40_000_000)]);
  const other = (dir: string): Database.Database => new Database(join(dir, 'ledger.db'));
  let holder: Database.Database | undefined;
  let asked = 0;
  let lastMs = 0;
  const shown = Array.from({ length: pictures }, (_, n) => `/boat-${n}.jpg`);
  const routes: Record<string, Route> = {
    '/robots.txt': 'User-agent: *\nDisallow: /sitemap.xml\n',
    '/': `<main>${shown.map((path, n) => `<figure><img src="${path}" width="640" height="480" alt="Boat number ${n}"></figure>`).join('')}</main>`,
  };
  const corpus = temporaryCorpus();
  for (const path of shown) {
    routes[path] = (_req, res) => {
      if (holder === undefined) {
        holder = other(corpus.dir);
        holder.exec('BEGIN IMMEDIATE');
      }
      asked += 1;
      lastMs = performance.now();
      res.writeHead(200, { 'content-type': 'image/jpeg' });
      res.end(heavy);
    };
  }
  const site = await startSite({ routes });
  t.after(async () => {
    holder?.close();
    corpus.remove();
    await site.close();
  });
  const running = crawl(
    { seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never', concurrency },
    corpus,
  );
  while (asked === 0 || performance.now() - lastMs < 1500) await new Promise((resolve) => setTimeout(resolve, 50));
  // Four make 128 MB and more; those that were under way come to their end.
  assert.ok(asked <= 4 + concurrency, `${asked} pictures were asked for`);
  holder!.exec('ROLLBACK');
  assert.equal((await running).queued, 0);
  assert.deepEqual(new Set(Object.values(corpus.images())), new Set(['success']));
});
