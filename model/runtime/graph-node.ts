/** What a graph is made of: nodes, their attributes and functions, as TensorFlow's protobufs have them. */

/** Numbers of tensorflow.DataType. */
export const dataType = { float32: 1, int32: 3, uint8: 4, bool: 10, bfloat16: 14, float16: 19 } as const;
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

/** A constant's value: its bytes little-endian and in C order, its type by TensorFlow's number. */
export const tensor = (dtype: number, size: readonly number[], bytes: Buffer): Attribute => ({
  tensor: { dtype, tensorShape: dimensions(size), tensorContent: bytes },
});

const dimensions = (size: readonly number[]) => ({ dim: size.map((one) => ({ size: one })) });

/** The name of an output, `NODE` or `NODE:INDEX`, as other nodes take it for input. */
export type Output = string;

/** A node as tensorflow.NodeDef. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly Output[];
  readonly attr: Readonly<Record<string, Attribute>>;
  /** Where it is computed, as TensorFlow names devices; TensorFlow decides where this is absent. */
  readonly device?: string;
}

/** A function as tensorflow.FunctionDef: its nodes refer to arguments by name, to each other as `NODE:OUTPUT:0`. */
export interface GraphFunction {
  readonly name: string;
  readonly takes: readonly { readonly name: string; readonly type: number }[];
  readonly gives: readonly { readonly name: string; readonly type: number; readonly from: string }[];
  readonly nodes: readonly GraphNode[];
}

export interface GraphBody {
  readonly nodes: readonly GraphNode[];
  readonly functions: readonly GraphFunction[];
}
