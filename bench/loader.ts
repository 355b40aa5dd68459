/**
 * `node --import tsx bench/loader.ts`: how fast training reads shards and region features, shuffled, in one thread: 2,000 samples (about 50 kB
 * of JPEG each) with 36 regions of 1,472 numbers, as CenterNet and EfficientNet-Lite2 give them. Samples a second of wall time and of CPU
 * time, the middle of five runs of one process each. With `FOLDER` as an argument it reads the corpus that lies there, or makes it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { random } from '../dataset/random.ts';
import { TarWriter } from '../dataset/shards/tar-writer.ts';
import { readExamples } from '../model/data/example.ts';
import { specialPieces, tokenizerOf } from '../model/data/tokenizer.ts';
import { extractRegions } from '../model/regions/extract.ts';
import type { Detector } from '../model/regions/region.ts';

const [samples, samplesPerShard, regionsPerImage, featureSize] = [2000, 500, 36, 1472];

/** Gives every picture other numbers, at no cost. */
const detector: Detector = {
  name: 'bench',
  model: null,
  labels: ['thing'],
  featureSize,
  batchSize: 8,
  async detect(images) {
    return images.map((image) => {
      const draw = random(image.length);
      return {
        boxes: Float32Array.from({ length: regionsPerImage * 4 }, () => draw.next()),
        labels: new Int32Array(regionsPerImage),
        confidences: new Float32Array(regionsPerImage).fill(0.5),
        features: Float32Array.from({ length: regionsPerImage * featureSize }, () => draw.next()),
      };
    });
  },
  dispose: () => {},
};

async function makeCorpus(folder: string): Promise<void> {
  mkdirSync(join(folder, 'shards/train'), { recursive: true });
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 60 };
  for (let shard = 0; shard < samples / samplesPerShard; shard += 1) {
    const tar = new TarWriter(join(folder, `shards/train/0000${shard}.tar`));
    for (let index = 0; index < samplesPerShard; index += 1) {
      const rough = sharp({ create: { width: 64, height: 48, channels: 3, background: 'gray', noise } });
      const jpg = await sharp(await rough.png().toBuffer())
        .resize(512, 384)
        .jpeg({ quality: 90 })
        .toBuffer();
      const key = `${shard}${String(index).padStart(5, '0')}`;
      tar.add(key, { jpg, txt: Buffer.from(`a red car of the number ${key}`), json: Buffer.from('{"uid":"x"}') });
    }
    tar.commit();
  }
  await extractRegions({ shards: join(folder, 'shards'), outDir: join(folder, 'regions/bench'), detector });
}

async function readOnce(folder: string) {
  const tokenizer = tokenizerOf([...specialPieces, ...'abcdefghijklmnopqrstuvwxyz0123456789', 'red', 'car']);
  const options = { shards: join(folder, 'shards/train'), regions: join(folder, 'regions/bench'), tokenizer };
  const [started, before] = [performance.now(), process.cpuUsage()];
  let read = 0;
  const shuffle = { seed: 1, epoch: 1 };
  for await (const _ of readExamples({ ...options, maxPieces: 41, maxRegions: 100, shuffle })) read += 1;
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - started) / 1000;
  return { read, seconds, cpuSeconds: (user + system) / 1e6, rssMb: process.resourceUsage().maxRSS / 1024 };
}

const [given, once] = process.argv.slice(2);
if (given !== undefined && once !== undefined) console.log(JSON.stringify(await readOnce(given)));
else {
  const folder = given ?? mkdtempSync(join(tmpdir(), 'lait-bench-loader-'));
  if (!existsSync(join(folder, 'shards'))) await makeCorpus(folder);
  const runs = Array.from({ length: 5 }, () => {
    const args = ['--import', 'tsx', import.meta.filename, folder, 'once'];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Awaited<ReturnType<typeof readOnce>>;
  });
  const { read, seconds, cpuSeconds, rssMb } = runs.sort((a, b) => a.cpuSeconds - b.cpuSeconds)[2]!;
  console.log('| samples | samples/s | samples per CPU second | peak RSS MB |\n| --- | --- | --- | --- |');
  console.log(`| ${read} | ${(read / seconds).toFixed(0)} | ${(read / cpuSeconds).toFixed(0)} | ${rssMb.toFixed(0)} |`);
  if (given === undefined) rmSync(folder, { recursive: true });
}
