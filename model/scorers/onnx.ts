/**
 * Reads convolutional networks from ONNX files into a graph: the dozen operators that a plain ResNet is made of, batch
 * norms folded in. Enough for the one network that only comes as ONNX, without a second runtime of 280 MB.
 */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { UserError } from '../../dataset/user-error.ts';
import type { Graph } from '../runtime/graph.ts';
import { type Attribute, bool, ints, type Output, string, type } from '../runtime/graph-node.ts';

interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly floatData: readonly number[];
  readonly rawData: Uint8Array;
}

interface OnnxNode {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly opType: string;
  readonly attribute: readonly { readonly name: string; readonly i: number; readonly ints: readonly number[] }[];
}

interface OnnxGraph {
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly { readonly name: string }[];
  readonly output: readonly { readonly name: string }[];
}

const floatType = 1;
const f32 = type('float32');

/**
 * Adds the network to a graph. `input` is [B, H, W, C], whatever order the file's own operators take. Gives its
 * output, [B, classes]. Throws a UserError for an operator or a padding outside the dozen.
 */
export function addOnnx(graph: Graph, path: string, input: Output): Output {
  const { node: nodes, initializer, input: inputs, output: outputs } = read(path);
  const weights = new Map(initializer.map((tensor) => [tensor.name, tensor]));
  const values = new Map<string, Output>([[inputs.find(({ name }) => !weights.has(name))!.name, input]]);
  const refuse = (what: string): never => {
    throw new UserError(`Expected a plain convolutional network for ${path} but received ${what}; take another file.`);
  };

  nodes.forEach((node, index) => {
    const name = `onnx/${index}`;
    const from = (at: number): Output => values.get(node.input[at]!) ?? refuse(`${node.opType} of a constant`);
    const weight = (at: number): OnnxTensor => weights.get(node.input[at]!) ?? refuse(`${node.opType} without weights`);
    const numbers = (key: string): readonly number[] => node.attribute.find((one) => one.name === key)?.ints ?? [];
    const add = (op: string, inputs: readonly Output[], attributes: Readonly<Record<string, Attribute>> = {}): Output =>
      graph.add(name, op, inputs, { T: f32, ...attributes });

    const made = (): Output => {
      switch (node.opType) {
        case 'Transpose': // the only one turns the input to channels first; everything here is channels last
        case 'Reshape': // [B, C, 1, 1] to [B, C]: the mean below has left it so
          return from(0);
        case 'Conv': {
          const { dims } = weight(1);
          const product = graph.add(
            `${name}/product`,
            'Conv2D',
            [
              from(0),
              graph.constant(`${name}/kernel`, channelsLast(weight(1)), [dims[2]!, dims[3]!, dims[1]!, dims[0]!]),
            ],
            {
              T: f32,
              strides: ints([1, ...numbers('strides'), 1]),
              data_format: string('NHWC'),
              ...padding(numbers('pads')),
            },
          );
          return add('BiasAdd', [product, graph.constant(`${name}/bias`, floats(weight(2)), [dims[0]!])], {
            data_format: string('NHWC'),
          });
        }
        case 'Relu':
          return add('Relu', [from(0)]);
        case 'MaxPool':
          if (String(numbers('pads')) !== '0,0,1,1') refuse('a MaxPool with other padding');
          return add('MaxPool', [from(0)], {
            ksize: ints([1, ...numbers('kernel_shape'), 1]),
            strides: ints([1, ...numbers('strides'), 1]),
            padding: string('SAME'),
            data_format: string('NHWC'),
          });
        case 'AveragePool': // over the whole of what is left
          return add('Mean', [from(0), graph.integers(`${name}/axes`, [1, 2])], {
            Tidx: type('int32'),
            keep_dims: bool(false),
          });
        case 'MatMul':
          return add('MatMul', [from(0), graph.constant(`${name}/weight`, floats(weight(1)), weight(1).dims)], {
            transpose_a: bool(false),
            transpose_b: bool(false),
          });
        case 'Add':
          return weights.has(node.input[1]!)
            ? add('AddV2', [from(0), graph.constant(`${name}/bias`, floats(weight(1)), weight(1).dims)])
            : add('AddV2', [from(0), from(1)]);
        case 'Softmax':
          return add('Softmax', [from(0)]);
        default:
          return refuse(`the operator ${node.opType}`);
      }
    };
    values.set(node.output[0]!, made());
  });
  return values.get(outputs[0]!.name) ?? refuse('a graph without output');
}

function padding(pads: readonly number[]): Readonly<Record<string, Attribute>> {
  if (pads.length === 0) return { padding: string('VALID') };
  const [top, left, bottom, right] = pads as [number, number, number, number];
  return { padding: string('EXPLICIT'), explicit_paddings: ints([0, 0, top, bottom, left, right, 0, 0]) };
}

function floats({ dataType, rawData, floatData }: OnnxTensor): Float32Array {
  if (dataType !== floatType) throw new Error(`ONNX data type ${dataType}`);
  if (floatData.length > 0) return Float32Array.from(floatData);
  return new Float32Array(Uint8Array.prototype.slice.call(rawData).buffer);
}

/** [O, I, Y, X] to TensorFlow's [Y, X, I, O]. */
function channelsLast(tensor: OnnxTensor): Float32Array {
  const [outer, inner, rows, columns] = tensor.dims as [number, number, number, number];
  const values = floats(tensor);
  const area = rows * columns;
  const moved = new Float32Array(values.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      for (let at = 0; at < area; at++) moved[(at * inner + i) * outer + o] = values[(o * inner + i) * area + at]!;
    }
  }
  return moved;
}

function read(path: string): OnnxGraph {
  const message = Model.decode(readFileSync(path));
  return (Model.toObject(message, { longs: Number, arrays: true, defaults: true }) as { graph: OnnxGraph }).graph;
}

/** The fields that are read, with their numbers, of onnx/onnx.proto. */
const Model = protobuf
  .parse(`syntax = "proto3"; package onnx;
  message AttributeProto { string name = 1; float f = 2; int64 i = 3; bytes s = 4; repeated int64 ints = 8; }
  message TensorProto { repeated int64 dims = 1; int32 data_type = 2; repeated float float_data = 4; string name = 8; bytes raw_data = 9; }
  message NodeProto { repeated string input = 1; repeated string output = 2; string op_type = 4; repeated AttributeProto attribute = 5; }
  message ValueInfoProto { string name = 1; }
  message GraphProto { repeated NodeProto node = 1; repeated TensorProto initializer = 5; repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; }
  message ModelProto { GraphProto graph = 7; }`)
  .root.lookupType('onnx.ModelProto');
