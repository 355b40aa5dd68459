/**
 * EfficientNet-Lite2 (arXiv 1905.11946 without squeeze-and-excitation and with ReLU6) as nodes of a graph, from the state
 * dict of a PyTorch port: 6 million parameters, trained on ImageNet. Batch norms are folded into the convolutions.
 */

import type { StoredTensor } from '../formats/safetensors.ts';
import type { Graph } from '../runtime/graph.ts';
import { type Attribute, bool, ints, type Output, string, type } from '../runtime/graph-node.ts';
import { f32, meanOverPlaces } from './graph-ops.ts';

/** Channels of the last map. */
export const efficientNetSize = 1280;

/** First stride of each stage and its number of blocks: B0's, times 1.2 except for the first and the last stage. */
const stages: readonly (readonly [stride: 1 | 2, blocks: number])[] = [
  [1, 1],
  [2, 3],
  [2, 3],
  [2, 4],
  [1, 4],
  [2, 5],
  [1, 1],
];

/** Of the TensorFlow original, kept by the port. */
const batchNormEpsilon = 1e-3;

type State = ReadonlyMap<string, StoredTensor>;

/**
 * Pixels [B, S, S, 3] 0 to 255 to the last map [B, S/32, S/32, 1280]; S a multiple of 32. In bf16 every layer computes in
 * bfloat16, in half the time where the processor has it; the mean features then keep a cosine of 0.998 to those in f32.
 */
export function addEfficientNet(
  graph: Graph,
  state: State,
  pixels: Output,
  { precision = 'f32' }: { readonly precision?: 'f32' | 'bf16' } = {},
): Output {
  const T = type(precision === 'bf16' ? 'bfloat16' : 'float32');
  const centred = graph.add('efficientnet/centred', 'Sub', [pixels, graph.scalar('efficientnet/mean', 127)], {
    T: f32,
  });
  const scaled = graph.add('efficientnet/scaled', 'Mul', [centred, graph.scalar('efficientnet/scale', 1 / 128)], {
    T: f32,
  });
  const layer = (kind: Kind, from: Output, name: string, norm: string, stride: 1 | 2, activate: boolean): Output =>
    convolution(graph, state, T, { kind, from, name, norm, stride, activate });
  let map = cast(graph, 'efficientnet/narrowed', scaled, f32, T);
  map = layer('Conv2D', map, '_conv_stem', '_bn0', 2, true);
  let index = 0;
  for (const [firstStride, blocks] of stages) {
    for (let block = 0; block < blocks; block++) {
      const stride = block === 0 ? firstStride : 1;
      const name = `_blocks.${index}.`;
      index += 1;
      const expands = state.has(`${name}_expand_conv.weight`);
      const wide = expands ? layer('Conv2D', map, `${name}_expand_conv`, `${name}_bn0`, 1, true) : map;
      const deep = layer('DepthwiseConv2dNative', wide, `${name}_depthwise_conv`, `${name}_bn1`, stride, true);
      const narrow = layer('Conv2D', deep, `${name}_project_conv`, `${name}_bn2`, 1, false);
      map = block === 0 ? narrow : graph.add(`efficientnet/${name}sum`, 'AddV2', [narrow, map], { T });
    }
  }
  return cast(graph, 'efficientnet/map', layer('Conv2D', map, '_conv_head', '_bn1', 1, true), T, f32);
}

function cast(graph: Graph, name: string, from: Output, SrcT: Attribute, DstT: Attribute): Output {
  return SrcT.type === DstT.type ? from : graph.add(name, 'Cast', [from], { SrcT, DstT });
}

type Kind = 'Conv2D' | 'DepthwiseConv2dNative';

interface Layer {
  readonly kind: Kind;
  readonly from: Output;
  readonly name: string;
  readonly norm: string;
  readonly stride: 1 | 2;
  readonly activate: boolean;
}

/** A convolution, its batch norm and, when asked for, ReLU6. */
function convolution(
  graph: Graph,
  state: State,
  T: Attribute,
  { kind, from, name, norm, stride, activate }: Layer,
): Output {
  const get = (key: string): StoredTensor => {
    const tensor = state.get(key);
    if (!tensor) throw new Error(`The state dict has no ${key}.`);
    return tensor;
  };
  const { shape, values } = get(`${name}.weight`);
  const [outer, inner, rows, columns] = shape as [number, number, number, number];
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
    (part) => get(`${norm}.${part}`).values,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const scale = gamma.map((value, channel) => value / Math.sqrt(variance[channel]! + batchNormEpsilon));
  const bias = beta.map((value, channel) => value - mean[channel]! * scale[channel]!);
  // [O, I, Y, X] to TensorFlow's [Y, X, I, O]; a depthwise [C, 1, Y, X] to [Y, X, C, 1] is the same with one input.
  const area = rows * columns;
  const folded = new Float32Array(values.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      for (let place = 0; place < area; place++) {
        folded[(place * inner + i) * outer + o] = values[(o * inner + i) * area + place]! * scale[o]!;
      }
    }
  }
  const size = kind === 'Conv2D' ? [rows, columns, inner, outer] : [rows, columns, outer, 1];
  const base = `efficientnet/${name}`;
  const attributes: Record<string, Attribute> = {
    T,
    strides: ints([1, stride, stride, 1]),
    padding: string('SAME'),
    data_format: string('NHWC'),
  };
  const constant = (part: string, numbers: Float32Array, shape: readonly number[]) =>
    cast(graph, `${base}/${part}/narrowed`, graph.constant(`${base}/${part}`, numbers, shape), f32, T);
  const plain = graph.add(base, kind, [from, constant('weight', folded, size)], attributes);
  const shifted = graph.add(`${base}/shifted`, 'BiasAdd', [plain, constant('bias', bias, [outer])], {
    T,
    data_format: string('NHWC'),
  });
  return activate ? graph.add(`${base}/active`, 'Relu6', [shifted], { T }) : shifted;
}

/** Adds the 1,000 classes of ImageNet on top of the last map: logits [B, 1000]. */
export function addImageNetClasses(graph: Graph, state: State, map: Output): Output {
  const weight = state.get('_fc.weight')!;
  const pooled = meanOverPlaces(graph, 'efficientnet/pooled', map);
  const product = graph.add(
    'efficientnet/product',
    'MatMul',
    [pooled, graph.constant('efficientnet/fc', weight.values, weight.shape)],
    {
      T: f32,
      transpose_a: bool(false),
      transpose_b: bool(true),
    },
  );
  const bias = state.get('_fc.bias')!;
  return graph.add(
    'efficientnet/logits',
    'BiasAdd',
    [product, graph.constant('efficientnet/fcBias', bias.values, bias.shape)],
    {
      T: f32,
      data_format: string('NHWC'),
    },
  );
}
