/**
 * A TensorFlow graph written by hand and run as one call. tfjs on the native addon calls TensorFlow once per op from
 * JavaScript; a graph goes to TensorFlow whole, which fuses, orders and threads it. The addon loads graphs only from
 * SavedModel folders, so each graph is written to a temporary one, loaded, and the folder removed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { encodeSavedModel, savedModelTag } from './saved-model.ts';

/** Of a half. The addon knows no tensors of halves, so their bytes are fed. */
const halfBytes = 2;

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

  add(name: string, op: string, input: readonly Output[], attr: Readonly<Record<string, Attribute>> = {}): Output {
    if (this.#nodes.has(name)) throw new Error(`The graph has a node ${name} already.`);
    this.#nodes.set(name, { name, op, input, attr });
    return name;
  }

  placeholder(name: string, dtype: DataType, size: readonly number[]): Output {
    return this.add(name, 'Placeholder', [], { dtype: type(dtype), shape: shape(size) });
  }

  /** An input of halves, fed as their bytes, and what they are as float32. */
  halvesPlaceholder(name: string, size: readonly number[]): Output {
    this.placeholder(name, 'uint8', [...size, halfBytes]);
    const halves = this.add(`${name}/halves`, 'Bitcast', [name], { T: type('uint8'), type: type('float16') });
    return this.add(`${name}/floats`, 'Cast', [halves], { SrcT: type('float16'), DstT: type('float32') });
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

  /** Loads the graph, as `rewrite` leaves it, into TensorFlow. Throws where tfjs runs on another backend than the native one. */
  start(rewrite: (nodes: GraphNode[]) => GraphBody = (nodes) => ({ nodes, functions: [] })): RunningGraph {
    const bytes = encodeSavedModel(rewrite(this.nodes()), tf.version['tfjs-core']);
    const dir = mkdtempSync(join(tmpdir(), 'lait-graph-'));
    try {
      writeFileSync(join(dir, 'saved_model.pb'), bytes);
      return new RunningGraph(binding().loadSavedModel(dir, savedModelTag));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

/** A graph inside TensorFlow. */
export class RunningGraph {
  readonly #id: number;

  constructor(id: number) {
    this.#id = id;
  }

  /** Runs the nodes that `outputs` need and returns the outputs' values in order. */
  run(inputs: Readonly<Record<Output, FedArray>>, outputs: readonly Output[]): ShapedArray[] {
    const native = binding();
    const ids = Object.values(inputs).map((fed) => {
      const values = isCopied(fed.values) ? fed.values : unsharedCopy(fed.values);
      if (values instanceof Uint16Array) {
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        return native.createTensor([...fed.shape, halfBytes], native.TF_UINT8, bytes);
      }
      const dtype = values instanceof Int32Array ? native.TF_INT32 : native.TF_FLOAT;
      return native.createTensor([...fed.shape], dtype, values);
    });
    try {
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
