/**
 * Builds one TensorFlow graph from traced functions: the variables they share, each trace's calls as nodes (in bfloat16 where
 * asked), the optimiser's update of each trained variable, then chains of element-wise ops as XLA clusters; the graph is loaded last.
 */
import { nativeBackend } from './backend.ts';
import { bfloat16Adder, float32Adder } from './bfloat16.ts';
import type { Call } from './call.ts';
import { Graph } from './graph.ts';
import {
  bool,
  dataType,
  type GraphBody,
  type GraphNode,
  type Output,
  shape as shapeOf,
  string,
  tensor,
  type,
} from './graph-node.ts';
import { addUpdate, averageOf, type GraphRates, slots } from './optimizer.ts';
import type { RunningGraph } from './running-graph.ts';
import type { SessionSettings } from './session.ts';
import { addArea, areaOf } from './staging.ts';
import type { Trace, TracedInput } from './trace.ts';
import { type ExecutableOptions, variableShapes } from './traced-function.ts';
import { markXlaClusters } from './xla-clusters.ts';

/** Names of nodes to feed and to fetch. */
export const inputNode = (prefix: string, name: string): Output => `${prefix}/in/${name}`;
export const outputNode = (prefix: string, name: string): Output => `${prefix}/out/${name}`;
export const valueNode = (variable: string): Output => `v/${variable}/value`;
/** Fetching `assignedNode` sets the variable to what is fed to `nextValueNode`. */
export const nextValueNode = (variable: string): Output => `v/${variable}/next`;
export const assignedNode = (variable: string): Output => `v/${variable}/assigned`;

/** The rates (`Rates`) are fed under their own names. Traces are named by their prefix. Variables have no values at first. */
export function compile(traces: ReadonlyMap<string, Trace>, options: ExecutableOptions): RunningGraph {
  const { graph, elements } = graphOf(traces, options);
  const bodyOf = (nodes: GraphNode[]): GraphBody => {
    const body = options.xla ? markXlaClusters(nodes, elements) : { nodes, functions: [] };
    return { ...body, nodes: placed(body.nodes, options) };
  };
  return graph.start(bodyOf, sessionOf(options));
}

/** Whether an input of a trace lies on the device before it is called, so that it is not fed. */
export const comesAhead = (
  { dtype }: Pick<TracedInput, 'dtype'>,
  { gradients }: Pick<Trace, 'gradients'>,
  { stagesAhead }: Pick<ExecutableOptions, 'stagesAhead'>,
): boolean => stagesAhead === true && dtype === 'float16' && gradients.size > 0;

/** The staging areas of traces. */
export const areasOf = (traces: Iterable<Trace>, options: ExecutableOptions): string[] =>
  [...traces].flatMap((trace) =>
    [...trace.inputs].flatMap(([name, input]) => (comesAhead(input, trace, options) ? areaOf(name, input.shape) : [])),
  );

/** The graph before it is started, and how many elements each output of its nodes has. */
export function graphOf(
  traces: ReadonlyMap<string, Trace>,
  options: ExecutableOptions,
): { readonly graph: Graph; readonly elements: ReadonlyMap<string, number> } {
  const graph = new Graph();
  const elements = new Map<string, number>();
  for (const [name, shape] of variableShapes(options)) addVariable(graph, name, shape);
  const rates: GraphRates = {
    learningRate: graph.placeholder('learningRate', 'float32', []),
    beta1Power: graph.placeholder('beta1Power', 'float32', []),
    beta2Power: graph.placeholder('beta2Power', 'float32', []),
    ...(options.optimizer?.averageDecay !== undefined && { averageKept: graph.placeholder('averageKept', 'float32', []) }), // biome-ignore format: one line
  };
  for (const [prefix, trace] of traces) addTrace(graph, prefix, trace, options, rates, elements);
  return { graph, elements };
}

/** What has no device of its own lies on the first one. A graph of one device is left to TensorFlow. */
function placed(nodes: readonly GraphNode[], options: ExecutableOptions): readonly GraphNode[] {
  const first = deviceName(0, options);
  return first === undefined ? nodes : nodes.map((node) => ({ device: first, ...node }));
}

/** TensorFlow's name of a device of this process. */
function deviceName(device: number, { devices = 1, cluster }: ExecutableOptions): string | undefined {
  if (devices === 1 && !cluster) return undefined;
  const task = cluster ? `/job:worker/replica:0/task:${cluster.task}` : '';
  return `${task}/device:${nativeBackend()?.isUsingGpuDevice ? 'GPU' : 'CPU'}:${device}`;
}

/** The settings of the session that a graph needs of its own, on several devices, among several processes, or to be fed ahead. */
function sessionOf({ devices = 1, cluster, stagesAhead }: ExecutableOptions): SessionSettings | undefined {
  if (devices === 1 && !cluster && !stagesAhead) return undefined;
  const onGpu = nativeBackend()?.isUsingGpuDevice;
  return { ...(!onGpu && devices > 1 && { cpuDevices: devices }), ...cluster };
}

/** A variable, its value, and a way to set it from outside. */
function addVariable(graph: Graph, name: string, shape: readonly number[]): void {
  const handle = handleNode(name);
  const dtype = type('float32');
  graph.add(handle, 'VarHandleOp', [], {
    dtype,
    shape: shapeOf(shape),
    shared_name: string(handle),
    container: string(''),
  });
  graph.add(valueNode(name), 'ReadVariableOp', [handle], { dtype });
  graph.placeholder(nextValueNode(name), 'float32', shape);
  const assign = graph.add(`${handle}/assign`, 'AssignVariableOp', [handle, nextValueNode(name)], { dtype });
  const one = tensor(dataType.int32, [], Buffer.from(Int32Array.of(1).buffer));
  graph.add(assignedNode(name), 'Const', [`^${assign}`], { dtype: type('int32'), value: one });
}

const handleNode = (variable: string): Output => `v/${variable}`;

/**
 * Marks a sum as one that TensorFlow's optimiser has been through. Otherwise the optimiser joins sums of three and more terms into
 * one AddN, which in graphs of more than 200 MB adds its terms in the order in which they are ready: two runs would differ in
 * their last bits. For the same reason no traced function adds three terms or more by tf.addN.
 */
const inOrder = { _grappler_ArithmeticOptimizer_AddOpsRewriteStage: bool(true) };

/** PadV2 takes what it pads with from the host's memory, and a step on a GPU would wait for it; Pad has its zeros. */
function paddedByZeros(call: Call, constants: Trace['constants']): Call {
  const [x, paddings, value] = call.inputs as [number, number, number];
  if (call.op !== 'PadV2' || constants.get(value)?.bytes.some((byte) => byte !== 0) !== false) return call;
  return { ...call, op: 'Pad', inputs: [x, paddings] };
}

/**
 * Adds a trace: its inputs, its calls between them and its outputs, which are float32 and come after the optimiser's updates. Notes in
 * `elements` how many elements each call's output has.
 */
function addTrace(
  graph: Graph,
  prefix: string,
  { calls, constants, inputs, variables, outputs, gradients }: Trace,
  options: ExecutableOptions,
  rates: GraphRates,
  elements: Map<string, number>,
): void {
  const nodes = new Map<number, Output>();
  for (const [name, { id, shape, dtype }] of inputs) {
    const node = inputNode(prefix, name);
    if (comesAhead({ dtype }, { gradients }, options)) nodes.set(id, addArea(graph, name, shape));
    else
      nodes.set(id, dtype === 'float16' ? graph.halvesPlaceholder(node, shape) : graph.placeholder(node, dtype, shape));
  }
  const shapes = variableShapes(options);
  const isAveraged = (name: string): boolean => shapes.has(averageOf(name));
  for (const [name, id] of variables) {
    nodes.set(id, valueNode(gradients.size === 0 && isAveraged(name) ? averageOf(name) : name));
  }
  const nodeOf = (id: number): Output => {
    const known = nodes.get(id);
    if (known) return known;
    const { shape, dtype, bytes } = constants.get(id)!;
    const attr = { dtype: { type: dtype }, value: tensor(dtype, shape, bytes) };
    const name = graph.add(`${prefix}/c${id}`, 'Const', [], attr);
    nodes.set(id, name);
    return name;
  };

  const add = options.precision === 'bf16' ? bfloat16Adder(graph, elements) : float32Adder(graph, elements);
  for (const [index, made] of calls.entries()) {
    const call = paddedByZeros(made, constants);
    const { op, attributes } = call;
    const attr = op === 'Add' || op === 'AddV2' ? { ...attributes, ...inOrder } : attributes;
    const after = (call.after ?? []).map((id) => `^${nodeOf(id).replace(/:.*/, '')}`);
    const device = deviceName(call.device, options);
    const input = [...call.inputs.map(nodeOf), ...after];
    const node = { name: `${prefix}/${index}`, op, input, attr, ...(device && { device }) };
    const results = add(node, call.outputs.length, call.elements);
    for (const [port, id] of call.outputs.entries()) nodes.set(id, results[port]!);
  }

  const updates: Output[] = [];
  for (const spec of options.parameters) {
    const gradient = gradients.get(spec.name);
    if (gradient === undefined) continue;
    if (!options.optimizer) throw new Error('A traced function gives gradients; the executable needs an optimiser.');
    const { mean, square } = slots(spec.name);
    const place = (name: string) => ({ variable: handleNode(name), value: valueNode(name) });
    const handles = {
      ...place(spec.name),
      mean: handleNode(mean),
      square: handleNode(square),
      ...(isAveraged(spec.name) && { average: place(averageOf(spec.name)) }),
    };
    const update = addUpdate(graph, `${prefix}/update`, options.optimizer, spec, handles, nodeOf(gradient), rates);
    updates.push(`^${update}`);
  }
  for (const [name, id] of outputs) {
    graph.add(outputNode(prefix, name), 'Identity', [nodeOf(id), ...updates], { T: type('float32') });
  }
}
