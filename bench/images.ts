/**
 * Images a second, beside img2dataset on the same list of URLs, each image with bytes of its own:
 * - originals: `importUrlList` and `crawl` (robots.txt, rights, full decode, SHA-256, perceptual hash, raw segments, ledger)
 *   against img2dataset with re-encoding switched off, which neither decodes nor hashes;
 * - 256 pixels: the same crawl and then an export of JPEGs of quality 95 with a shorter side of 256, against img2dataset
 *   making those;
 * - stored at 256 pixels: a crawl that stores those in place of the originals, and an export that copies them, against the same.
 *   node --import tsx bench/images.ts [IMAGES=2000] [PYTHON] [ROUNDS=3]
 * PYTHON is an interpreter that has img2dataset; without it lait runs alone. Rounds alternate; medians are compared. The
 * time of img2dataset is its own, without the start of Python; its CPU time is that of all its processes.
 *
 * Who downloads millions waits for no start: `after the start` is what the last nine tenths of the list take, by a run of the first tenth and one
 * of all, on both sides. A crawl of a tenth that is not counted comes first, so that lait's compiled code is no part of the difference, and
 * each picture is asked for once, so that the site's is none.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crawl } from '../crawler/crawl.ts';
import type { CrawlOptions } from '../crawler/crawl-options.ts';
import { queueUrlList } from '../crawler/input/url-list.ts';
import { exportShards } from '../dataset/export/export.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore } from '../dataset/ledger/raw-store.ts';
import { markFinished, recipeId } from '../dataset/ledger/recipes.ts';
import { recordVerdicts } from '../dataset/ledger/verdicts.ts';

const [images, python, rounds] = [Number(process.argv[2] ?? 2000), process.argv[3], Number(process.argv[4] ?? 3)];
const home = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'lait-images-'));
const site = spawn(
  process.execPath,
  ['--import', 'tsx', join(home, 'bench/crawl-site.ts'), String(Math.ceil(images / 6))],
  { cwd: home, stdio: ['pipe', 'pipe', 'inherit'] },
);
const url = await new Promise<string>((resolve) => site.stdout.once('data', (line) => resolve(String(line).trim())));
const rows = Array.from(
  { length: images },
  (_, n) => `${url}/i${Math.floor(n / 6)}-${n % 6}.jpg,A picture number ${n}`,
);
/** A list of the first pictures. */
interface List {
  readonly file: string;
  readonly images: number;
}
function listOf(count: number): List {
  const file = join(work, `${count}.csv`);
  writeFileSync(file, `url,caption\n${rows.slice(0, count).join('\n')}\n`);
  return { file, images: count };
}
const [all, tenth] = [listOf(images), listOf(Math.ceil(images / 10))];
for (const row of rows) await (await fetch(row.split(',')[0]!)).arrayBuffer();

interface Timed {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function timed(run: () => Promise<unknown>): Promise<Timed> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 };
}

/** Crawls the list into a new corpus and exports it; with `storeSide` it is stored as it is exported. */
async function lait(
  corpusDir: string,
  list: List,
  stored: Pick<CrawlOptions, 'storeSide'> = {},
): Promise<{ readonly crawled: Timed; readonly exported: Timed }> {
  const ledger = Ledger.open(corpusDir);
  const raw = openRawStore(corpusDir);
  const crawled = await timed(async () => {
    await queueUrlList({ corpusDir, file: list.file }, { ledger });
    const summary = await crawl(
      { seeds: [], corpusDir, allowPrivate: true, minDelayMs: 0, concurrency: 32, ...stored },
      { ledger, raw },
    );
    if (summary.images.success !== list.images) throw new Error(`${summary.images.success} of ${list.images} images`);
  });
  const ids = ledger.db.prepare('SELECT id FROM pairs').pluck().all() as string[];
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: {} }]);
  recordVerdicts(
    ledger,
    recipe,
    ids.map((id) => ({ id, droppedBy: null, reason: null })),
  );
  markFinished(ledger, recipe, true);
  raw.close();
  ledger.close();
  const exported = await timed(() =>
    exportShards({ corpusDir, resize: 'keep_ratio', sizePx: 256, quality: 95, samplesPerShard: 1000 }),
  );
  return { crawled, exported };
}

const script = `
import resource, sys, time
from img2dataset import download
if __name__ == "__main__":
    reencode = dict(image_size=256, resize_mode="keep_ratio", encode_format="jpg", encode_quality=95)
    start = time.perf_counter()
    download(url_list=sys.argv[1], input_format="csv", url_col="url", caption_col="caption", output_folder=sys.argv[2],
        output_format="webdataset", processes_count=2, thread_count=32, number_sample_per_shard=int(sys.argv[4]), enable_wandb=False,
        retries=0, **(reencode if sys.argv[3] == "256" else dict(disable_all_reencoding=True)))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print("seconds", time.perf_counter() - start, "cpu", sum(one.ru_utime + one.ru_stime for one in used))
`;
writeFileSync(join(work, 'i2d.py'), script);

function img2dataset(list: List, mode: 'original' | '256'): Timed {
  const out = join(work, 'out');
  // Both of its processes have work to the end.
  const samplesPerShard = Math.min(1000, Math.ceil(list.images / 4));
  const printed = execFileSync(python!, [join(work, 'i2d.py'), list.file, out, mode, String(samplesPerShard)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  rmSync(out, { recursive: true });
  const [, seconds, cpuSeconds] = /seconds ([\d.]+) cpu ([\d.]+)/.exec(printed)!.map(Number);
  return { seconds: seconds!, cpuSeconds: cpuSeconds! };
}

/** What a task took, by its name, for each list in turn. */
const runs = new Map<string, Map<List, Timed[]>>();
const add = (name: string, list: List, ...parts: readonly Timed[]): void => {
  const sum = (key: keyof Timed): number => parts.reduce((total, part) => total + part[key], 0);
  const ofName = runs.get(name) ?? new Map<List, Timed[]>();
  const known = ofName.get(list) ?? [];
  runs.set(name, ofName.set(list, [...known, { seconds: sum('seconds'), cpuSeconds: sum('cpuSeconds') }]));
};
const corpusDir = join(work, 'corpus');
for (const stored of [{}, { storeSide: 256 }]) {
  await lait(corpusDir, tenth, stored);
  rmSync(corpusDir, { recursive: true });
}
for (let round = 0; round < rounds; round++) {
  for (const list of [tenth, all]) {
    const { crawled, exported } = await lait(corpusDir, list);
    rmSync(corpusDir, { recursive: true });
    add('lait, originals', list, crawled);
    if (python !== undefined) add('img2dataset, originals', list, img2dataset(list, 'original'));
    add('lait, originals and 256 px', list, crawled, exported);
    const small = await lait(corpusDir, list, { storeSide: 256 });
    rmSync(corpusDir, { recursive: true });
    add('lait, stored at 256 px', list, small.crawled, small.exported);
    if (python !== undefined) add('img2dataset, 256 px', list, img2dataset(list, '256'));
  }
}
const median = (name: string, list: List, key: keyof Timed): number => {
  const values = runs
    .get(name)!
    .get(list)!
    .map((run) => run[key]);
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
};
const rate = (name: string, key: keyof Timed): number => images / median(name, all, key);
const rateAfterStart = (name: string, key: keyof Timed): number =>
  (all.images - tenth.images) / (median(name, all, key) - median(name, tenth, key));
console.table(
  Object.fromEntries(
    [...runs.keys()].map((name) => [
      name,
      {
        'images/s': Math.round(rate(name, 'seconds')),
        'images/CPU s': Math.round(rate(name, 'cpuSeconds')),
        'images/s after the start': Math.round(rateAfterStart(name, 'seconds')),
        'images/CPU s after the start': Math.round(rateAfterStart(name, 'cpuSeconds')),
      },
    ]),
  ),
);
if (python !== undefined) {
  for (const [ours, theirs] of [
    ['lait, originals', 'img2dataset, originals'],
    ['lait, originals and 256 px', 'img2dataset, 256 px'],
    ['lait, stored at 256 px', 'img2dataset, 256 px'],
  ] as const) {
    const ratio = (of: typeof rate, key: keyof Timed): string => (of(ours, key) / of(theirs, key)).toFixed(2);
    console.log(
      `${ours}: ${ratio(rate, 'seconds')} of img2dataset's images/s, ${ratio(rate, 'cpuSeconds')} of its images/CPU s; ` +
        `after the start ${ratio(rateAfterStart, 'seconds')} and ${ratio(rateAfterStart, 'cpuSeconds')}`,
    );
  }
}
site.stdin.end();
rmSync(work, { recursive: true });
