/** What a shared crawl of two real textbooks (test/textbooks, or the folder of sites in `LAIT_TEXTBOOKS`) takes: bytes a page and a pair, in the store and in the folder that collects. */
import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crawl } from '../crawler/crawl.ts';
import { collect } from '../crawler/shared/collect.ts';
import { sharedWork } from '../crawler/shared/shared-work.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { startSite } from '../test/helpers/site.ts';
import { startPostgres } from '../test/scale/postgres-server.ts';

const folder = process.env.LAIT_TEXTBOOKS ?? join(import.meta.dirname, '../test/textbooks');

/** Each site is served so often, under addresses of its own. */
const copies = 20;

export async function benchSizes(root: string): Promise<void> {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const all = Array.from({ length: copies }, () => names).flat();
  const sites = await Promise.all(all.map(({ name }) => startSite({ folder: join(folder, name) })));
  const postgres = await startPostgres();
  try {
    const url = postgres.newDatabase();
    const corpusDir = mkdtempSync(join(root, 'sizes-'));
    const seeds = sites.map((site) => `${site.url}/index.html`);
    const options = { allowPrivate: true, minDelayMs: 0, latencyFactor: 0, render: 'never' } as const;
    await crawl({ ...options, seeds, corpusDir }, { openWork: sharedWork({ url, corpusDir }) });
    const ledger = Ledger.open(corpusDir);
    const size = (): number => {
      ledger.db.pragma('wal_checkpoint(TRUNCATE)');
      return statSync(join(corpusDir, 'ledger.db')).size;
    };
    const empty = size();
    await collect({ url, corpusDir }, { ledger });
    const count = (table: string): number => ledger.db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    const [pages, images, pairs] = [count('pages'), count('images'), count('pairs')];
    const record = Number(postgres.sql(url, 'SELECT sum(octet_length(outcomes)) FROM lait.batches'));
    const batches = Number(postgres.sql(url, 'SELECT count(*) FROM lait.batches'));
    console.log(`${pages} pages, ${images} pictures, ${pairs} pairs in ${batches} batches`);
    const rows = [
      ['the record in PostgreSQL', record],
      ['ledger.db', size() - empty],
    ] as const;
    for (const [what, bytes] of rows) {
      console.log(`${what}: ${Math.round(bytes / pairs)} bytes a pair, ${Math.round(bytes / pages)} a page`);
    }
    ledger.close();
  } finally {
    postgres.stop();
    await Promise.all(sites.map((site) => site.close()));
  }
}
