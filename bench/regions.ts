/**
 * How fast detectors turn images into regions, decoding included, next to tfjs's own way of running the same network (op by
 * op, one image at a time). `node --import tsx bench/regions.ts FOLDER [COUNT]`: the first COUNT images of a folder (64).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { centerNet } from '../model/regions/centernet.ts';
import { patches } from '../model/regions/patches.ts';
import { decodePixels } from '../model/regions/pixels.ts';
import type { Detector } from '../model/regions/region.ts';
import { nativeBackend, tf } from '../model/runtime/backend.ts';

const [folder, count = '64'] = process.argv.slice(2);
if (!folder) throw new Error('Give a folder with images.');
const names = readdirSync(folder).filter((name) => /\.(jpe?g|png|webp)$/i.test(name));
const images = names.slice(0, Number(count)).map((name) => readFileSync(join(folder, name)));

interface Row {
  readonly detector: string;
  readonly batch: number;
  readonly 'wall ms/image': string;
  readonly 'CPU ms/image': string;
  readonly 'regions/image': string;
  readonly D: number;
}

async function measure(
  name: string,
  batch: number,
  D: number,
  run: (images: Buffer[]) => Promise<number>,
): Promise<Row> {
  await run(images.slice(0, batch));
  const cpu = process.cpuUsage();
  const start = performance.now();
  let regions = 0;
  for (let first = 0; first < images.length; first += batch) regions += await run(images.slice(first, first + batch));
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return {
    detector: name,
    batch,
    'wall ms/image': (wall / images.length).toFixed(1),
    'CPU ms/image': ((user + system) / 1000 / images.length).toFixed(1),
    'regions/image': (regions / images.length).toFixed(1),
    D,
  };
}

async function measureDetector(detector: Detector): Promise<Row> {
  const { name, batchSize, featureSize } = detector;
  const row = await measure(name, batchSize, featureSize, async (some) => {
    const found = await detector.detect(some);
    return found.reduce((sum, one) => sum + (one?.labels.length ?? 0), 0);
  });
  detector.dispose();
  return row;
}

/** The same network as tfjs runs it: no features of regions, no suppression. */
async function measureEager(path: string): Promise<Row> {
  const json = JSON.parse(readFileSync(path, 'utf8'));
  const bytes = readFileSync(join(dirname(path), json.weightsManifest[0].paths[0]));
  const model = await tf.loadGraphModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest[0].weights,
      weightData: Uint8Array.from(bytes).buffer,
      signature: json.signature,
    }),
  });
  const row = await measure('tfjs, op by op, 512', 1, 0, async ([image]) => {
    const pixels = await decodePixels(image as Buffer, 512);
    if (!pixels) return 0;
    tf.tidy(() => {
      const detections = model.execute(
        { 'tower_0/images': tf.tensor4d(pixels, [1, 512, 512, 3]) },
        'tower_0/detections',
      );
      (detections as ReturnType<typeof tf.tensor>).dataSync();
    });
    return 100;
  });
  model.dispose();
  return row;
}

const path = await ensurePretrained('centernet');
const backbone = await ensurePretrained('efficientnet-lite2');
const rows = [await measureEager(path)];
for (const inputSidePx of [512, 384, 256]) {
  for (const batchSize of [1, 8]) rows.push(await measureDetector(centerNet({ path, inputSidePx, batchSize })));
}
for (const [inputSidePx, backboneSidePx] of [
  [512, 256],
  [384, 256],
  [384, 384],
  [256, 256],
] as const) {
  rows.push(await measureDetector(centerNet({ path, backbone, inputSidePx, backboneSidePx })));
}
rows.push(await measureDetector(patches()));
console.log(`${images.length} images, ${nativeBackend()?.binding.TF_Version ?? tf.getBackend()}`);
console.table(rows);
