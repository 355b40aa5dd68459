/**
 * `npm run test:interop`: our files in other people's tools, and theirs in ours. Makes a virtual environment from PyPI in
 * the cache (the first time takes minutes), exports a small corpus in every format, lets `check.py` read it with webdataset,
 * wids, datasets, pyarrow and mlcroissant, `check_warc.py` kept pages with warcio and pywb's indexer, and `check_scale.py` what a worker tells Prometheus
 * and what Kubernetes is given (a compose file is read by Go's compose-go, where there is Go), and reads, imports and trains on what webdataset, img2dataset and datasets wrote. Not part of
 * `npm test`. LAIT_INTEROP_VENV is an environment that has everything already and is used as it is. With LAIT_INTEROP_OPEN_CLIP, an interpreter that has open_clip, its loader runs too; with LAIT_INTEROP_TORCH, one that has torch, follow.ts; with
 * LAIT_INTEROP_DATACOMP, a checkout of DataComp, and LAIT_INTEROP_DATACOMP_PYTHON, an interpreter that has what its scripts import, check_datacomp.py.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { crawlMetrics } from '../../cli/crawl-metrics.ts';
import { serveMetrics } from '../../cli/metrics.ts';
import { withCleanup } from '../../dataset/cleanup.ts';
import { exportShards } from '../../dataset/export/export.ts';
import { importDataset } from '../../dataset/import/import.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { readShards } from '../../dataset/shards/reader.ts';
import { checkpoints } from '../../model/train/checkpoint.ts';
import { writeMixedCorpus } from '../dataset/mixed-corpus.ts';
import { writeSmallCorpus } from '../dataset/small-corpus.ts';
import { writeKeptPages } from './kept-pages.ts';

const here = new URL('.', import.meta.url).pathname;
const cache = process.env.LAIT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lait');
const venv = process.env.LAIT_INTEROP_VENV ?? join(cache, 'interop');
const python = join(venv, 'bin/python');

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      HF_HUB_OFFLINE: '1',
      HF_DATASETS_CACHE: join(root, 'hf'),
      HF_HOME: join(root, 'hf'),
      CROISSANT_CACHE: join(root, 'croissant'), // it knows an archive by its path in the set alone: not shared with other sets
    },
  });
  if (error !== undefined) throw error;
  assert.equal(status, 0, `${command} ${args[0]} ended with ${status}`);
}

/** Finds regions in shards as they are, untouched, and trains three steps on them, by the commands. */
function train(tool: string, folder: string): void {
  const corpus = join(root, `trained-${tool}`);
  mkdirSync(join(corpus, 'shards/train'), { recursive: true });
  const tars = readdirSync(folder).filter((name) => name.endsWith('.tar'));
  for (const tar of tars) copyFileSync(join(folder, tar), join(corpus, 'shards/train', tar));
  writeFileSync(join(corpus, 'lait.yaml'), 'regions:\n  detector: patches\n');
  const lait = (...args: string[]) =>
    run(process.execPath, [join(here, '../../cli/lait.mjs'), ...args, '--corpus', corpus]);
  lait('regions');
  lait('pretrain', '--steps', '3', '--batch-size', '4', '--vocabulary-size', '200');
  const [newest = ''] = checkpoints(join(corpus, 'runs/pretrain')).slice(-1);
  assert.match(newest, /step-0*3$/);
  console.log(`ok  shards of ${tool} train here: three steps`);
}

/** Gives every pair a language and scores, as models would. */
function scoreAll(corpusDir: string): void {
  const ledger = Ledger.open(corpusDir);
  ledger.db.exec(`UPDATE pairs SET language = 'en', language_score = 0.9;
    INSERT INTO scores SELECT id, 'match/relevance@interop', (row_number() OVER (ORDER BY id) * 37 % 100) / 100.0 FROM pairs;
    INSERT OR IGNORE INTO scores SELECT sha256, 'image/unsafe@interop', 0.1 FROM images WHERE sha256 IS NOT NULL;
    INSERT OR IGNORE INTO scores SELECT sha256, 'image/watermark@interop', (width % 10) / 10.0 FROM images WHERE sha256 IS NOT NULL`);
  ledger.close();
}

/** What a worker tells that has written some, in a crawl of a dozen hosts. */
async function writeMetrics(file: string): Promise<void> {
  const metrics = crawlMetrics();
  metrics.observe({
    leaseSeconds: 120,
    counts: {
      pages: { fetched: 3, failed: 1 },
      images: { success: 2 },
      reasons: { 'http-404': 1 },
      ...{ unrendered: 0, rendered: 1, bytes: 1e6 },
    },
    now: () => ({ worker: '7', hosts: 2, inFlight: 1, queued: 40, beatAgeSeconds: 0.5 }),
    hosts: async () => ({ ready: 2, resting: 5, putOff: 1, held: 4, lagSeconds: 0.25 }),
  });
  await withCleanup(async (defer) => {
    const url = await serveMetrics('0', metrics, defer);
    writeFileSync(file, await (await fetch(url)).text());
  });
}

const root = mkdtempSync(join(tmpdir(), 'lait-interop-'));
try {
  if (process.env.LAIT_INTEROP_VENV === undefined && !existsSync(join(venv, 'ready'))) {
    mkdirSync(cache, { recursive: true });
    run('python3', ['-m', 'venv', venv]);
    run(python, ['-m', 'pip', 'install', '--quiet', '-r', join(here, 'requirements.txt')]);
    writeFileSync(join(venv, 'ready'), '');
  }
  const corpusDir = join(root, 'corpus');
  await writeSmallCorpus(corpusDir, { images: 60, failed: 5, sidePx: 180 });
  scoreAll(corpusDir);
  const outs = ['webdataset', 'parquet', 'jsonl'] as const;
  for (const format of outs) {
    await exportShards({ corpusDir, outDir: join(root, format), format, samplesPerShard: 20, validationFraction: 0.2 });
  }
  const foreign = join(root, 'foreign');
  mkdirSync(foreign);
  run(python, [join(here, 'check.py'), ...outs.map((format) => join(root, format)), foreign]);
  const mixedCorpus = join(root, 'mixed-corpus');
  const images = await writeMixedCorpus(mixedCorpus);
  const mixed = outs.map((format) => join(root, `mixed-${format}`));
  for (const [i, format] of outs.entries()) {
    const all = { samplesPerShard: 16, validationFraction: 0, encode: 'original' } as const;
    await exportShards({ corpusDir: mixedCorpus, outDir: mixed[i]!, format, ...all });
  }
  run(python, [join(here, 'check_mixed.py'), ...mixed, String(images)]);
  const datacomp = process.env.LAIT_INTEROP_DATACOMP;
  if (datacomp !== undefined) {
    const interpreter = process.env.LAIT_INTEROP_DATACOMP_PYTHON ?? python;
    run(interpreter, [join(here, 'check_datacomp.py'), datacomp, join(root, 'webdataset'), join(root, 'datacomp')]);
  }
  const archive = join(root, 'pages.warc.gz');
  await writeKeptPages(archive);
  run(python, [join(here, 'check_warc.py'), archive]);
  const metrics = join(root, 'metrics.txt');
  await writeMetrics(metrics);
  run(python, [join(here, 'check_scale.py'), metrics, join(here, '../../deploy/kubernetes.yaml')]);
  if (spawnSync('go', ['version']).status === 0) {
    process.env.BIRDS_DB_PASSWORD = 'password';
    run('go', ['-C', join(here, 'compose'), 'run', '.', join(here, '../../deploy/compose.yaml')]);
  } else console.log('--  no Go: the compose file is not read');
  const openClip = process.env.LAIT_INTEROP_OPEN_CLIP;
  if (openClip !== undefined) run(openClip, [join(here, 'check_open_clip.py'), join(root, 'webdataset')]);

  // An interpreter that has torch and safetensors: PyTorch learns as our step does.
  const torch = process.env.LAIT_INTEROP_TORCH;
  if (torch !== undefined) run(process.execPath, ['--import', 'tsx', join(here, 'follow.ts'), torch]);

  const bad: string[] = [];
  const onBad = ({ reason }: { reason: string }) => bad.push(reason);
  const texts: string[] = [];
  for await (const { fields } of readShards({ paths: foreign, onBad })) texts.push(fields.txt!.toString());
  assert.deepEqual([texts.length, bad], [10, []]);
  console.log('ok  our reader iterates shards of Python webdataset:', texts.length);
  train('webdataset', foreign);
  const shards = await importDataset({ from: 'webdataset', paths: foreign }, { outDir: join(root, 'imported') });
  assert.deepEqual([shards.splits.train!.samples, shards.failed], [10, {}]);
  console.log('ok  our import takes shards of Python webdataset:', shards.splits.train!.samples);
  run(python, [join(here, 'check_croissant.py'), join(root, 'imported/croissant.json'), '10']);
  const theirs = join(foreign, 'img2dataset');
  if (existsSync(theirs)) {
    const downloaded = await importDataset(
      { from: 'webdataset', paths: theirs },
      { outDir: join(root, 'imported-i2d') },
    );
    assert.deepEqual([downloaded.splits.train!.samples, downloaded.failed], [8, {}]);
    train('img2dataset', theirs);
    console.log('ok  our import takes shards of img2dataset:', downloaded.splits.train!.samples);
  }
  const paths = [join(foreign, 'train-00000-of-00001.parquet')];
  const table = await importDataset({ from: 'parquet', paths }, { outDir: join(root, 'imported-parquet') });
  assert.deepEqual([table.splits.train!.samples, table.failed], [10, {}]);
  console.log('ok  our import takes parquet of Hugging Face datasets:', table.splits.train!.samples);
} finally {
  rmSync(root, { recursive: true, force: true });
}
