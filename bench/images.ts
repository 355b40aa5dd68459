/**
 * Images a second: a list of URLs on a generated site through `importUrlList` and `crawl` (robots.txt, rights, real decode,
 * SHA-256, perceptual hash, raw segments, ledger), beside img2dataset storing originals (re-encoding switched off).
 *   node --import tsx bench/images.ts [IMAGES=2000] [PYTHON]
 * PYTHON is an interpreter that has img2dataset; without it lait runs alone.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crawl } from '../crawler/crawl.ts';
import { importUrlList } from '../crawler/url-list.ts';
import { Ledger } from '../dataset/ledger.ts';
import { openRawStore } from '../dataset/raw-store.ts';

const [images, python] = [Number(process.argv[2] ?? 2000), process.argv[3]];
const home = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'lait-images-'));
const site = spawn(
  process.execPath,
  ['--import', 'tsx', join(home, 'bench/crawl-site.ts'), String(Math.ceil(images / 6))],
  {
    cwd: home,
    stdio: ['pipe', 'pipe', 'inherit'],
  },
);
const url = await new Promise<string>((resolve) => site.stdout.once('data', (line) => resolve(String(line).trim())));
const list = join(work, 'list.csv');
const rows = Array.from(
  { length: images },
  (_, n) => `${url}/i${Math.floor(n / 6)}-${n % 6}.jpg,A picture number ${n}`,
);
writeFileSync(list, `url,caption\n${rows.join('\n')}\n`);

const corpusDir = join(work, 'corpus');
const ledger = Ledger.open(corpusDir);
const raw = openRawStore(corpusDir);
let startMs = performance.now();
const cpu = process.cpuUsage();
await importUrlList({ corpusDir, file: list }, { ledger });
const summary = await crawl(
  { seeds: [], corpusDir, allowPrivate: true, minDelayMs: 0, concurrency: 32 },
  { ledger, raw },
);
const seconds = (performance.now() - startMs) / 1000;
const used = process.cpuUsage(cpu);
raw.close();
ledger.close();
const cpuSeconds = (used.user + used.system) / 1e6;
console.log(
  `lait         ${summary.images.success} images  ${(images / seconds).toFixed(0)} images/s  ${(images / cpuSeconds).toFixed(0)} images/CPU s`,
);

if (python !== undefined) {
  const script = `
import json, resource, sys
from img2dataset import download
if __name__ == "__main__":
    download(url_list=sys.argv[1], input_format="csv", url_col="url", caption_col="caption", output_folder=sys.argv[2],
        output_format="webdataset", disable_all_reencoding=True, processes_count=2, thread_count=32,
        number_sample_per_shard=1000, enable_wandb=False, retries=0)
`;
  writeFileSync(join(work, 'i2d.py'), script);
  startMs = performance.now();
  execFileSync(python, [join(work, 'i2d.py'), list, join(work, 'out')], { stdio: 'ignore' });
  console.log(
    `img2dataset  ${(images / ((performance.now() - startMs) / 1000)).toFixed(0)} images/s, start-up included`,
  );
}
site.stdin.end();
rmSync(work, { recursive: true });
