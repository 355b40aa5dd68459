/**
 * Where TensorFlow would place a graph's ops on a machine with a GPU, by the table of its kernels (gpu-kernels.py): an op without a kernel
 * for its types falls to the CPU, and a tensor crosses the bus where one op has it in another memory than the next one wants it in.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { GraphNode } from '../../model/runtime/graph-node.ts';
import type { StoredGraph } from './started-graphs.ts';

/** A name, and the attribute that says how many tensors it stands for where it may be several. */
type Argument = readonly [name: string, several?: string];

interface Op {
  readonly inputs: readonly Argument[];
  readonly outputs: readonly Argument[];
  /** Types of attributes that a node may leave out. */
  readonly defaults: Readonly<Record<string, number>>;
  readonly kernels: readonly {
    readonly types: Readonly<Record<string, readonly number[]>>;
    readonly host?: readonly string[];
  }[];
}

const table = JSON.parse(readFileSync(new URL('../model/runtime/gpu-kernels.json', import.meta.url), 'utf8')) as {
  readonly tensorflow: string;
  readonly ops: Readonly<Record<string, Op>>;
};

export const kernelsOf = table.tensorflow;

type Attr = { readonly type?: number; readonly i?: number; readonly list?: { readonly type?: readonly number[] } };
const attrOf = (node: GraphNode, name: string) => node.attr[name] as Attr | undefined;

/** The GPU kernel that a node gets; undefined where there is none for its types, null where the table lacks its op. */
function kernelOf(node: GraphNode): Op['kernels'][number] | null | undefined {
  const op = table.ops[node.op];
  if (!op) return null;
  return op.kernels.find(({ types }) =>
    Object.entries(types).every(([name, allowed]) => {
      const attr = attrOf(node, name);
      const own = attr?.list?.type?.length ? attr.list.type : [attr?.type || op.defaults[name] || 0];
      return own.every((type) => allowed.includes(type));
    }),
  );
}

/** The argument that each of a node's inputs or outputs belongs to, in order; the last one takes what is left. */
function argumentAt(node: GraphNode, args: readonly Argument[], index: number): string {
  let before = 0;
  for (const [name, several] of args) {
    const attr = several === undefined ? undefined : attrOf(node, several);
    before += several === undefined ? 1 : (attr?.list?.type?.length ?? 0) || (attr?.i ?? 1);
    if (index < before) return name;
  }
  return args.at(-1)![0];
}

type Memory = 'host' | 'device';

function memoryOf(node: GraphNode, side: 'inputs' | 'outputs', index: number): Memory {
  const kernel = kernelOf(node);
  if (!kernel) return 'host';
  const name = argumentAt(node, table.ops[node.op]![side], index);
  return kernel.host?.includes(name) ? 'host' : 'device';
}

export interface Placement {
  /** Ops that the table does not know: it is to be made again. */
  readonly unknown: readonly string[];
  /** `OP (TYPES)` of nodes, in functions too, that have no GPU kernel. */
  readonly onCpu: readonly string[];
  /** `OP → OP.argument` of tensors that are computed on the GPU and wanted in the host's memory: a step waits for each. */
  readonly toHost: readonly string[];
  /** The same of tensors that were computed from what was fed, or are constants, in the host's memory, and are wanted on the GPU. */
  readonly toDevice: readonly string[];
}

export function placementOf({ nodes, functions }: StoredGraph): Placement {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const [unknown, onCpu, toHost, toDevice] = Array.from({ length: 4 }, () => new Set<string>()) as [Set<string>, Set<string>, Set<string>, Set<string>]; // biome-ignore format: one line
  for (const node of [...nodes, ...[...functions.values()].flat()]) {
    const kernel = kernelOf(node);
    if (kernel === null) unknown.add(node.op);
    if (kernel === undefined) {
      const types = ['T', 'dtype', 'SrcT', 'DstT', 'Tparams', 'Tindices', 'type'].flatMap(
        (name) => attrOf(node, name)?.type ?? [],
      );
      onCpu.add(`${node.op} (${types})`);
    }
  }
  for (const node of nodes) {
    node.input.forEach((input, index) => {
      if (input.startsWith('^')) return;
      const [name = '', port = '0'] = input.split(':');
      const from = byName.get(name)!;
      if (from.op === 'Placeholder') return;
      const [is, wanted] = [memoryOf(from, 'outputs', Number(port)), memoryOf(node, 'inputs', index)];
      if (is !== wanted)
        (wanted === 'host' ? toHost : toDevice).add(
          `${from.op} → ${node.op}.${argumentAt(node, table.ops[node.op]?.inputs ?? [['?']], index)}`,
        );
    });
  }
  const sorted = (found: Set<string>) => [...found].sort();
  return { unknown: sorted(unknown), onCpu: sorted(onCpu), toHost: sorted(toHost), toDevice: sorted(toDevice) };
}

/** What is computed in the host's memory from ids and places of a batch, a few numbers a word or region, or is a constant as small. */
const small = new Set([
  'ConcatV2 → GatherV2.indices',
  // Seed and counter of dropout's random numbers.
  'Const → Bitcast.input',
  'Const → Cast.x',
  'Const → GatherV2.indices',
  'Const → OneHot.indices',
  'Const → OneHot.off_value',
  'Const → OneHot.on_value',
  'Pack → GatherNd.indices',
  'Pack → TensorScatterSub.indices',
  'Reshape → Bitcast.input',
  'Reshape → GatherV2.indices',
  'Reshape → UnsortedSegmentSum.segment_ids',
]);

/** Throws unless all of at least so many graphs lies on the GPU. `waits` are tensors that are known to come back to the host, from where a detector sends what it made of them to the card again. */
export function checkPlacement(
  graphs: readonly StoredGraph[],
  least: number,
  waits: readonly string[] = [],
  isDetector = false,
): void {
  assert.ok(graphs.length >= least, `${graphs.length} graphs`);
  for (const graph of graphs) {
    const { unknown, onCpu, toHost, toDevice } = placementOf(graph);
    assert.deepEqual(unknown, [], 'ops that test/interop/gpu-kernels.py has to be asked for');
    assert.deepEqual(onCpu, [], 'ops that fall to the CPU');
    assert.deepEqual(toHost, waits, 'tensors that a step waits for');
    if (isDetector) continue;
    for (const one of toDevice) assert.ok(small.has(one), `${one}: large, or new`);
  }
}
