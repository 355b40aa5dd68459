/** Writes graphs and settings as TensorFlow's messages: saved_model.pb, the only form in which tfjs' addon loads graphs, and what sessions of our own take. */
import protobuf from 'protobufjs';
import type { GraphBody, GraphFunction, GraphNode } from './graph-node.ts';

/** The tag under which the one graph of the file is found. */
export const savedModelTag = 'lait';

/** The GraphDef version of TensorFlow 2.21; every version since 1.15 reads these graphs the same way. */
const graphVersion = 1882;

/** The bytes of saved_model.pb. `writtenBy` is the library's version, which the format asks for. */
export function encodeSavedModel({ nodes, functions }: GraphBody, writtenBy: string): Uint8Array {
  const message = SavedModel.fromObject({
    savedModelSchemaVersion: 1,
    metaGraphs: [
      {
        metaInfoDef: { tags: [savedModelTag], tensorflowVersion: writtenBy },
        graphDef: graphDef({ nodes, functions }),
        signatureDef: {},
      },
    ],
  });
  return SavedModel.encode(message).finish();
}

const graphDef = ({ nodes, functions }: GraphBody) => ({
  node: nodes,
  versions: { producer: graphVersion },
  library: { function: functions.map(functionDef) },
});

/** The bytes of a tensorflow.GraphDef. */
export const encodeGraph = (body: GraphBody): Uint8Array => encode('GraphDef', graphDef(body));

/** What a session runs on. */
export interface SessionConfig {
  /** Devices that the CPU is made into; one, unless given. */
  readonly cpuDevices?: number;
  /** Which of the processes that compute together this one is, from 0 on. */
  readonly task?: number;
}

const taskName = (task: number): string => `/job:worker/replica:0/task:${task}`;

const configOf = ({ cpuDevices, task }: SessionConfig) => ({
  ...(cpuDevices !== undefined && { deviceCount: { CPU: cpuDevices } }),
  // What has no kernel on its device lies on the CPU, as it does where no device is named.
  allowSoftPlacement: true,
  // TensorFlow's optimiser goes over a graph once, not twice: the second time takes a fifth of a small run's start and changes no bit (docs/benchmarks.md).
  graphOptions: { rewriteOptions: { metaOptimizerIterations: 1 } },
  ...(task !== undefined && {
    // Variables are the session's own, and what it computes is here; with others it exchanges by collective ops alone.
    isolateSessionState: true,
    deviceFilters: [taskName(task)],
    experimental: { collectiveGroupLeader: taskName(0) },
  }),
});

/** The bytes of a tensorflow.ConfigProto. */
export const encodeConfig = (config: SessionConfig): Uint8Array => encode('ConfigProto', configOf(config));

/** The bytes of the tensorflow.ServerDef of task `config.task` among those at `addresses`, `HOST:PORT` each. */
export function encodeServer(addresses: readonly string[], config: SessionConfig): Uint8Array {
  const tasks = Object.fromEntries(addresses.map((address, index) => [index, address]));
  return encode('ServerDef', {
    cluster: { job: [{ name: 'worker', tasks }] },
    jobName: 'worker',
    taskIndex: config.task,
    defaultSessionConfig: configOf(config),
    protocol: 'grpc',
  });
}

function encode(name: string, content: Record<string, unknown>): Uint8Array {
  const message = messages.lookupType(`tensorflow.${name}`);
  return message.encode(message.fromObject(content)).finish();
}

/** A graph as a file has it: nodes, and the nodes of its functions by name. */
export interface StoredGraph {
  readonly nodes: readonly GraphNode[];
  readonly functions: ReadonlyMap<string, readonly GraphNode[]>;
}

/** The graph of a saved_model.pb that `encodeSavedModel` wrote. */
export function decodeSavedModel(bytes: Uint8Array): StoredGraph {
  const { metaGraphs } = SavedModel.toObject(SavedModel.decode(bytes), { longs: Number, arrays: true, objects: true });
  const { node, library } = metaGraphs[0].graphDef;
  const functions = (library?.function ?? []) as { signature: { name: string }; nodeDef: GraphNode[] }[];
  return { nodes: node, functions: new Map(functions.map(({ signature, nodeDef }) => [signature.name, nodeDef])) };
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

/** The fields that are written, with their numbers, of tensorflow/core/{framework,protobuf}. */
const messages = protobuf.parse(`syntax = "proto3"; package tensorflow;
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
  message SavedModel { int64 saved_model_schema_version = 1; repeated MetaGraphDef meta_graphs = 2; }
  message RewriterConfig { int32 meta_optimizer_iterations = 12; }
  message GraphOptions { RewriterConfig rewrite_options = 10; }
  message ConfigProto {
    message Experimental { string collective_group_leader = 1; }
    map<string, int32> device_count = 1; repeated string device_filters = 4; bool allow_soft_placement = 7; GraphOptions graph_options = 10; bool isolate_session_state = 15; Experimental experimental = 16;
  }
  message JobDef { string name = 1; map<int32, string> tasks = 2; }
  message ClusterDef { repeated JobDef job = 1; }
  message ServerDef { ClusterDef cluster = 1; string job_name = 2; int32 task_index = 3; ConfigProto default_session_config = 4; string protocol = 5; }`).root;

const SavedModel = messages.lookupType('tensorflow.SavedModel');
