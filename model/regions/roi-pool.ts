/**
 * A feature for every box from a network's maps, as RoIAlign (arXiv 1703.06870) does it: bilinear samples at the centres of a
 * grid of bins inside the box, then their mean.
 */
import type { Graph } from '../runtime/graph.ts';
import { type Output, string } from '../runtime/graph-node.ts';
import { f32, i32, joinFeatures, meanOverPlaces, reshape } from './graph-ops.ts';

/** A network's map [B, side, side, channels] of the whole image. */
export interface FeatureMap {
  readonly output: Output;
  readonly side: number;
  readonly channels: number;
}

/** Bins along each side of a box. Ours: on a map of 8 cells the mean of the whole image is then exactly the map's. */
const bins = 4;

/** Placeholder [B (K + 1)] int32: which image of the batch each box belongs to. */
export const boxOwners = 'roi/owners';

/** Features [B (K + 1), D] of each image's whole, then of its K boxes [B, K, 4] (x1 y1 x2 y2, shares of the image). */
export function addRoiPool(graph: Graph, boxes: Output, K: number, maps: readonly FeatureMap[]): Output {
  // The whole image comes before the boxes: a row of zeros becomes 0 0 1 1.
  const before = graph.constant('roi/before', Int32Array.of(0, 0, 1, 0, 0, 0), [3, 2]);
  const padded = graph.add('roi/padded', 'PadV2', [boxes, before, graph.scalar('roi/zero', 0)], {
    T: f32,
    Tpaddings: i32,
  });
  const whole = new Float32Array((K + 1) * 4);
  whole.set([0, 0, 1, 1]);
  const all = graph.add('roi/all', 'AddV2', [padded, graph.constant('roi/whole', whole, [K + 1, 4])], { T: f32 });
  const rows = reshape(graph, 'roi/rows', all, [-1, 4], f32); // [B (K + 1), 4]
  const owners = graph.placeholder(boxOwners, 'int32', [-1]);
  const size = graph.integers('roi/bins', [bins, bins]);
  const one = graph.scalar('roi/one', 1);
  const pooled = maps.map(({ output, side }, index) => {
    const name = `roi/${index}`;
    const samples = samplePlaces(side);
    const product = graph.add(`${name}/product`, 'MatMul', [rows, graph.constant(`${name}/mix`, samples.mix, [4, 4])], {
      T: f32,
    });
    const shift = graph.scalar(`${name}/shift`, samples.shift);
    const open = graph.add(`${name}/open`, 'AddV2', [product, shift], { T: f32 });
    const places = graph.add(`${name}/places`, 'ClipByValue', [open, 'roi/zero', one], { T: f32 });
    const crops = graph.add(`${name}/crops`, 'CropAndResize', [output, places, owners, size], {
      T: f32,
      method: string('bilinear'),
    }); // [B (K + 1), bins, bins, channels]
    return meanOverPlaces(graph, `${name}/mean`, crops);
  });
  return joinFeatures(graph, 'roi/features', pooled);
}

/**
 * CropAndResize takes its first and last sample at y1 (side - 1) and y2 (side - 1); bin centres lie at
 * (y1 + (i + 1/2)(y2 - y1) / bins) side - 1/2. The matrix turns x1 y1 x2 y2 into the y1 x1 y2 x2 that give these places.
 */
function samplePlaces(side: number): { mix: Float32Array; shift: number } {
  const scale = side / Math.max(side - 1, 1);
  const near = (1 - 0.5 / bins) * scale;
  const far = (0.5 / bins) * scale;
  // biome-ignore format: a matrix
  const mix = Float32Array.of(
    0, near, 0, far,
    near, 0, far, 0,
    0, far, 0, near,
    far, 0, near, 0,
  );
  return { mix, shift: -0.5 / Math.max(side - 1, 1) };
}
