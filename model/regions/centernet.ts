/**
 * CenterNet (arXiv 1904.07850) on MobileNetV3, trained on COCO: 2 million parameters, 80 classes, shipped as a tfjs graph
 * model. Its layers up to the heat map are copied into one graph; what follows is written here anew, so that it takes
 * batches and any input size: peaks of the heat map, their boxes, and a feature a box from the network's own maps.
 */
import { type Attribute, bool, Graph, int, ints, type Output, type RunningGraph, string, type } from '../graph.ts';
import { cocoLabels } from './coco.ts';
import { copyGraphModel, readGraphModel } from './graph-model.ts';
import { decodePixels } from './pixels.ts';
import type { Detector, Regions } from './region.ts';
import { suppressOverlaps } from './suppress.ts';

export interface CenterNetOptions {
  /** Path of `centernet.json`, with `centernet.bin` beside it. */
  readonly path: string;
  /** Side of the square the image is scaled to, a multiple of 32. The network was trained at 512. */
  readonly inputSidePx?: number;
  /** Detections below are left out once an image has `minRegions`. Both as UNITER's features (arXiv 1909.11740): 0.2, 10. */
  readonly minConfidence?: number;
  readonly minRegions?: number;
  /** The most boxes an image gets, the whole image not counted. */
  readonly topK?: number;
  readonly batchSize?: number;
}

/** The label of the region that every image has: all of it, as ViLBERT's first region (arXiv 1908.02265). */
export const wholeImage = 'whole image';

const input = 'tower_0/images';
const heatMap = 'tower_0/Sigmoid';
const extents = 'tower_0/mul';
/** [B, S/32, S/32, 480] */
const deepMap = 'tower_0/extern1/hard_swish/mul_1';
/** [B, S/4, S/4, 128] */
const fineMap = 'tower_0/CenternetHead/Relu_2';

const f32 = type('float32');
const i32 = type('int32');

/** Loads the network. */
export function centerNet(options: CenterNetOptions): Detector {
  const { path, inputSidePx = 512, minConfidence = 0.2, minRegions = 10, topK = 36, batchSize = 8 } = options;
  const confident: Confident = { minConfidence, minRegions };
  const running = build(path, inputSidePx, topK);
  return {
    name: `centernet-${inputSidePx}`,
    labels: [...cocoLabels, wholeImage],
    featureSize,
    batchSize,
    async detect(images) {
      const pixels = await Promise.all(images.map((image) => decodePixels(image, inputSidePx)));
      const decoded = pixels.filter((one) => one !== null);
      const found = decoded.length > 0 ? detect(running, decoded, inputSidePx, topK, confident) : [];
      return pixels.map((one) => (one === null ? null : (found.shift() as Regions)));
    },
    dispose: () => running.dispose(),
  };
}

const deepSize = 480;
const fineSize = 128;
const featureSize = deepSize + fineSize;

/** Samples a box side is pooled from, on either map; ours, as fine as the deep map of a box of half the image. */
const poolSide = 4;

/** Boxes that overlap a more confident one by more are left out, whatever their class. Ours: CenterNet gives one bed four times at 0.7. */
const maxOverlap = 0.5;

function build(path: string, side: number, topK: number): RunningGraph {
  const graph = new Graph();
  graph.placeholder(input, 'float32', [-1, side, side, 3]);
  graph.integers('tower_0/CenternetHead/c5_upsample/up_sampling2d/mul', [side / 16, side / 16]);
  graph.integers('tower_0/CenternetHead/c4_upsample/up_sampling2d_1/mul', [side / 8, side / 8]);
  graph.integers('tower_0/CenternetHead/c3_upsample/up_sampling2d_2/mul', [side / 4, side / 4]);
  copyGraphModel(graph, readGraphModel(path), [heatMap, extents]);

  // Peaks: where a cell's best class equals the 3 x 3 maximum. One class a cell, so that no box comes twice.
  const cells = side / 4;
  const best = graph.add('lait/best', 'Max', [heatMap, graph.integers('lait/classAxis', [3])], {
    T: f32,
    Tidx: i32,
    keep_dims: bool(true),
  }); // [B, S/4, S/4, 1]
  const maxima = graph.add('lait/maxima', 'MaxPool', [best], {
    T: f32,
    ksize: ints([1, 3, 3, 1]),
    strides: ints([1, 1, 1, 1]),
    padding: string('SAME'),
    data_format: string('NHWC'),
  });
  const isPeak = graph.add('lait/isPeak', 'GreaterEqual', [best, maxima], { T: f32 });
  const share = graph.add('lait/share', 'Cast', [isPeak], { SrcT: type('bool'), DstT: f32 });
  const peaks = graph.add('lait/peaks', 'Mul', [best, share], { T: f32 });
  const flat = reshape(graph, 'lait/flat', peaks, [-1, cells * cells], f32);
  graph.add('lait/top', 'TopKV2', [flat, graph.integer('lait/k', topK)], { T: f32, sorted: bool(true) }); // [B, K]
  const cell = 'lait/top:1';
  const bestClass = graph.add('lait/bestClass', 'ArgMax', [heatMap, graph.integer('lait/classDimension', 3)], {
    T: f32,
    Tidx: i32,
    output_type: i32,
  });
  const classFlat = reshape(graph, 'lait/classFlat', bestClass, [-1, cells * cells], i32);
  gatherEach(graph, 'lait/label', classFlat, cell, i32);
  const width = graph.integer('lait/width', cells);
  const x = toFloat(graph, 'lait/x', graph.add('lait/column', 'FloorMod', [cell, width], { T: i32 }));
  const y = toFloat(graph, 'lait/y', graph.add('lait/row', 'FloorDiv', [cell, width], { T: i32 }));

  // Boxes: the distances from the peak to the four sides, in input pixels; here as shares of the image.
  const extentsFlat = reshape(graph, 'lait/extentsFlat', extents, [-1, cells * cells, 4], f32);
  const distances = gatherEach(graph, 'lait/distances', extentsFlat, cell, f32); // [B, K, 4] left up right down
  const signed = graph.add(
    'lait/signed',
    'Mul',
    [distances, graph.constant('lait/signs', Float32Array.of(-1 / side, -1 / side, 1 / side, 1 / side), [4])],
    { T: f32 },
  );
  const centers = graph.add('lait/centers', 'Pack', [x, y, x, y], { N: int(4), T: f32, axis: int(-1) });
  const scaled = graph.add('lait/scaled', 'Mul', [centers, graph.scalar('lait/stride', 4 / side)], { T: f32 });
  const open = graph.add('lait/open', 'AddV2', [scaled, signed], { T: f32 });
  graph.add('lait/boxes', 'ClipByValue', [open, graph.scalar('lait/zero', 0), graph.scalar('lait/full', 1)], {
    T: f32,
  });

  // Features: the whole image first, then every box, pooled from both maps.
  const corners = graph.add(
    'lait/corners',
    'GatherV2',
    ['lait/boxes', graph.integers('lait/yxyx', [1, 0, 3, 2]), graph.integer('lait/last', 2)],
    {
      Tparams: f32,
      Tindices: i32,
      Taxis: i32,
    },
  );
  const padded = graph.add(
    'lait/padded',
    'PadV2',
    [corners, graph.constant('lait/padding', Int32Array.of(0, 0, 1, 0, 0, 0), [3, 2]), graph.scalar('lait/void', 0)],
    {
      T: f32,
      Tpaddings: i32,
    },
  );
  const whole = graph.constant('lait/whole', wholeOf(topK + 1), [topK + 1, 4]);
  const all = graph.add('lait/all', 'AddV2', [padded, whole], { T: f32 }); // [B, K+1, 4]
  const boxes = reshape(graph, 'lait/rois', all, [-1, 4], f32);
  const owners = graph.placeholder('lait/owners', 'int32', [-1]); // [B * (K+1)] the image of each box
  const pooled = (name: string, map: Output) => {
    const crops = graph.add(
      `lait/${name}Crops`,
      'CropAndResize',
      [map, boxes, owners, graph.integers(`lait/${name}Side`, [poolSide, poolSide])],
      {
        T: f32,
        method: string('bilinear'),
      },
    );
    return graph.add(`lait/${name}`, 'Mean', [crops, graph.integers(`lait/${name}Axes`, [1, 2])], {
      T: f32,
      Tidx: i32,
      keep_dims: bool(false),
    });
  };
  graph.add(
    'lait/features',
    'ConcatV2',
    [pooled('deep', deepMap), pooled('fine', fineMap), graph.integer('lait/axis', 1)],
    {
      T: f32,
      Tidx: i32,
      N: int(2),
    },
  ); // [B * (K+1), D]
  return graph.start();
}

/** The first box becomes 0 0 1 1, the others stay. */
function wholeOf(count: number): Float32Array {
  const boxes = new Float32Array(count * 4);
  boxes.set([0, 0, 1, 1]);
  return boxes;
}

function reshape(graph: Graph, name: string, from: Output, size: readonly number[], T: Attribute): Output {
  return graph.add(name, 'Reshape', [from, graph.integers(`${name}/shape`, size)], { T, Tshape: i32 });
}

/** [B, N, …] at [B, K] gives [B, K, …]. */
function gatherEach(graph: Graph, name: string, from: Output, at: Output, T: Attribute): Output {
  return graph.add(name, 'GatherV2', [from, at, graph.integer(`${name}/axis`, 1)], {
    Tparams: T,
    Tindices: i32,
    Taxis: i32,
    batch_dims: int(1),
  });
}

function toFloat(graph: Graph, name: string, from: Output): Output {
  return graph.add(name, 'Cast', [from], { SrcT: i32, DstT: f32 });
}

type Confident = Required<Pick<CenterNetOptions, 'minConfidence' | 'minRegions'>>;

function detect(
  running: RunningGraph,
  images: readonly Float32Array[],
  side: number,
  topK: number,
  { minConfidence, minRegions }: Confident,
): Regions[] {
  const count = images.length;
  const batch = new Float32Array(count * side * side * 3);
  images.forEach((image, index) => {
    batch.set(image, index * side * side * 3);
  });
  const each = topK + 1;
  const owners = Int32Array.from({ length: count * each }, (_, index) => Math.floor(index / each));
  const [scores, labels, boxes, features] = running
    .run(
      {
        [input]: { shape: [count, side, side, 3], values: batch },
        'lait/owners': { shape: [owners.length], values: owners },
      },
      ['lait/top', 'lait/label', 'lait/boxes', 'lait/features'],
    )
    .map(({ values }) => values) as [Float32Array, Int32Array, Float32Array, Float32Array];
  return images.map((_, image) => {
    const first = image * topK;
    const apart = suppressOverlaps(boxes.subarray(first * 4, (first + topK) * 4), maxOverlap);
    const kept = apart.filter((rank, n) => n < minRegions || (scores[first + rank] as number) >= minConfidence);
    const regions: Regions = {
      boxes: new Float32Array((kept.length + 1) * 4),
      labels: new Int32Array(kept.length + 1),
      confidences: new Float32Array(kept.length + 1),
      features: new Float32Array((kept.length + 1) * featureSize),
    };
    regions.boxes.set([0, 0, 1, 1]);
    regions.labels[0] = cocoLabels.length;
    regions.confidences[0] = 1;
    const whole = image * each * featureSize;
    regions.features.set(features.subarray(whole, whole + featureSize));
    kept.forEach((rank, index) => {
      const from = first + rank;
      regions.boxes.set(boxes.subarray(from * 4, from * 4 + 4), (index + 1) * 4);
      regions.labels[index + 1] = labels[from] as number;
      regions.confidences[index + 1] = scores[from] as number;
      const feature = (image * each + rank + 1) * featureSize;
      regions.features.set(features.subarray(feature, feature + featureSize), (index + 1) * featureSize);
    });
    return regions;
  });
}
