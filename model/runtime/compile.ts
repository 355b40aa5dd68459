import { inFull, inHalf } from './bfloat16.ts';
import { bool, dataType, Graph, type Output, type RunningGraph, shape as shapeOf, string, type } from './graph.ts';
import { addUpdate, type GraphRates, type Rates, slots } from './optimizer.ts';
import type { Values } from './parameter.ts';
import { type Constant, sizeOf, type Trace, trace } from './trace.ts';
import {
  type Arrays,
  type Executable,
  type ExecutableOptions,
  type NamedArray,
  variableShapes,
} from './traced-function.ts';
import { markXlaClusters } from './xla-clusters.ts';

export class CompiledExecutable implements Executable {
  readonly compiled = true;
  private readonly options: ExecutableOptions;
  private readonly shapes: Map<string, readonly number[]>;
  private readonly recordings = new Map<string, Trace>();
  private running: RunningGraph | undefined;
  /** Where the variables are while no graph runs. */
  private waiting: Values;

  constructor(options: ExecutableOptions) {
    this.options = options;
    this.shapes = variableShapes(options);
    this.waiting = new Map([...this.shapes].map(([name, shape]) => [name, new Float32Array(sizeOf(shape))]));
  }

  prepare(routine: string, inputs: Arrays): void {
    const key = keyOf(routine, inputs);
    if (this.recordings.has(key)) return;
    const body = this.options.functions[routine];
    if (!body) throw new Error(`The program has no routine ${routine}.`);
    const recording = trace(body, inputs, this.options);
    this.stop();
    this.recordings.set(key, recording);
  }

  run(routine: string, inputs: Arrays, rates?: Rates): Record<string, Float32Array | Int32Array> {
    this.prepare(routine, inputs);
    const key = keyOf(routine, inputs);
    const recording = this.recordings.get(key) as Trace;
    const graph = this.start();
    const prefix = `f${[...this.recordings.keys()].indexOf(key)}`;
    const fed: Record<string, NamedArray> = {};
    for (const name of recording.inputs.keys()) fed[`${prefix}/in/${name}`] = inputs[name] as NamedArray;
    if (recording.gradients.size > 0) {
      if (!rates) throw new Error(`The routine ${routine} gives gradients; it needs rates.`);
      for (const [name, value] of Object.entries(rates)) fed[name] = { shape: [], values: Float32Array.of(value) };
    }
    const names = [...recording.outputs.keys()];
    const results = graph.run(
      fed,
      names.map((name) => `${prefix}/out/${name}`),
    );
    return Object.fromEntries(names.map((name, index) => [name, (results[index] as NamedArray).values]));
  }

  values(): Values {
    if (!this.running) return new Map([...this.waiting].map(([name, values]) => [name, values.slice()]));
    const names = [...this.shapes.keys()];
    const read = this.running.run({}, names.map(valueNode));
    return new Map(names.map((name, index) => [name, (read[index] as NamedArray).values as Float32Array]));
  }

  load(values: ReadonlyMap<string, Float32Array>): void {
    for (const [name, array] of values) {
      const shape = this.shapes.get(name);
      if (!shape || sizeOf(shape) !== array.length)
        throw new Error(`The program has no variable ${name} [${array.length}].`);
      if (!this.running) this.waiting.set(name, array.slice());
    }
    if (this.running) this.feed(values);
  }

  dispose(): void {
    this.running?.dispose();
    this.running = undefined;
    this.waiting.clear();
  }

  private stop(): void {
    if (!this.running) return;
    this.waiting = this.values();
    this.running.dispose();
    this.running = undefined;
  }

  private start(): RunningGraph {
    if (this.running) return this.running;
    const graph = new Graph();
    const elements = new Map<string, number>();
    for (const [name, shape] of this.shapes) addVariable(graph, name, shape);
    const rates = Object.fromEntries(
      ['learningRate', 'beta1Power', 'beta2Power'].map((name) => [name, graph.placeholder(name, 'float32', [])]),
    ) as unknown as GraphRates;
    [...this.recordings.values()].forEach((recording, index) => {
      addRoutine(graph, `f${index}`, recording, this.options, rates, elements);
    });
    this.running = this.options.xla ? graph.start((nodes) => markXlaClusters(nodes, elements)) : graph.start();
    this.feed(this.waiting);
    this.waiting = new Map();
    return this.running;
  }

  private feed(values: ReadonlyMap<string, Float32Array>): void {
    const fed = [...values].map(([name, array]) => [
      `${variableNode(name)}/next`,
      { shape: this.shapes.get(name) as readonly number[], values: array },
    ]);
    this.running?.run(
      Object.fromEntries(fed),
      [...values.keys()].map((name) => `${variableNode(name)}/assigned`),
    );
  }
}

const keyOf = (routine: string, inputs: Arrays) =>
  `${routine} ${Object.entries(inputs).map(([name, { shape }]) => `${name}[${shape}]`)}`;

const variableNode = (name: string) => `v/${name}`;
const valueNode = (name: string) => `v/${name}/value`;

/** A variable, its value, and a way to set it from outside. */
function addVariable(graph: Graph, name: string, shape: readonly number[]): void {
  const node = variableNode(name);
  const dtype = type('float32');
  graph.add(node, 'VarHandleOp', [], {
    dtype,
    shape: shapeOf(shape),
    shared_name: string(node),
    container: string(''),
  });
  graph.add(valueNode(name), 'ReadVariableOp', [node], { dtype });
  graph.placeholder(`${node}/next`, 'float32', shape);
  graph.add(`${node}/assign`, 'AssignVariableOp', [node, `${node}/next`], { dtype });
  const one = { dtype: dataType.int32, tensorShape: { dim: [] }, tensorContent: Buffer.from(Int32Array.of(1).buffer) };
  graph.add(`${node}/assigned`, 'Const', [`^${node}/assign`], { dtype: type('int32'), value: { tensor: one } });
}

/**
 * Marks a sum as one that TensorFlow's optimiser has been through. Else it joins sums of three and more to an AddN, and in graphs of more
 * than 200 MB gathers its terms in the order in which they are ready: two runs would differ in their last bits. For the same reason
 * routines do not add three and more by tf.addN.
 */
const inOrder = { _grappler_ArithmeticOptimizer_AddOpsRewriteStage: bool(true) };

/** Writes a recording as nodes `PREFIX/in/NAME`, `PREFIX/out/NAME` and what lies between them. Outputs are float32. */
function addRoutine(
  graph: Graph,
  prefix: string,
  { calls, constants, inputs, variables, outputs, gradients }: Trace,
  { parameters, optimizer, precision }: ExecutableOptions,
  rates: GraphRates,
  elements: Map<string, number>,
): void {
  const node = new Map<number, Output>();
  for (const [name, { id, shape, whole }] of inputs) {
    node.set(id, graph.placeholder(`${prefix}/in/${name}`, whole ? 'int32' : 'float32', shape));
  }
  for (const [name, id] of variables) node.set(id, valueNode(name));
  const nodeOf = (id: number): Output => {
    const known = node.get(id);
    if (known) return known;
    const { shape, dtype, bytes } = constants.get(id) as Constant;
    const tensor = { dtype, tensorShape: { dim: shape.map((length) => ({ size: length })) }, tensorContent: bytes };
    const name = graph.add(`${prefix}/c${id}`, 'Const', [], { dtype: { type: dtype }, value: { tensor } });
    node.set(id, name);
    return name;
  };
  const add = precision === 'bf16' ? inHalf(graph, elements) : inFull(graph, elements);
  calls.forEach(({ op, attributes, inputs: ids, outputs: made, elements: count }, index) => {
    const name = `${prefix}/${index}`;
    const attr = op === 'Add' || op === 'AddV2' ? { ...attributes, ...inOrder } : attributes;
    const results = add({ name, op, input: ids.map(nodeOf), attr }, made.length, count);
    made.forEach((id, port) => {
      node.set(id, results[port] as Output);
    });
  });
  const done: Output[] = [];
  if (gradients.size > 0) {
    if (!optimizer) throw new Error('A routine gives gradients; the program needs an optimiser.');
    for (const spec of parameters) {
      const gradient = gradients.get(spec.name);
      if (gradient === undefined) continue;
      const { mean, square } = slots(spec.name);
      const handles = {
        variable: variableNode(spec.name),
        mean: variableNode(mean),
        square: variableNode(square),
        value: valueNode(spec.name),
      };
      done.push(`^${addUpdate(graph, `${prefix}/update`, optimizer, spec, handles, nodeOf(gradient), rates)}`);
    }
  }
  for (const [name, id] of outputs) {
    const of = nodeOf(id);
    graph.add(`${prefix}/out/${name}`, 'Identity', [of, ...done], { T: type('float32') });
  }
}
