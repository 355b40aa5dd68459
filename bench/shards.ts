/**
 * `node --import tsx bench/shards.ts`: reading and writing shards beside Python webdataset and a plain tar-stream loop.
 * Every row is a process of its own over the same 3,000 samples (512×384 JPEG, made here); samples a second of wall time
 * and of CPU time, all threads counted, since a busy machine changes the first and not the second. The Python rows need
 * LAIT_PYTHON, an interpreter with webdataset and Pillow (`npm run test:interop` makes one); without it they are left out.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { extract } from 'tar-stream';
import { exportShards } from '../dataset/export/export.ts';
import { squarePixels } from '../dataset/image/square-pixels.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore } from '../dataset/ledger/raw-store.ts';
import { markFinished, recipeId } from '../dataset/ledger/recipes.ts';
import { recordVerdicts } from '../dataset/ledger/verdicts.ts';
import { pairId } from '../dataset/pair.ts';
import { readShards } from '../dataset/shards/reader.ts';

const samples = 3000;

/** A smooth random picture: as many bytes as a photograph of this size (about 50 kB). */
async function picture(): Promise<Buffer> {
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 60 };
  const rough = sharp({ create: { width: 64, height: 48, channels: 3, background: 'gray', noise } });
  const smooth = await rough.png({ compressionLevel: 1 }).toBuffer();
  return sharp(smooth).resize(512, 384).jpeg({ quality: 90 }).toBuffer();
}

/** A screened corpus, to be exported. */
async function makeCorpus(corpusDir: string): Promise<void> {
  const ledger = Ledger.open(corpusDir);
  const raw = openRawStore(corpusDir);
  const judged = [];
  for (let i = 0; i < samples; i++) {
    const url = `https://bench.example/${i}.jpg`;
    const text = `A picture of nothing much, number ${i} of many that look alike`;
    const bytes = await picture();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const page = { url: `https://bench.example/${i}`, status: 'fetched' as const, title: 'Bench', fetchedAtMs: 0 };
    ledger.recordPage(page, [{ url, texts: [{ source: 'alt', text }] }]);
    const measured = { format: 'jpeg', width: 512, height: 384, frames: 1, phash: sha256.slice(0, 16) };
    const stored = { ...measured, byteLength: bytes.length, sha256, ...raw.append({ sha256, format: 'jpg', bytes }) };
    ledger.recordImage({ url, status: 'success', fetchedAtMs: 0, stored });
    judged.push({ id: pairId(url, text), droppedBy: null, reason: null });
  }
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: {} }]);
  recordVerdicts(ledger, recipe, judged);
  markFinished(ledger, recipe, true);
  raw.close();
  ledger.close();
}

/** What each row of our own does in its process; returns how many samples it had. */
const runs: Readonly<Record<string, (folder: string) => Promise<number>>> = {
  async raw(folder) {
    let count = 0;
    let bytes = 0;
    for await (const { fields } of readShards({ paths: join(folder, 'shards/train') })) {
      count += 1;
      bytes += fields.jpg!.length;
    }
    if (bytes === 0) throw new Error('nothing was read');
    return count;
  },
  async 'raw-100'(folder) {
    const shards = readdirSync(join(folder, 'shards/train')).filter((name) => name.endsWith('.tar'));
    const paths = Array.from({ length: 100 }, (_, i) => join(folder, 'shards/train', shards[i % shards.length]!));
    let count = 0;
    for await (const _ of readShards({ paths })) count += 1;
    return count;
  },
  async 'tar-stream'(folder) {
    let count = 0;
    for (const name of readdirSync(join(folder, 'shards/train')).filter((one) => one.endsWith('.tar'))) {
      const path = join(folder, 'shards/train', name);
      let key = '';
      for await (const entry of createReadStream(path, { highWaterMark: 1 << 20 }).pipe(extract())) {
        const chunks: Buffer[] = [];
        for await (const chunk of entry) chunks.push(chunk as Buffer);
        const next = entry.header.name.slice(0, entry.header.name.indexOf('.'));
        if (next !== key) count += 1;
        key = next;
      }
    }
    return count;
  },
  async decode(folder) {
    let count = 0;
    const underWay = new Set<Promise<void>>();
    for await (const { fields } of readShards({ paths: join(folder, 'shards/train') })) {
      const job = squarePixels(fields.jpg!, 256).then((pixels) => {
        if (pixels?.length === 256 * 256 * 3) count += 1;
        underWay.delete(job);
      });
      underWay.add(job);
      if (underWay.size >= 4) await Promise.race(underWay);
    }
    await Promise.all(underWay);
    return count;
  },
  async export(folder) {
    const outDir = join(folder, 'export-again');
    const { splits } = await exportShards({ corpusDir: folder, outDir, samplesPerShard: 1000, validationFraction: 0 });
    rmSync(outDir, { recursive: true });
    return splits.train.samples;
  },
};

const python = `
import glob, io, json, resource, sys, time
import webdataset as wds
from PIL import Image
mode, folder = sys.argv[1], sys.argv[2]
started, n = time.perf_counter(), 0
cpu = time.process_time()
for s in wds.WebDataset(sorted(glob.glob(folder + "/shards/train/*.tar")), shardshuffle=False):
    if mode == "decode":
        im = Image.open(io.BytesIO(s["jpg"])).convert("RGB").resize((256, 256), Image.BILINEAR)
        assert len(im.tobytes()) == 256 * 256 * 3
    n += 1
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"n": n, "s": time.perf_counter() - started, "cpu": time.process_time() - cpu, "rss": rss}))
`;

interface Measured {
  readonly n: number;
  readonly s: number;
  readonly cpu: number;
  readonly rss: number;
}

const [mode, folder] = process.argv.slice(2);
if (mode !== undefined && folder !== undefined) {
  const started = performance.now();
  const before = process.cpuUsage();
  const n = await runs[mode]!(folder);
  const { user, system } = process.cpuUsage(before);
  const s = (performance.now() - started) / 1000;
  console.log(JSON.stringify({ n, s, cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS }));
} else await compare();

async function compare(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'lait-bench-'));
  try {
    mkdirSync(root, { recursive: true });
    await makeCorpus(root);
    await exportShards({ corpusDir: root, samplesPerShard: 1000, validationFraction: 0 });
    const ours = (run: string) => measure(process.execPath, ['--import', 'tsx', import.meta.filename, run, root]);
    const theirs = (run: string) => {
      const interpreter = process.env.LAIT_PYTHON;
      return interpreter === undefined ? null : measure(interpreter, ['-c', python, run, root]);
    };
    const rows: [string, Measured | null][] = [
      ['raw: lait', ours('raw')],
      ['raw: tar-stream loop', ours('tar-stream')],
      ['raw: webdataset', theirs('raw')],
      ['decode to 256²: lait, 4 in flight', ours('decode')],
      ['decode to 256²: webdataset, PIL', theirs('decode')],
      ['export, bytes kept', ours('export')],
      ['raw, 100 shards: lait', ours('raw-100')],
    ];
    console.log(
      '| run | samples | samples/s | samples per CPU second | peak RSS MB |\n| --- | --- | --- | --- | --- |',
    );
    for (const [name, measured] of rows) {
      if (measured === null) continue;
      const { n, s, cpu, rss } = measured;
      console.log(`| ${name} | ${n} | ${(n / s).toFixed(0)} | ${(n / cpu).toFixed(0)} | ${(rss / 1024).toFixed(0)} |`);
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The middle of three runs by CPU time. */
function measure(command: string, args: readonly string[]): Measured {
  const results = Array.from({ length: 3 }, () => {
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Measured;
  });
  return results.sort((a, b) => a.cpu - b.cpu)[1]!;
}
