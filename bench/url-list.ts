/** Rows of a list of URLs a second, and memory, beside reading the same file alone: `node --import tsx bench/url-list.ts FILE`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listRows } from '../crawler/input/list-rows.ts';
import { queueUrlList } from '../crawler/input/url-list.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';

const [file = ''] = process.argv.slice(2);
const report = (what: string, rows: number, sinceMs: number): void =>
  console.log(
    `${what}: ${rows} rows, ${Math.round((rows / (performance.now() - sinceMs)) * 1000)} rows/s, ${Math.round(process.memoryUsage.rss() / 1e6)} MB`,
  );

const readMs = performance.now();
let read = 0;
for await (const _ of listRows(file)) read += 1;
report('read', read, readMs);

const corpusDir = mkdtempSync(join(tmpdir(), 'lait-bench-list-'));
const ledger = Ledger.open(corpusDir);
try {
  const queueMs = performance.now();
  let shown = 0;
  const onProgress = (rows: number): void => {
    if (rows < shown + 100_000) return;
    shown = rows;
    report('queue', rows, queueMs);
  };
  const { rows } = await queueUrlList({ corpusDir, file }, { ledger, onProgress });
  report('queue', rows, queueMs);
} finally {
  ledger.close();
  rmSync(corpusDir, { recursive: true, force: true });
}
