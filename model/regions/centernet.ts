/**
 * The embedded detector: CenterNet's boxes and labels, with features pooled from its own maps and, beside them, from a network
 * that was trained to tell a thousand classes apart (EfficientNet-Lite2). One graph, one call for a batch of images.
 */

import { filesSha256 } from '../formats/file-hash.ts';
import { readTorchWeights } from '../formats/torch-weights.ts';
import { Graph } from '../runtime/graph.ts';
import type { RunningGraph } from '../runtime/running-graph.ts';
import { addCenterNet, type Detections, pixels } from './centernet-graph.ts';
import { cocoLabels } from './coco.ts';
import { mapDecoded, stackPixels } from './decode-batch.ts';
import { detectorDefaults } from './defaults.ts';
import { addEfficientNet, efficientNetSize } from './efficientnet.ts';
import { readGraphModel } from './graph-model.ts';
import { f32 } from './graph-ops.ts';
import { decodePixels } from './pixels.ts';
import type { Detector, Regions } from './region.ts';
import { addRoiPool, boxOwners, type FeatureMap } from './roi-pool.ts';
import { suppressOverlaps } from './suppress.ts';

export interface CenterNetOptions {
  /** Path of `centernet.json`, with `centernet.bin` beside it. */
  readonly path: string;
  /** Path of EfficientNet-Lite2's state dict, whose features come before CenterNet's own; without it these are all. */
  readonly backbone?: string;
  /** Side of the square the image is scaled to, a multiple of 32. CenterNet was trained at 512. */
  readonly inputSidePx?: number;
  /** Side of the square that the backbone sees, a multiple of 32. It was trained at 260. */
  readonly backboneSidePx?: number;
  /** `bf16`: the backbone computes in bfloat16, twice as fast on processors that have it. */
  readonly precision?: 'f32' | 'bf16';
  /** Detections below are left out once an image has `minRegions`. Both as UNITER's features (arXiv 1909.11740): 0.2, 10. */
  readonly minConfidence?: number;
  readonly minRegions?: number;
  /** The most boxes an image gets, the whole image not counted. */
  readonly topK?: number;
  readonly batchSize?: number;
}

/** The label of the region that every image has: all of it, as ViLBERT's first region (arXiv 1908.02265). */
export const wholeImage = 'whole image';

/**
 * Boxes that overlap a more confident one by more are left out, whatever their class. Ours: CenterNet gives one bed four
 * times at 0.7.
 */
const maxOverlap = 0.5;

/** Loads the networks. */
export function centerNet(options: CenterNetOptions): Detector {
  const {
    path,
    backbone,
    inputSidePx: side,
    backboneSidePx = 256,
    topK,
    batchSize = 8,
  } = { ...detectorDefaults, ...options };
  const { minConfidence = 0.2, minRegions = 10, precision = 'f32' } = options;
  const graph = new Graph();
  const detections = addCenterNet(graph, readGraphModel(path), side, topK);
  const maps = [
    ...(backbone ? [addBackbone(graph, backbone, side, backboneSidePx, precision)] : []),
    ...detections.maps,
  ];
  const features = addRoiPool(graph, detections.boxes, topK, maps);
  const network: Network = {
    running: graph.start(),
    side,
    K: topK,
    D: maps.reduce((sum, { channels }) => sum + channels, 0),
    outputs: { ...detections, features },
  };
  return {
    name: backbone ? `centernet-${side}-efficientnet-${backboneSidePx}` : `centernet-${side}`,
    model: filesSha256([path, path.replace(/\.json$/, '.bin'), ...(backbone ? [backbone] : [])]),
    labels: [...cocoLabels, wholeImage],
    featureSize: network.D,
    batchSize,
    settings: { topK, minConfidence, minRegions, maxOverlap, precision },
    async detect(images) {
      const decoded = await Promise.all(images.map((image) => decodePixels(image, side)));
      return mapDecoded(decoded, (whole) => detect(network, whole, { minConfidence, minRegions }));
    },
    dispose: () => network.running.dispose(),
  };
}

function addBackbone(
  graph: Graph,
  path: string,
  side: number,
  backboneSide: number,
  precision: 'f32' | 'bf16',
): FeatureMap {
  const state = readTorchWeights(path);
  let scaled = pixels;
  if (side !== backboneSide) {
    const size = graph.integers('backbone/size', [backboneSide, backboneSide]);
    scaled = graph.add('backbone/pixels', 'ResizeBilinear', [pixels, size], {
      T: f32,
      half_pixel_centers: { b: true },
    });
  }
  return {
    output: addEfficientNet(graph, state, scaled, { precision }),
    side: backboneSide / 32,
    channels: efficientNetSize,
  };
}

interface Network {
  readonly running: RunningGraph;
  readonly side: number;
  readonly K: number;
  readonly D: number;
  readonly outputs: Omit<Detections, 'maps'> & { readonly features: string };
}

function detect(
  { running, side, K, D, outputs }: Network,
  images: readonly Float32Array[],
  { minConfidence, minRegions }: Required<Pick<CenterNetOptions, 'minConfidence' | 'minRegions'>>,
): Regions[] {
  const count = images.length;
  const owners = Int32Array.from({ length: count * (K + 1) }, (_, index) => Math.floor(index / (K + 1)));
  const inputs = {
    [pixels]: stackPixels(images, side),
    [boxOwners]: { shape: [owners.length], values: owners },
  };
  const values = running.run(inputs, [outputs.scores, outputs.labels, outputs.boxes, outputs.features]);
  const [scores, labels, boxes, features] = values.map((one) => one.values) as [
    Float32Array,
    Int32Array,
    Float32Array,
    Float32Array,
  ];
  return images.map((_, image) => {
    const first = image * K;
    const apart = suppressOverlaps(boxes.subarray(first * 4, (first + K) * 4), maxOverlap);
    const kept = apart.filter((rank, place) => {
      const score = scores[first + rank]!;
      return score >= minConfidence || (place < minRegions && score > 0);
    });
    const R = kept.length + 1;
    const regions = {
      boxes: new Float32Array(R * 4),
      labels: new Int32Array(R),
      confidences: new Float32Array(R),
      features: new Float32Array(R * D),
    };
    // Row 0 of an image's features is its whole, row 1 its first box.
    const feature = (row: number) => features.subarray((image * (K + 1) + row) * D, (image * (K + 1) + row + 1) * D);
    regions.boxes.set([0, 0, 1, 1]);
    regions.labels[0] = cocoLabels.length;
    regions.confidences[0] = 1;
    regions.features.set(feature(0));
    for (const [index, rank] of kept.entries()) {
      const from = first + rank;
      regions.boxes.set(boxes.subarray(from * 4, from * 4 + 4), (index + 1) * 4);
      regions.labels[index + 1] = labels[from]!;
      regions.confidences[index + 1] = scores[from]!;
      regions.features.set(feature(rank + 1), (index + 1) * D);
    }
    return regions;
  });
}
