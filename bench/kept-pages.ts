/**
 * Pages kept as WARC: bytes a page on disk beside its HTML, and pages a second when all are read once more. The generated site of
 * bench/crawl.ts is crawled first, without images.
 *   node --import tsx bench/kept-pages.ts [--pages 500]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crawl } from '../crawler/crawl.ts';
import { extractAgain } from '../crawler/extract-again.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore } from '../dataset/ledger/raw-store.ts';

const { values } = parseArgs({ options: { pages: { type: 'string', default: '500' } } });
const site = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'crawl-site.ts'), values.pages], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const [url] = (await once(site.stdout, 'data')) as [Buffer];
const dir = mkdtempSync(join(tmpdir(), 'lait-bench-'));
const ledger = Ledger.open(dir);
const raw = openRawStore(dir);
const cpuSeconds = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6;
try {
  const options = { seeds: [`${String(url).trim()}/p0.html`], corpusDir: dir, allowPrivate: true, minDelayMs: 0 };
  const crawlCpu = process.cpuUsage();
  const summary = await crawl({ ...options, images: false, keepPages: true }, { ledger, raw });
  const crawling = cpuSeconds(process.cpuUsage(crawlCpu));
  const kept = statSync(join(dir, 'pages', '000000.warc.gz')).size;
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const { pages } = await extractAgain({ corpusDir: dir }, { ledger });
  console.table([
    {
      pages,
      'HTML bytes a page': Math.round(summary.bytes / pages),
      'WARC bytes a page': Math.round(kept / pages),
      'extracted pages/s': Math.round((1000 * pages) / (performance.now() - startMs)),
      'extracted pages/CPU s': Math.round(pages / cpuSeconds(process.cpuUsage(cpu))),
      'crawl CPU s': crawling,
    },
  ]);
} finally {
  raw.close();
  ledger.close();
  rmSync(dir, { recursive: true });
  site.kill();
}
