/**
 * Builds one TensorFlow graph from traced functions: the variables they share, each trace's calls as nodes (in bfloat16 where
 * asked), the optimiser's update of each trained variable, then chains of element-wise ops as XLA clusters; the graph is loaded last.
 */
import { bfloat16Adder, float32Adder } from './bfloat16.ts';
import { Graph, type RunningGraph } from './graph.ts';
import { bool, dataType, type Output, shape as shapeOf, string, tensor, type } from './graph-node.ts';
import { addUpdate, type GraphRates, slots } from './optimizer.ts';
import type { Call, Trace } from './trace.ts';
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
  const graph = new Graph();
  const elements = new Map<string, number>();
  for (const [name, shape] of variableShapes(options)) addVariable(graph, name, shape);
  const rates: GraphRates = {
    learningRate: graph.placeholder('learningRate', 'float32', []),
    beta1Power: graph.placeholder('beta1Power', 'float32', []),
    beta2Power: graph.placeholder('beta2Power', 'float32', []),
  };
  for (const [prefix, trace] of traces) addTrace(graph, prefix, trace, options, rates, elements);
  return options.xla ? graph.start((nodes) => markXlaClusters(nodes, elements)) : graph.start();
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
    nodes.set(id, dtype === 'float16' ? graph.halvesPlaceholder(node, shape) : graph.placeholder(node, dtype, shape));
  }
  for (const [name, id] of variables) nodes.set(id, valueNode(name));
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
    const node = { name: `${prefix}/${index}`, op, input: call.inputs.map(nodeOf), attr };
    const results = add(node, call.outputs.length, call.elements);
    for (const [port, id] of call.outputs.entries()) nodes.set(id, results[port]!);
  }

  const updates: Output[] = [];
  for (const spec of options.parameters) {
    const gradient = gradients.get(spec.name);
    if (gradient === undefined) continue;
    if (!options.optimizer) throw new Error('A traced function gives gradients; the executable needs an optimiser.');
    const { mean, square } = slots(spec.name);
    const handles = {
      variable: handleNode(spec.name),
      mean: handleNode(mean),
      square: handleNode(square),
      value: valueNode(spec.name),
    };
    const update = addUpdate(graph, `${prefix}/update`, options.optimizer, spec, handles, nodeOf(gradient), rates);
    updates.push(`^${update}`);
  }
  for (const [name, id] of outputs) {
    graph.add(outputNode(prefix, name), 'Identity', [nodeOf(id), ...updates], { T: type('float32') });
  }
}
