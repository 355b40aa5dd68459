/**
 * One crawl of a benchmark site with all manners but the pause, by the package as users install it (`npm run build` first):
 *   node bench/crawl-lait.mjs URL [CONCURRENCY=20] [images]
 * `images` downloads them too. Plain JavaScript: what runs TypeScript as it is takes a thread, memory and start of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crawl, Ledger } from 'lait/crawler';
import { openRawStore } from 'lait/dataset';

const [url, concurrency, images] = [process.argv[2], Number(process.argv[3] ?? 20), process.argv[4] === 'images'];
const dir = mkdtempSync(join(tmpdir(), 'lait-bench-'));
const ledger = Ledger.open(dir);
const raw = openRawStore(dir);
const startMs = performance.now();
const cpu = process.cpuUsage();
const summary = await crawl(
  { seeds: [url], corpusDir: dir, allowPrivate: true, minDelayMs: 0, concurrency, images, render: 'auto' },
  { ledger, raw },
);
const seconds = (performance.now() - startMs) / 1000;
const used = process.cpuUsage(cpu);
raw.close();
ledger.close();
rmSync(dir, { recursive: true });
console.log(
  JSON.stringify({
    pages: summary.pages.fetched,
    images: images ? summary.images.success : summary.pairs,
    seconds,
    cpuSeconds: (used.user + used.system) / 1e6,
    rssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  }),
);
