/**
 * CenterNet (arXiv 1904.07850) on MobileNetV3 as nodes of a graph. The layers up to the heat map are copied from its tfjs
 * graph model; what follows is written anew, so that it takes batches and any input size: peaks of the heat map and their
 * boxes.
 */
import type { Graph } from '../runtime/graph.ts';
import { bool, int, ints, type Output, string, type } from '../runtime/graph-node.ts';
import { copyGraphModel, type GraphModel } from './graph-model.ts';
import { f32, gatherEach, i32, reshape, toFloat } from './graph-ops.ts';
import type { FeatureMap } from './roi-pool.ts';

/** Placeholder [B, S, S, 3], RGB 0 to 255. */
export const pixels = 'tower_0/images';

const heatMap = 'tower_0/Sigmoid';
const extents = 'tower_0/mul';

export interface Detections {
  /** [B, K] 0 to 1, descending */
  readonly scores: Output;
  /** [B, K] int32 */
  readonly labels: Output;
  /** [B, K, 4] x1 y1 x2 y2 as shares of the image */
  readonly boxes: Output;
  /** The network's own maps, coarse and fine. */
  readonly maps: readonly FeatureMap[];
}

/** Adds the network for images of `side` pixels, a multiple of 32. */
export function addCenterNet(graph: Graph, model: GraphModel, side: number, K: number): Detections {
  graph.placeholder(pixels, 'float32', [-1, side, side, 3]);
  // The sizes of the three upsamplings follow from the input's.
  graph.integers('tower_0/CenternetHead/c5_upsample/up_sampling2d/mul', [side / 16, side / 16]);
  graph.integers('tower_0/CenternetHead/c4_upsample/up_sampling2d_1/mul', [side / 8, side / 8]);
  graph.integers('tower_0/CenternetHead/c3_upsample/up_sampling2d_2/mul', [side / 4, side / 4]);
  copyGraphModel(graph, model, [heatMap, extents]);

  // Peaks: where a cell's best class equals the 3 x 3 maximum. One class a cell, so that no box comes twice.
  const cells = side / 4;
  const classAxis = graph.integers('centernet/classAxis', [3]);
  const best = graph.add('centernet/best', 'Max', [heatMap, classAxis], { T: f32, Tidx: i32, keep_dims: bool(true) }); // [B, S/4, S/4, 1]
  const maxima = graph.add('centernet/maxima', 'MaxPool', [best], {
    T: f32,
    ksize: ints([1, 3, 3, 1]),
    strides: ints([1, 1, 1, 1]),
    padding: string('SAME'),
    data_format: string('NHWC'),
  });
  const isPeak = graph.add('centernet/isPeak', 'GreaterEqual', [best, maxima], { T: f32 });
  const share = graph.add('centernet/share', 'Cast', [isPeak], { SrcT: type('bool'), DstT: f32 });
  const peaks = graph.add('centernet/peaks', 'Mul', [best, share], { T: f32 });
  const flat = reshape(graph, 'centernet/flat', peaks, [-1, cells * cells], f32);
  const scores = graph.add('centernet/top', 'TopKV2', [flat, graph.integer('centernet/k', K)], {
    T: f32,
    sorted: bool(true),
  });
  const cell = `${scores}:1`; // [B, K]
  const bestClass = graph.add(
    'centernet/bestClass',
    'ArgMax',
    [heatMap, graph.integer('centernet/classDimension', 3)],
    {
      T: f32,
      Tidx: i32,
      output_type: i32,
    },
  );
  const classFlat = reshape(graph, 'centernet/classFlat', bestClass, [-1, cells * cells], i32);
  const labels = gatherEach(graph, 'centernet/labels', classFlat, cell, i32);

  // Boxes: the distances from the peak to the four sides, in input pixels; here as shares of the image.
  const width = graph.integer('centernet/width', cells);
  const x = toFloat(graph, 'centernet/x', graph.add('centernet/column', 'FloorMod', [cell, width], { T: i32 }));
  const y = toFloat(graph, 'centernet/y', graph.add('centernet/row', 'FloorDiv', [cell, width], { T: i32 }));
  const extentsFlat = reshape(graph, 'centernet/extentsFlat', extents, [-1, cells * cells, 4], f32);
  const distances = gatherEach(graph, 'centernet/distances', extentsFlat, cell, f32); // [B, K, 4] left up right down
  const signs = graph.constant('centernet/signs', Float32Array.of(-1 / side, -1 / side, 1 / side, 1 / side), [4]);
  const signed = graph.add('centernet/signed', 'Mul', [distances, signs], { T: f32 });
  const centers = graph.add('centernet/centers', 'Pack', [x, y, x, y], { N: int(4), T: f32, axis: int(-1) });
  const scaled = graph.add('centernet/scaled', 'Mul', [centers, graph.scalar('centernet/stride', 4 / side)], {
    T: f32,
  });
  const open = graph.add('centernet/open', 'AddV2', [scaled, signed], { T: f32 });
  const limits = [graph.scalar('centernet/zero', 0), graph.scalar('centernet/one', 1)];
  const boxes = graph.add('centernet/boxes', 'ClipByValue', [open, ...limits], { T: f32 });
  return {
    scores,
    labels,
    boxes,
    maps: [
      { output: 'tower_0/extern1/hard_swish/mul_1', side: side / 32, channels: 480 },
      { output: 'tower_0/CenternetHead/Relu_2', side: side / 4, channels: 128 },
    ],
  };
}
