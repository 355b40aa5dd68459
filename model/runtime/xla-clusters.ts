/**
 * Fuses chains of element-wise ops of a graph with XLA, TensorFlow's compiler. TensorFlow alone makes one pass over memory for
 * each op; a chain between two matrix products (bias, GELU, dropout, residual, LayerNorm, the casts of bfloat16) becomes one call
 * that reads its inputs and writes its outputs once. Products stay TensorFlow's: oneDNN's are the faster ones on a CPU.
 */
import { bool, dataType, type GraphFunction, type GraphNode, type Output } from './graph-node.ts';

/** What a fusable op takes and gives: names of the attributes that hold its inputs' types, and its output's name and type. */
interface Fusable {
  readonly takes: readonly string[];
  readonly gives: string;
  /** The attribute that holds the output's type; `bool` is itself. */
  readonly as: string;
}

const unary: Fusable = { takes: ['T'], gives: 'y', as: 'T' };
const binary: Fusable = { takes: ['T', 'T'], gives: 'z', as: 'T' };
const comparison: Fusable = { ...binary, as: 'bool' };
const reduction: Fusable = { takes: ['T', 'Tidx'], gives: 'output', as: 'T' };

/** Argument names of tensorflow/core/ops/{math,array}_ops.cc, which a function's nodes refer to. */
const fusable: ReadonlyMap<string, Fusable> = new Map([
  ...['Exp', 'Erf', 'Neg', 'Rsqrt', 'Sqrt', 'Square', 'Tanh', 'Abs', 'Log1p'].map((op) => [op, unary] as const),
  ...['Add', 'AddV2', 'Sub', 'Mul', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference'].map(
    (op) => [op, binary] as const,
  ),
  ...['Greater', 'GreaterEqual', 'Equal'].map((op) => [op, comparison] as const),
  ...['Sum', 'Mean', 'Max'].map((op) => [op, reduction] as const),
  ['Cast', { takes: ['SrcT'], gives: 'y', as: 'DstT' }],
  ['Reshape', { takes: ['T', 'Tshape'], gives: 'output', as: 'T' }],
]);

/** Fewer elements than this are no work to save and only something to compile (ours). */
const leastElements = 512;

/** `elements` of a node's output decide whether it is worth it; a node that is not named there stays as it is. */
export function markXlaClusters(
  nodes: readonly GraphNode[],
  elements: ReadonlyMap<string, number>,
): { nodes: GraphNode[]; functions: GraphFunction[] } {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const clusters = findClusters(nodes, byName, elements);
  const functions = new Map<string, GraphFunction>();
  const renamed = new Map<string, Output>();
  const made = new Map<string, GraphNode>();
  const used = outsideUses(nodes, clusters);
  for (const [root, members] of groupsOf(clusters)) {
    const outputs = members.filter((name) => used.has(name));
    const { body, args } = functionOf(members, outputs, byName);
    const key = JSON.stringify(body, (_, value) => (value instanceof Uint8Array ? [...value] : value));
    const known = functions.get(key) ?? { ...body, name: `fused${functions.size}` };
    functions.set(key, known);
    const call = `${root}/fused`;
    made.set(root, {
      name: call,
      op: 'PartitionedCall',
      input: args,
      attr: {
        Tin: { list: { type: body.takes.map(({ type }) => type) } },
        Tout: { list: { type: body.gives.map(({ type }) => type) } },
        f: { func: { name: known.name } },
        _XlaMustCompile: bool(true),
      },
    });
    outputs.forEach((name, port) => {
      renamed.set(name, port === 0 ? call : `${call}:${port}`);
    });
  }
  const rename = (input: Output): Output => {
    const name = nameOf(input);
    const now = renamed.get(name);
    if (now === undefined) return input;
    return input.startsWith('^') ? `^${nameOf(now)}` : now;
  };
  const left = nodes.flatMap((node): GraphNode[] => {
    const cluster = clusters.get(node.name);
    if (cluster === undefined) return [{ ...node, input: node.input.map(rename) }];
    const call = cluster === node.name ? made.get(cluster) : undefined;
    return call ? [{ ...call, input: call.input.map(rename) }] : [];
  });
  return { nodes: left, functions: [...functions.values()] };
}

const nameOf = (output: Output) => output.replace(/^\^/, '').replace(/:\d+$/, '');

/**
 * The cluster of each node that is fused, named by its first node. A node's phase is how many nodes that stay lie on the longest
 * way to it; nodes of one phase that feed each other can be one call, since a way out of them and back would end in a later phase.
 */
function findClusters(
  nodes: readonly GraphNode[],
  byName: ReadonlyMap<string, GraphNode>,
  elements: ReadonlyMap<string, number>,
): Map<string, string> {
  const phases = new Map<string, number>();
  const parent = new Map<string, string>();
  const find = (name: string): string => {
    let root = name;
    while (parent.get(root) !== root) root = parent.get(root)!;
    parent.set(name, root);
    return root;
  };
  for (const node of nodes) {
    const fused = canFuse(node, byName, elements);
    let phase = 0;
    for (const input of node.input) {
      const name = nameOf(input);
      phase = Math.max(phase, phases.get(name) ?? 0);
    }
    phases.set(node.name, fused || node.op === 'Const' ? phase : phase + 1);
    if (!fused) continue;
    parent.set(node.name, node.name);
    for (const input of node.input) {
      const name = nameOf(input);
      if (parent.has(name) && phases.get(name) === phase) parent.set(find(node.name), find(name));
    }
  }
  const first = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const name of parent.keys()) {
    const root = find(name);
    if (!first.has(root)) first.set(root, name);
    counts.set(root, (counts.get(root) ?? 0) + 1);
  }
  return new Map(
    [...parent.keys()].filter((name) => counts.get(find(name))! > 1).map((name) => [name, first.get(find(name))!]),
  );
}

function canFuse(
  node: GraphNode,
  byName: ReadonlyMap<string, GraphNode>,
  elements: ReadonlyMap<string, number>,
): boolean {
  const kind = fusable.get(node.op);
  if (!kind || (elements.get(node.name) ?? 0) < leastElements) return false;
  if (node.input.some((input) => input.startsWith('^'))) return false;
  // XLA needs axes and shapes when it compiles.
  if (kind.takes.length === 2 && kind.takes[1] !== 'T' && byName.get(nameOf(node.input[1]!))?.op !== 'Const')
    return false;
  return kind !== reduction || alongRows(byName.get(nameOf(node.input[1]!))!);
}

/** Whether these are the axes of a sum over one axis that is not the first: a sum over rows (a bias' gradient) stays TensorFlow's. */
function alongRows({ attr }: GraphNode): boolean {
  const { tensorContent } = (attr.value as { tensor: { tensorContent: Buffer } }).tensor;
  return tensorContent.length === 4 && tensorContent.readInt32LE(0) > 0;
}

function groupsOf(clusters: ReadonlyMap<string, string>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, root] of clusters) {
    const group = groups.get(root);
    if (group) group.push(name);
    else groups.set(root, [name]);
  }
  return groups;
}

/** Fused nodes that a node outside their cluster reads. */
function outsideUses(nodes: readonly GraphNode[], clusters: ReadonlyMap<string, string>): Set<string> {
  const used = new Set<string>();
  for (const { name, input } of nodes) {
    for (const one of input) {
      const from = nameOf(one);
      if (clusters.has(from) && clusters.get(from) !== clusters.get(name)) used.add(from);
    }
  }
  return used;
}

/** The members as a function with constants inside, under names of its own, so that equal clusters make equal functions. */
function functionOf(members: readonly string[], outputs: readonly string[], byName: ReadonlyMap<string, GraphNode>) {
  const args: Output[] = [];
  const takes: { name: string; type: number }[] = [];
  const inner = new Map<Output, string>();
  const own = new Map(members.map((name, index) => [name, `n${index}`]));
  const nodes: GraphNode[] = [];
  for (const member of members) {
    const node = byName.get(member)!;
    const { takes: types } = fusable.get(node.op)!;
    const input = node.input.map((output, at) => {
      const from = byName.get(nameOf(output))!;
      const mine = own.get(from.name);
      if (mine) return `${mine}:${fusable.get(from.op)!.gives}:0`;
      const known = inner.get(output);
      if (known) return known;
      if (from.op === 'Const' && from.input.length === 0) {
        const constant = `c${inner.size}`;
        nodes.push({ ...from, name: constant });
        inner.set(output, `${constant}:output:0`);
      } else {
        inner.set(output, `a${args.length}`);
        takes.push({ name: `a${args.length}`, type: typeOf(node, types[at]!) });
        args.push(output);
      }
      return inner.get(output)!;
    });
    nodes.push({ ...node, name: own.get(member)!, input });
  }
  const gives = outputs.map((name, index) => {
    const node = byName.get(name)!;
    const { as, gives: output } = fusable.get(node.op)!;
    return { name: `r${index}`, type: typeOf(node, as), from: `${own.get(name)}:${output}:0` };
  });
  return { body: { takes, gives, nodes }, args };
}

const typeOf = ({ attr }: GraphNode, name: string): number =>
  name === 'bool' ? dataType.bool : (attr[name]!.type as number);
