/**
 * `node --import tsx bench/feed.ts`: how fast a run is fed. The loader of a pretraining run (shuffle, join by the picture's content, words
 * to pieces, masks, wrong pairs, padded arrays) reads 1,008 samples, or another number, with 50 kB of picture each, an epoch of them and three later ones, in batches of 48: once
 * with 100 regions of 1,888 numbers, once with 36 of 2,048. Beside it a PyTorch DataLoader over webdataset with the same captions and the
 * same NumPy halves (`feed.py`; its archives have no pictures, and features lie beside their captions already, so that it reads less and
 * joins nothing), and a plain read of the archives that ours reads. Every row is a process of its own; all files are in the page cache.
 * The loader is that of the package (`npm run build` first): from TypeScript each of its threads would compile it anew, for half a second.
 *
 *     PYTHON=python3 node --import tsx bench/feed.ts [--samples 4032] [100x1888] [36x2048]      PYTHON has torch, webdataset and tokenizers
 */
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { random } from '../dataset/random.ts';
import { PictureColumnWriter } from '../dataset/shards/picture-columns.ts';
import { imageHash } from '../dataset/shards/reader.ts';
import { fileChunks } from '../dataset/shards/tar-reader.ts';
import { TarWriter } from '../dataset/shards/tar-writer.ts';
import { identityStatistics } from '../model/data/feature-statistics.ts';
import { firstPosition, lengthBuckets } from '../model/data/sampler.ts';
import { specialPieceIds, specialPieces, tokenizerOf, vocabularyText } from '../model/data/tokenizer.ts';
import { type ModelConfig, presets } from '../model/net/config.ts';
import { defaultObjectives } from '../model/net/objective.ts';
import { claimColumns, regionFields } from '../model/regions/columns.ts';

const { values: flags, positionals } = parseArgs({
  options: { row: { type: 'string' }, folder: { type: 'string' }, threads: { type: 'string' }, samples: { type: 'string', default: '1008' } },
  allowPositionals: true,
}); // biome-ignore format: a table
const [samplesPerShard, pictureBytes, batchSize] = [126, 50_000, 48];
/** A number that shards and batches divide. */
const samples = Math.ceil(Number(flags.samples) / 1008) * 1008;
const batchesPerEpoch = samples / batchSize;
const dist = new URL('../dist/model/data/', import.meta.url);

interface Shape {
  readonly regions: number;
  readonly featureSize: number;
}

const shapeOf = (text: string): Shape => {
  const [regions = 0, featureSize = 0] = text.split('x').map(Number);
  return { regions, featureSize };
};

/** 5,000 words of two to nine letters, commoner ones first, and the pieces that spell them: a third of them takes two pieces. */
const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const draw = random(7);
const words = Array.from({ length: 5000 }, () =>
  Array.from({ length: 2 + draw.below(8) }, () => letters[draw.below(26)]!).join(''),
);
const vocabulary = [
  ...specialPieces,
  ...new Set([...letters, ...letters.map((one) => `##${one}`), ...words.flatMap((word, at) => (at % 3 > 0 ? [word] : [word.slice(0, 2), `##${word.slice(2)}`]))]), // biome-ignore format: one line
].filter((piece) => piece !== '##');
const caption = () =>
  Array.from({ length: 6 + draw.below(16) }, () => words[Math.floor(5000 * draw.next() ** 3)]!).join(' ');

/** The corpus as lait has it, and the same as a user of webdataset would lay it out, in `peer`. */
async function makeCorpus(folder: string, { regions: R, featureSize: D }: Shape): Promise<void> {
  const [shards, columnsDir, peer] = ['shards/train', 'regions/bench', 'peer'].map((name) => join(folder, name)) as [string, string, string]; // biome-ignore format: one line
  for (const dir of [shards, columnsDir, peer]) mkdirSync(dir, { recursive: true });
  const labels = Array.from({ length: 1600 }, (_, index) => `thing ${index}`);
  claimColumns(columnsDir, { layout: 2, name: 'bench', model: null, labels, featureSize: D, maxRegions: R });
  writeFileSync(join(folder, 'vocab.txt'), vocabularyText(tokenizerOf(vocabulary)));
  const columns = await PictureColumnWriter.open(columnsDir);
  // Normal numbers; each sample has a stretch of them.
  const numbers = Float32Array.from({ length: R * D + 65_536 }, () => draw.normal());
  for (let shard = 0; shard < samples / samplesPerShard; shard += 1) {
    const name = `${String(shard).padStart(5, '0')}.tar`;
    const [tar, peerTar] = [new TarWriter(join(shards, name)), new TarWriter(join(peer, name))];
    for (let index = 0; index < samplesPerShard; index += 1) {
      // No picture, but as many bytes: nothing here decodes one.
      const jpg = randomFillSync(Buffer.alloc(pictureBytes));
      const from = draw.below(65_536);
      const fields = regionFields({
        boxes: Float32Array.from({ length: 4 * R }, (_, at) => (at % 4 < 2 ? 0.5 : 0.6) * draw.next() + (at % 4 < 2 ? 0 : 0.4)), // biome-ignore format: one line
        labels: Int32Array.from({ length: R }, () => draw.below(1600)),
        confidences: new Float32Array(R).fill(0.5),
        features: numbers.subarray(from, from + R * D),
      });
      const key = `${shard}${String(index).padStart(5, '0')}`;
      const txt = Buffer.from(caption());
      tar.add(key, { jpg, txt });
      peerTar.add(key, { txt, ...fields });
      columns.add(imageHash(jpg), fields);
    }
    await columns.flush();
    tar.commit();
    peerTar.commit();
  }
  await columns.close();
}

interface Row {
  /** Samples a second and milliseconds of processor time a sample: of the first epoch, of later ones. */
  readonly epochs: readonly { readonly perSecond: number; readonly cpuMs: number }[];
  readonly rssMb: number;
}

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const costOf = (epochs: number, started: number, before: number) => ({
  perSecond: (1000 * epochs * samples) / (performance.now() - started),
  cpuMs: (1000 * (cpuSeconds() - before)) / (epochs * samples),
});

/** Epochs that are timed together: the first, in which everything is met, and those after it. */
const parts = [1, 3];

/** `threads` 0 makes batches in the thread that takes them. */
async function load(folder: string, shape: Shape, threads: number): Promise<Row> {
  const { openLoader } = (await import(new URL('loader.js', dist).href)) as typeof import('../model/data/loader.ts');
  const { shardSource } = (await import(new URL('source.js', dist).href)) as typeof import('../model/data/source.ts');
  const tokenizer = tokenizerOf(vocabulary);
  const { regions: maxRegions, featureSize } = shape;
  const config: ModelConfig = {
    ...presets.base,
    vocabularySize: tokenizer.size,
    maxRegions,
    featureSize,
    classes: 1600,
  };
  const { maxPieces } = config;
  const paths = { shards: join(folder, 'shards/train'), regions: join(folder, 'regions/bench') };
  const setup = { config, special: specialPieceIds(vocabulary), objectives: defaultObjectives, maxOverlap: 0.4 };
  const loader = openLoader(
    shardSource({ ...paths, tokenizer, maxPieces, maxRegions }, 1),
    {
      sampler: { batchSize, seed: 1, buckets: lengthBuckets(config) },
      from: firstPosition,
      collation: { task: 'pretrain', ...setup, cleanMatching: true },
      featureStatistics: identityStatistics(featureSize),
    },
    { threads },
  );
  const epochs = [];
  for (const count of parts) {
    const [started, before] = [performance.now(), cpuSeconds()];
    for (let batch = 0; batch < count * batchesPerEpoch; batch += 1) await loader.next();
    epochs.push(costOf(count, started, before));
  }
  await loader.close();
  return { epochs, rssMb: process.resourceUsage().maxRSS / 1024 };
}

/** Reads every byte of shards and columns, and does nothing with it. */
async function read(folder: string): Promise<Row> {
  const paths = ['shards/train', 'regions/bench'].flatMap((dir) =>
    readdirSync(join(folder, dir)).flatMap((name) => (name.endsWith('.tar') ? [join(folder, dir, name)] : [])),
  );
  const epochs = [];
  for (const count of parts) {
    const [started, before] = [performance.now(), cpuSeconds()];
    for (let epoch = 0; epoch < count; epoch += 1) for (const path of paths) for await (const _ of fileChunks(path));
    epochs.push(costOf(count, started, before));
  }
  return { epochs, rssMb: process.resourceUsage().maxRSS / 1024 };
}

function run(command: string, args: readonly string[]): Row | null {
  const { stdout, stderr, status } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1)!) as Row;
  console.error(stderr.trim());
  return null;
}

const shapes = positionals.length > 0 ? positionals : ['100x1888', '36x2048'];
if (flags.row !== undefined) {
  const folder = flags.folder!;
  const row = flags.row === 'read' ? read(folder) : load(folder, shapeOf(shapes[0]!), Number(flags.threads));
  console.log(JSON.stringify(await row));
} else {
  if (!existsSync(dist)) throw new Error('Expected the package in dist/ but it is not there; run npm run build.');
  const threads = [1, 2, 4].filter((count) => count <= Math.max(2, availableParallelism()));
  for (const shape of shapes) {
    const folder = flags.folder ?? mkdtempSync(join(tmpdir(), 'lait-bench-feed-'));
    await makeCorpus(folder, shapeOf(shape));
    console.log(`${shape}\n| | samples/s, first epoch | later ones | CPU ms a sample, first epoch | later ones | peak RSS MB |\n| --- | --- | --- | --- | --- | --- |`); // biome-ignore format: one line
    const print = (name: string, row: Row | null) => {
      const cells = row && [
        ...row.epochs.map(({ perSecond }) => perSecond.toFixed(0)),
        ...row.epochs.map(({ cpuMs }) => cpuMs.toFixed(2)),
        row.rssMb.toFixed(0),
      ];
      console.log(`| ${[name, ...(cells ?? ['failed'])].join(' | ')} |`);
    };
    const own = (...more: string[]) =>
      run(process.execPath, [
        '--import',
        'tsx',
        import.meta.filename,
        shape,
        '--folder',
        folder,
        '--samples',
        `${samples}`,
        ...more,
      ]);
    print('plain read, one thread', own('--row', 'read'));
    for (const count of [0, ...threads]) {
      const name = count === 0 ? 'lait, in the thread that trains' : `lait, ${count} thread${count > 1 ? 's' : ''}`;
      print(name, own('--row', 'load', '--threads', String(count)));
    }
    for (const count of process.env.PYTHON ? threads : []) {
      const settings = JSON.stringify({ folder, batchSize, samples, workers: count, ...shapeOf(shape), maxPieces: presets.base.maxPieces }); // biome-ignore format: one line
      print(`DataLoader, ${count} worker${count > 1 ? 's' : ''}`, run(process.env.PYTHON!, [join(import.meta.dirname, 'feed.py'), settings])); // biome-ignore format: one line
    }
    rmSync(folder, { recursive: true });
  }
}
