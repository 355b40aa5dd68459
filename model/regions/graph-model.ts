/**
 * Reads a tfjs graph model (`model.json` and its weight file, as tfjs-converter writes them) and copies its nodes into a
 * TensorFlow graph, so that a network made for the browser runs in one call, in batches and at any input size.
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../../dataset/user-error.ts';
import { elementCount } from '../runtime/array.ts';
import type { Graph } from '../runtime/graph.ts';
import { type Attribute, bool, ints, type Output, string, type } from '../runtime/graph-node.ts';
import { floatsFromHalves } from '../runtime/half.ts';

interface JsonNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, JsonAttribute>>;
}

/** Attributes as protobuf's JSON: numbers may be strings, bytes are base64. */
interface JsonAttribute {
  readonly b?: boolean;
  readonly i?: string | number;
  readonly s?: string;
  readonly list?: { readonly i?: readonly (string | number)[]; readonly s?: readonly string[] };
}

interface JsonWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly quantization?: { readonly dtype: string };
}

interface Weight {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

/** A graph model in memory. */
export interface GraphModel {
  readonly nodes: ReadonlyMap<string, JsonNode>;
  readonly weights: ReadonlyMap<string, Weight>;
}

/** Reads `path` and the weight files beside it. Throws a UserError for weights in a form that is not read here. */
export function readGraphModel(path: string): GraphModel {
  const json = JSON.parse(readFileSync(path, 'utf8')) as {
    modelTopology: { node: readonly JsonNode[] };
    weightsManifest: readonly { paths: readonly string[]; weights: readonly JsonWeight[] }[];
  };
  const weights = new Map<string, Weight>();
  for (const group of json.weightsManifest) {
    const bytes = Buffer.concat(group.paths.map((name) => readFileSync(join(dirname(path), name))));
    let offset = 0;
    for (const weight of group.weights) {
      const stored = weight.quantization?.dtype ?? weight.dtype;
      const width = stored === 'float16' ? 2 : 4;
      const count = elementCount(weight.shape);
      const own = Uint8Array.prototype.slice.call(bytes, offset, offset + count * width).buffer;
      offset += count * width;
      if (stored === 'float16') {
        weights.set(weight.name, { shape: weight.shape, values: floatsFromHalves(new Uint16Array(own)) });
      } else if (stored === 'float32') weights.set(weight.name, { shape: weight.shape, values: new Float32Array(own) });
      else if (stored === 'int32') weights.set(weight.name, { shape: weight.shape, values: new Int32Array(own) });
      else
        throw new UserError(`Expected float16, float32 or int32 for ${weight.name} in ${path} but received ${stored}.`);
    }
  }
  return { nodes: new Map(json.modelTopology.node.map((node) => [node.name, node])), weights };
}

/**
 * Copies the nodes that `outputs` need. `replaced` names nodes that the graph has already, such as the input and the sizes
 * that follow from it. Throws for an op that is not known here.
 */
export function copyGraphModel(graph: Graph, model: GraphModel, outputs: readonly Output[]): void {
  const waiting = [...outputs];
  const seen = new Set<string>();
  while (waiting.length > 0) {
    const name = waiting.pop()!.replace(/:\d+$/, '');
    if (seen.has(name) || graph.has(name)) continue;
    seen.add(name);
    const node = model.nodes.get(name);
    if (!node) throw new Error(`The graph model has no node ${name}.`);
    copyNode(graph, model, node);
    waiting.push(...(node.input ?? []));
  }
}

const float32 = type('float32');

function copyNode(graph: Graph, model: GraphModel, { name, op, input = [], attr = {} }: JsonNode): void {
  const list = (key: string) => ints((attr[key]?.list?.i ?? [1, 1, 1, 1]).map(Number));
  const text = (key: string) => Buffer.from(attr[key]?.s ?? '', 'base64').toString();
  const convolution = (): Record<string, Attribute> => ({
    T: float32,
    strides: list('strides'),
    dilations: list('dilations'),
    padding: string(text('padding')),
    data_format: string(text('data_format')),
  });
  switch (op) {
    case 'Const': {
      const weight = model.weights.get(name);
      if (!weight) throw new Error(`The graph model has no weight ${name}.`);
      graph.constant(name, weight.values, weight.shape);
      return;
    }
    case 'Conv2D':
    case 'DepthwiseConv2dNative':
      graph.add(name, op, input, convolution());
      return;
    case '_FusedConv2D':
    case 'FusedDepthwiseConv2dNative': {
      // Taken apart: TensorFlow fuses again, by what its own kernels can.
      const parts = (attr.fused_ops?.list?.s ?? []).map((part) => Buffer.from(part, 'base64').toString());
      const [first, bias] = [input.slice(0, 2), input[2]!];
      const plain = op === '_FusedConv2D' ? 'Conv2D' : 'DepthwiseConv2dNative';
      let last = graph.add(parts.length === 0 ? name : `${name}/convolution`, plain, first, convolution());
      parts.forEach((part, index) => {
        const partName = index === parts.length - 1 ? name : `${name}/part${index}`;
        last = graph.add(partName, part, part === 'BiasAdd' ? [last, bias] : [last], { T: float32 });
      });
      return;
    }
    case 'Add':
      graph.add(name, 'AddV2', input, { T: float32 });
      return;
    case 'Mul':
    case 'Relu':
    case 'Relu6':
    case 'Sigmoid':
    case 'Identity':
      graph.add(name, op, input, { T: float32 });
      return;
    case 'Mean':
      graph.add(name, op, input, { T: float32, Tidx: type('int32'), keep_dims: bool(attr.keep_dims?.b ?? false) });
      return;
    case 'ConcatV2':
      graph.add(name, op, input, { T: float32, Tidx: type('int32'), N: { i: input.length - 1 } });
      return;
    case 'ResizeBilinear':
      graph.add(name, op, input, {
        T: float32,
        align_corners: bool(attr.align_corners?.b ?? false),
        half_pixel_centers: bool(attr.half_pixel_centers?.b ?? false),
      });
      return;
    default:
      throw new Error(`The graph model's node ${name} is a ${op}, which is not read here.`);
  }
}
