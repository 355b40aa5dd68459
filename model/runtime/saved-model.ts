/** Writes a graph as TensorFlow's saved_model.pb, the only form in which the addon loads graphs. */
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
        graphDef: {
          node: nodes,
          versions: { producer: graphVersion },
          library: { function: functions.map(functionDef) },
        },
        signatureDef: {},
      },
    ],
  });
  return SavedModel.encode(message).finish();
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
