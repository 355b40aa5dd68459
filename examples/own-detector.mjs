// A detector of one's own: four regions a picture, each a quarter with its mean colour. Features go beside the shards, where training
// finds them. `node own-detector.mjs CORPUS`, on a corpus that was exported.
import { join } from 'node:path';
import { extractRegions } from 'lait/model';
import sharp from 'sharp';

/** @type {import('lait/model').Detector} */
const quarters = {
  name: 'quarters',
  model: null,
  labels: ['quarter'],
  featureSize: 3,
  batchSize: 16,
  regionsPerImage: 4,
  detect: (images) => Promise.all(images.map(detect)),
  dispose: () => undefined,
};

async function detect(image) {
  const small = sharp(image).removeAlpha().toColourspace('srgb').resize(2, 2, { fit: 'fill' });
  const pixels = await small.raw().toBuffer().catch(() => null); // biome-ignore format: one line
  if (pixels === null) return null;
  const corners = [[0, 0], [0.5, 0], [0, 0.5], [0.5, 0.5]]; // biome-ignore format: one line
  return {
    boxes: Float32Array.from(corners.flatMap(([x, y]) => [x, y, x + 0.5, y + 0.5])),
    labels: new Int32Array(4),
    confidences: new Float32Array(4).fill(1),
    features: Float32Array.from(pixels, (value) => value / 255),
  };
}

const corpus = process.argv[2] ?? 'corpus';
const outDir = join(corpus, 'regions', quarters.name);
const { regions, images } = await extractRegions({ shards: join(corpus, 'shards'), outDir, detector: quarters });
console.log(`${outDir}: ${regions} regions of ${images} images`);
