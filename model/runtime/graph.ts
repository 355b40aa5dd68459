/**
 * A TensorFlow graph written by hand and run as one call. tfjs on the native addon calls TensorFlow once per op from
 * JavaScript; a graph goes to TensorFlow whole, which fuses, orders and threads it. The addon offers graphs only as
 * SavedModels, so one is written to a temporary folder (saved_model.proto of tensorflow/core/protobuf), loaded and removed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { nativeBackend, tf } from './backend.ts';

/** Numbers of tensorflow.DataType. */
export const dataType = { float32: 1, int32: 3, bool: 10, bfloat16: 14, float16: 19 } as const;
export type DataType = keyof typeof dataType;

/** A node's attribute in the shape of tensorflow.AttrValue; see the helpers below. */
export type Attribute = Readonly<Record<string, unknown>>;

export const type = (name: DataType): Attribute => ({ type: dataType[name] });
export const int = (i: number): Attribute => ({ i });
export const ints = (i: readonly number[]): Attribute => ({ list: { i } });
export const float = (f: number): Attribute => ({ f });
export const bool = (b: boolean): Attribute => ({ b });
export const string = (s: string): Attribute => ({ s: Buffer.from(s) });
export const strings = (s: readonly string[]): Attribute => ({ list: { s: s.map((one) => Buffer.from(one)) } });

/** A dimension of -1 is unknown until the graph runs. */
export const shape = (size: readonly number[]): Attribute => ({ shape: dimensions(size) });

const dimensions = (size: readonly number[]) => ({ dim: size.map((one) => ({ size: one })) });

/** The name of an output, `NODE` or `NODE:INDEX`, as other nodes take it for input. */
export type Output = string;

/** A node as tensorflow.NodeDef. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly Output[];
  readonly attr: Readonly<Record<string, Attribute>>;
}

/** A function as tensorflow.FunctionDef: its nodes refer to arguments by name, to each other as `NODE:OUTPUT:0`. */
export interface GraphFunction {
  readonly name: string;
  readonly takes: readonly { readonly name: string; readonly type: number }[];
  readonly gives: readonly { readonly name: string; readonly type: number; readonly from: string }[];
  readonly nodes: readonly GraphNode[];
}

/** What `RunningGraph.run` takes and gives. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

/** Collects nodes. Names are the caller's and must differ; `add` gives back the node's first output. */
export class Graph {
  private readonly nodes = new Map<string, GraphNode>();

  has(name: string): boolean {
    return this.nodes.has(name);
  }

  add(name: string, op: string, input: readonly Output[], attr: Readonly<Record<string, Attribute>> = {}): Output {
    if (this.nodes.has(name)) throw new Error(`The graph has a node ${name} already.`);
    this.nodes.set(name, { name, op, input, attr });
    return name;
  }

  placeholder(name: string, dtype: DataType, size: readonly number[]): Output {
    return this.add(name, 'Placeholder', [], { dtype: type(dtype), shape: shape(size) });
  }

  constant(name: string, values: Float32Array | Int32Array, size: readonly number[]): Output {
    const dtype = dataType[values instanceof Int32Array ? 'int32' : 'float32'];
    const tensorContent = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    const tensor = { dtype, tensorShape: dimensions(size), tensorContent };
    return this.add(name, 'Const', [], { dtype: { type: dtype }, value: { tensor } });
  }

  integers(name: string, values: readonly number[]): Output {
    return this.constant(name, Int32Array.from(values), [values.length]);
  }

  integer(name: string, value: number): Output {
    return this.constant(name, Int32Array.of(value), []);
  }

  scalar(name: string, value: number): Output {
    return this.constant(name, Float32Array.of(value), []);
  }

  /**
   * Hands the graph to TensorFlow, after `rewrite`. Throws where tfjs runs on another backend than the native one.
   */
  start(rewrite: (nodes: GraphNode[]) => GraphBody = (nodes) => ({ nodes, functions: [] })): RunningGraph {
    const { nodes, functions } = rewrite([...this.nodes.values()]);
    const message = SavedModel.fromObject({
      savedModelSchemaVersion: 1,
      metaGraphs: [
        {
          metaInfoDef: { tags: [tag], tensorflowVersion: tf.version['tfjs-core'] },
          graphDef: {
            node: nodes,
            versions: { producer: graphVersion },
            library: { function: functions.map(functionDef) },
          },
          signatureDef: {},
        },
      ],
    });
    const dir = mkdtempSync(join(tmpdir(), 'lait-graph-'));
    try {
      writeFileSync(join(dir, 'saved_model.pb'), SavedModel.encode(message).finish());
      return new RunningGraph(binding().loadSavedModel(dir, tag));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

export interface GraphBody {
  readonly nodes: readonly GraphNode[];
  readonly functions: readonly GraphFunction[];
}

const functionDef = ({ name, takes, gives, nodes }: GraphFunction) => ({
  signature: {
    name,
    inputArg: takes,
    outputArg: gives.map(({ name: result, type: kind }) => ({ name: result, type: kind })),
  },
  nodeDef: nodes,
  ret: Object.fromEntries(gives.map(({ name: result, from }) => [result, from])),
});

/** A graph inside TensorFlow. */
export class RunningGraph {
  private readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  /** Runs the nodes that `outputs` need; gives their values in order. */
  run(inputs: Readonly<Record<Output, Values>>, outputs: readonly Output[]): Values[] {
    const native = binding();
    const ids = Object.values(inputs).map(({ shape: size, values }) =>
      native.createTensor(
        [...size],
        values instanceof Int32Array ? native.TF_INT32 : native.TF_FLOAT,
        unshared(values),
      ),
    );
    try {
      const results = native.runSavedModel(
        this.id,
        ids,
        Object.keys(inputs).map(port).join(),
        outputs.map(port).join(),
      );
      try {
        return results.map((result) => ({
          shape: result.shape,
          values: native.tensorDataSync(result.id) as Float32Array | Int32Array,
        }));
      } finally {
        for (const result of results) native.deleteTensor(result.id);
      }
    } finally {
      for (const id of ids) native.deleteTensor(id);
    }
  }

  dispose(): void {
    binding().deleteSavedModel(this.id);
  }
}

/**
 * A copy that TensorFlow copies once more. It shares the memory of an array that begins at a multiple of 64 bytes; where a variable then
 * keeps it, one of TensorFlow's threads gives it back to V8, whose lists are not made for that and break now and then. Buffers begin
 * at multiples of 16 bytes at least, so that four bytes further is never at one of 64.
 */
function unshared<Numbers extends Float32Array | Int32Array>(values: Numbers): Numbers {
  const numbers = values.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => Numbers;
  const copy = new numbers(new ArrayBuffer(values.byteLength + 4), 4, values.length);
  copy.set(values);
  return copy;
}

const port = (output: Output) => (output.includes(':') ? output : `${output}:0`);

function binding() {
  const native = nativeBackend();
  if (!native) throw new Error(`A graph needs TensorFlow's native backend; ${tf.getBackend()} is active.`);
  return native.binding;
}

const tag = 'lait';

/** The GraphDef version of TensorFlow 2.21; any since 1.15 reads the same here. */
const graphVersion = 1882;

/** The fields that are written, with their numbers, of tensorflow/core/{framework,protobuf}. */
const SavedModel = protobuf
  .parse(`syntax = "proto3"; package tensorflow;
  message TensorShapeProto { message Dim { int64 size = 1; } repeated Dim dim = 2; }
  message TensorProto { int32 dtype = 1; TensorShapeProto tensor_shape = 2; bytes tensor_content = 4; }
  message AttrValue {
    message ListValue { repeated bytes s = 2; repeated int64 i = 3; repeated float f = 4; repeated bool b = 5; repeated int32 type = 6; }
    oneof value {
      ListValue list = 1; bytes s = 2; int64 i = 3; float f = 4; bool b = 5; int32 type = 6; TensorShapeProto shape = 7;
      TensorProto tensor = 8; NameAttrList func = 10;
    }
  }
  message NameAttrList { string name = 1; }
  message OpDef {
    message ArgDef { string name = 1; int32 type = 3; }
    string name = 1; repeated ArgDef input_arg = 2; repeated ArgDef output_arg = 3;
  }
  message FunctionDef { OpDef signature = 1; repeated NodeDef node_def = 3; map<string, string> ret = 4; }
  message FunctionDefLibrary { repeated FunctionDef function = 1; }
  message NodeDef { string name = 1; string op = 2; repeated string input = 3; string device = 4; map<string, AttrValue> attr = 5; }
  message VersionDef { int32 producer = 1; }
  message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; FunctionDefLibrary library = 2; }
  message MetaInfoDef { repeated string tags = 4; string tensorflow_version = 5; }
  message TensorInfo { string name = 1; int32 dtype = 2; TensorShapeProto tensor_shape = 3; }
  message SignatureDef { map<string, TensorInfo> inputs = 1; map<string, TensorInfo> outputs = 2; string method_name = 3; }
  message MetaGraphDef { MetaInfoDef meta_info_def = 1; GraphDef graph_def = 2; map<string, SignatureDef> signature_def = 5; }
  message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2; }`)
  .root.lookupType('tensorflow.SavedModel');
