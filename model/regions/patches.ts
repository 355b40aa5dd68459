/**
 * Regions without a detector: the image as a grid of square patches whose features are their pixels, as ViLT has it (arXiv
 * 2102.03334); the model's own region projection is then ViLT's patch projection. One class, so that classifying masked
 * regions (MOC) has nothing to learn: leave it off.
 */
import { decodePixels } from './pixels.ts';
import type { Detector, Regions } from './region.ts';

export interface PatchesOptions {
  /** ViLT: 32. */
  readonly patchSidePx?: number;
  /** Side of the square the image is scaled to, a multiple of `patchSidePx`. 224 gives 49 patches; ViLT: 384 and more. */
  readonly inputSidePx?: number;
}

export function patches({ patchSidePx = 32, inputSidePx = 224 }: PatchesOptions = {}): Detector {
  const grid = inputSidePx / patchSidePx;
  if (!Number.isInteger(grid)) throw new RangeError(`${inputSidePx} is no multiple of ${patchSidePx}.`);
  return {
    name: `patches-${patchSidePx}-${inputSidePx}`,
    model: null,
    labels: ['patch'],
    featureSize: patchSidePx * patchSidePx * 3,
    batchSize: 16,
    regionsPerImage: grid * grid,
    async detect(images) {
      const pixels = await Promise.all(images.map((image) => decodePixels(image, inputSidePx)));
      return pixels.map((one) => one && cut(one, grid, patchSidePx));
    },
    dispose: () => {},
  };
}

/** [S, S, 3] to grid² regions, row by row; a feature is [P, P, 3] scaled from 0…255 to -1…1. */
function cut(pixels: Float32Array, grid: number, P: number): Regions {
  const count = grid * grid;
  const boxes = new Float32Array(count * 4);
  const features = new Float32Array(count * P * P * 3);
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const patch = row * grid + column;
      boxes.set([column / grid, row / grid, (column + 1) / grid, (row + 1) / grid], patch * 4);
      for (let y = 0; y < P; y++) {
        const from = ((row * P + y) * grid * P + column * P) * 3;
        features.set(pixels.subarray(from, from + P * 3), (patch * P + y) * P * 3);
      }
    }
  }
  for (let index = 0; index < features.length; index++) features[index] = features[index]! / 127.5 - 1;
  return { boxes, labels: new Int32Array(count), confidences: new Float32Array(count).fill(1), features };
}
