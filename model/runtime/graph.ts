/**
 * A TensorFlow graph written by hand and run as one call. tfjs on the native addon calls TensorFlow once per op from
 * JavaScript; a graph goes to TensorFlow whole, which fuses, orders and threads it. The addon loads graphs only from
 * SavedModel folders, so each graph is written to a temporary one, loaded, and the folder removed.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../dataset/temporary-folder.ts';
import { type FedArray, feedOf, isCopied, type ShapedArray } from './array.ts';
import { nativeBackend, tf } from './backend.ts';
import {
  type Attribute,
  type DataType,
  dataType,
  type GraphBody,
  type GraphNode,
  type Output,
  shape,
  tensor,
  type,
} from './graph-node.ts';
import type { RunningGraph } from './running-graph.ts';
import { encodeSavedModel, savedModelTag } from './saved-model.ts';
import { Session, type SessionSettings } from './session.ts';

/** Of a half. The addon knows no tensors of halves, so their bytes are fed. */
export const halfBytes = 2;

/** Collects nodes. Names are the caller's and must differ; `add` returns the name of the node's first output. */
export class Graph {
  readonly #nodes = new Map<string, GraphNode>();

  /** In the order in which they were added. */
  nodes(): GraphNode[] {
    return [...this.#nodes.values()];
  }

  has(name: string): boolean {
    return this.#nodes.has(name);
  }

  /** The device of a node, where one was given. */
  deviceOf(name: string): string | undefined {
    return this.#nodes.get(name)?.device;
  }

  add(
    name: string,
    op: string,
    input: readonly Output[],
    attr: Readonly<Record<string, Attribute>> = {},
    device?: string,
  ): Output {
    if (this.#nodes.has(name)) throw new Error(`The graph has a node ${name} already.`);
    this.#nodes.set(name, { name, op, input, attr, ...(device !== undefined && { device }) });
    return name;
  }

  placeholder(name: string, dtype: DataType, size: readonly number[]): Output {
    return this.add(name, 'Placeholder', [], { dtype: type(dtype), shape: shape(size) });
  }

  /** An input of halves, fed as their bytes, and what they are as float32. */
  halvesPlaceholder(name: string, size: readonly number[]): Output {
    return this.floatsOfHalves(`${name}/floats`, this.placeholder(name, 'uint8', [...size, halfBytes]));
  }

  /** What bytes of halves [..., 2] are as float32 [...]. */
  floatsOfHalves(name: string, bytes: Output): Output {
    const halves = this.add(`${name}/halves`, 'Bitcast', [bytes], { T: type('uint8'), type: type('float16') });
    return this.add(name, 'Cast', [halves], { SrcT: type('float16'), DstT: type('float32') });
  }

  constant(name: string, values: Float32Array | Int32Array, size: readonly number[]): Output {
    const dtype = dataType[values instanceof Int32Array ? 'int32' : 'float32'];
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return this.add(name, 'Const', [], { dtype: { type: dtype }, value: tensor(dtype, size, bytes) });
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
   * Loads the graph, as `rewrite` leaves it, into TensorFlow; into a session of our own where its settings are given. Throws where tfjs runs on
   * another backend than the native one.
   */
  start(
    rewrite: (nodes: GraphNode[]) => GraphBody = (nodes) => ({ nodes, functions: [] }),
    session?: SessionSettings,
  ): RunningGraph {
    const body = rewrite(this.nodes());
    if (session) return new Session(body, session);
    const bytes = encodeSavedModel(body, tf.version['tfjs-core']);
    const folder = temporaryFolder('graph');
    try {
      writeFileSync(join(folder.path, 'saved_model.pb'), bytes);
      return new LoadedGraph(binding().loadSavedModel(folder.path, savedModelTag));
    } finally {
      folder.remove();
    }
  }
}

/** A graph that tfjs' addon has loaded. */
class LoadedGraph implements RunningGraph {
  readonly #id: number;

  constructor(id: number) {
    this.#id = id;
  }

  async runLater(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]): Promise<ShapedArray[]> {
    return this.run(inputs, outputs);
  }

  run(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]): ShapedArray[] {
    // TensorFlow refuses to run nothing, as where a function has no variables.
    if (outputs.length === 0) return [];
    const native = binding();
    const ids: number[] = [];
    try {
      for (const fed of Object.values(inputs)) ids.push(tensorOf(fed, native));
      const results = native.runSavedModel(
        this.#id,
        ids,
        Object.keys(inputs).map(withPort).join(),
        outputs.map(withPort).join(),
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
    binding().deleteSavedModel(this.#id);
  }
}

/** The addon's number of a tensor with what is fed. */
function tensorOf({ shape, values: given }: FedArray, native: ReturnType<typeof binding>): number {
  const values = isCopied(given) ? given : unsharedCopy(given);
  if (values instanceof Uint16Array) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return native.createTensor([...shape, halfBytes], native.TF_UINT8, bytes);
  }
  const dtype = values instanceof Int32Array ? native.TF_INT32 : native.TF_FLOAT;
  return native.createTensor([...shape], dtype, values);
}

/** A copy that TensorFlow is sure to copy once more, of an array that was not made by `feedOf`. */
function unsharedCopy(values: FedArray['values']): FedArray['values'] {
  const copy = feedOf(values.constructor as Float32ArrayConstructor, values.length);
  copy.set(values);
  return copy;
}

const withPort = (output: Output) => (output.includes(':') ? output : `${output}:0`);

function binding() {
  const native = nativeBackend();
  if (!native) throw new Error(`A graph needs TensorFlow's native backend, but ${tf.getBackend()} is active.`);
  return native.binding;
}
