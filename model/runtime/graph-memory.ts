/**
 * How much memory a graph takes at its peak, told from its nodes without running it: each is run in the order in which it was written, its
 * outputs come and what nobody reads any more goes. TensorFlow runs several at a time and in another order, so this is what it takes
 * about.
 */
import { dataType, type GraphNode, type Output } from './graph-node.ts';

/** Whose outputs are their first input's memory; Unpack's where it takes the first axis apart. */
const views: ReadonlySet<string> = new Set(['Bitcast', 'ExpandDims', 'Identity', 'Reshape', 'Squeeze', 'Unpack']);
const isView = ({ op, attr }: GraphNode): boolean =>
  views.has(op) && (op !== 'Unpack' || ((attr.axis as { i?: number } | undefined)?.i ?? 0) === 0);

/** Who writes into the memory of an input that nobody else reads. */
const inPlace: ReadonlySet<string> = new Set([
  ...['Add', 'AddV2', 'Sub', 'Mul', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference', 'BiasAdd'],
  ...['Exp', 'Erf', 'Log', 'Neg', 'Rsqrt', 'Sqrt', 'Square', 'Tanh', 'Softmax', 'TensorScatterSub'],
]);

/** Who makes nothing, or a handle. Variables are counted by whoever has them. */
const empty: ReadonlySet<string> = new Set([
  'AssignVariableOp',
  'Const',
  'NoOp',
  'Placeholder',
  'ReadVariableOp',
  'ResourceApplyAdam',
  'VarHandleOp',
]);

/** Bytes of an element by TensorFlow's number of its type. */
const elementBytes: Readonly<Record<number, number>> = {
  [dataType.float32]: 4,
  [dataType.int32]: 4,
  [dataType.uint8]: 1,
  [dataType.bool]: 1,
  [dataType.bfloat16]: 2,
  [dataType.float16]: 2,
  17: 2, // uint16
  23: 8, // uint64
};

const comparisons = /^(Equal|NotEqual|Greater|GreaterEqual|Less|LessEqual|Logical.*|IsFinite)$/;

function bytesOf({ op, attr }: GraphNode, elements: number): number {
  if (empty.has(op)) return 0;
  if (comparisons.test(op)) return elements;
  const own = (attr[op === 'Cast' ? 'DstT' : 'T'] ?? attr.dtype ?? attr.Tparams ?? attr.type) as { type?: number };
  return elements * (elementBytes[(op.startsWith('Stateless') ? (attr.dtype as typeof own) : own)?.type ?? 1] ?? 4);
}

const nameOf = (output: Output): string => output.replace(/^\^/, '').replace(/:\d+$/, '');

/** Peak bytes of the tensors that `fetched` needs, inputs and variables not counted. `elements` as `graphOf` gives them. */
export function peakBytes(
  nodes: readonly GraphNode[],
  elements: ReadonlyMap<string, number>,
  fetched: readonly Output[],
): number {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const needed = new Set<string>();
  const queue = fetched.map(nameOf);
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    queue.push(...byName.get(name)!.input.map(nameOf));
  }
  const run = nodes.filter(({ name }) => needed.has(name));

  // The memory that an output lies in is named by who made it.
  const memoryOf = (output: Output): Output => {
    const node = byName.get(nameOf(output))!;
    return isView(node) ? memoryOf(node.input[0]!) : output.replace(/:0$/, '');
  };
  const readers = new Map<Output, number>();
  const read = ({ input }: GraphNode): Set<Output> =>
    new Set(input.filter((one) => !one.startsWith('^')).map((one) => memoryOf(one)));
  for (const node of run) {
    if (isView(node)) continue;
    for (const memory of read(node)) readers.set(memory, (readers.get(memory) ?? 0) + 1);
  }

  const sizes = new Map<Output, number>();
  let live = 0;
  let peak = 0;
  for (const node of run) {
    if (isView(node)) continue;
    const { name, op } = node;
    const bytes = bytesOf(node, elements.get(name) ?? 0);
    const gone: Output[] = [];
    for (const memory of read(node)) {
      const left = readers.get(memory)! - 1;
      readers.set(memory, left);
      if (left === 0) gone.push(memory);
    }
    const reused = inPlace.has(op) ? gone.find((memory) => sizes.get(memory) === bytes) : undefined;
    let made = 0;
    for (let port = 0; port === 0 || readers.has(`${name}:${port}`); port++) {
      const output = port === 0 ? name : `${name}:${port}`;
      if (!readers.has(output)) continue;
      sizes.set(output, bytes);
      made += bytes;
    }
    if (reused !== undefined) {
      made -= bytes;
      sizes.set(reused, 0);
    }
    live += made;
    peak = Math.max(peak, live);
    for (const memory of gone) live -= sizes.get(memory) ?? 0;
  }
  return peak;
}
