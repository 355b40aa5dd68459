/**
 * Runs traced functions as TensorFlow graphs. tfjs on the native addon calls TensorFlow once per op, thousands of times a training
 * step. Here a function is called once per shape of its inputs to record what it would ask of the addon (trace.ts), and the
 * trace becomes nodes of one graph: forward, backward and the optimiser's update of the variables, in one call. All functions and
 * shapes share one graph, because two graphs cannot share variables; a new shape rebuilds it and carries the variables over.
 */
import { elementCount, type FedArray, type ShapedArray } from './array.ts';
import {
  areasOf,
  assignedNode,
  comesAhead,
  compile,
  inputNode,
  nextValueNode,
  outputNode,
  valueNode,
} from './compile.ts';
import type { Rates } from './optimizer.ts';
import type { Values } from './parameter.ts';
import type { RunningGraph } from './running-graph.ts';
import { Staging } from './staging.ts';
import { type Trace, trace } from './trace.ts';
import { type Arrays, type Executable, type ExecutableOptions, variableShapes } from './traced-function.ts';

export class CompiledExecutable implements Executable {
  readonly compiled = true;
  readonly #options: ExecutableOptions;
  readonly #shapes: Map<string, readonly number[]>;
  /** By function and shapes. */
  readonly #traces = new Map<string, Trace>();
  #running: RunningGraph | undefined;
  #staging: Staging | undefined;
  /** The variables while no graph runs. */
  #waiting: Values;

  readonly stagesAhead: boolean;

  constructor(options: ExecutableOptions) {
    this.#options = options;
    this.stagesAhead = options.stagesAhead ?? false;
    this.#shapes = variableShapes(options);
    this.#waiting = new Map([...this.#shapes].map(([name, shape]) => [name, new Float32Array(elementCount(shape))]));
  }

  prepare(name: string, inputs: Arrays): void {
    const key = keyOf(name, inputs);
    if (this.#traces.has(key)) return;
    const body = this.#options.functions[name];
    if (!body) throw new Error(`The executable has no function ${name}.`);
    const traced = trace(body, inputs, this.#options);
    this.#stop();
    this.#traces.set(key, traced);
  }

  run(name: string, inputs: Arrays, rates?: Rates): Record<string, Float32Array | Int32Array> {
    const { graph, fed, ahead, outputs, named } = this.#call(name, inputs, rates);
    if (ahead.length > 0) throw new Error(`What the function ${name} is fed comes ahead; call runLater.`);
    return named(graph.run(fed, outputs));
  }

  async runLater(name: string, inputs: Arrays, rates?: Rates): Promise<Record<string, Float32Array | Int32Array>> {
    const { graph, fed, ahead, outputs, named } = this.#call(name, inputs, rates);
    for (const input of ahead) await this.#staging!.bring(input, inputs[input]!);
    return named(await graph.runLater(fed, outputs));
  }

  stage(inputs: Arrays): void {
    for (const [input, array] of Object.entries(inputs))
      if (array.values instanceof Uint16Array) this.#staging?.prepare(input, array);
  }

  /** What of the graph runs a function, and the names of what it gives. */
  #call(name: string, inputs: Arrays, rates: Rates | undefined) {
    this.prepare(name, inputs);
    const key = keyOf(name, inputs);
    const traced = this.#traces.get(key)!;
    const graph = this.#start();
    const prefix = prefixOf([...this.#traces.keys()].indexOf(key));
    const fed: Record<string, FedArray> = {};
    const ahead: string[] = [];
    for (const [input, form] of traced.inputs) {
      if (comesAhead(form, traced, this.#options)) ahead.push(input);
      else fed[inputNode(prefix, input)] = inputs[input]!;
    }
    if (traced.gradients.size > 0) {
      if (!rates) throw new Error(`The function ${name} gives gradients; it needs rates.`);
      for (const [rate, value] of Object.entries(rates)) fed[rate] = { shape: [], values: Float32Array.of(value) };
    }
    const names = [...traced.outputs.keys()];
    const named = (results: readonly ShapedArray[]) =>
      Object.fromEntries(names.map((output, index) => [output, results[index]!.values]));
    return { graph, fed, ahead, outputs: names.map((output) => outputNode(prefix, output)), named };
  }

  values(): Values {
    if (!this.#running) return new Map([...this.#waiting].map(([name, values]) => [name, values.slice()]));
    const names = [...this.#shapes.keys()];
    const read = this.#running.run({}, names.map(valueNode));
    return new Map(names.map((name, index) => [name, read[index]!.values as Float32Array]));
  }

  load(values: ReadonlyMap<string, Float32Array>): void {
    for (const [name, array] of values) {
      const shape = this.#shapes.get(name);
      if (!shape || elementCount(shape) !== array.length)
        throw new Error(`The executable has no variable ${name} [${array.length}].`);
      if (!this.#running) this.#waiting.set(name, array.slice());
    }
    if (this.#running) this.#assign(values);
  }

  dispose(): void {
    this.#close();
    this.#waiting.clear();
  }

  #start(): RunningGraph {
    if (this.#running) return this.#running;
    const traces = new Map([...this.#traces.values()].map((traced, index) => [prefixOf(index), traced]));
    this.#running = compile(traces, this.#options);
    if (this.stagesAhead) this.#staging = new Staging(this.#running, areasOf(traces.values(), this.#options));
    this.#assign(this.#waiting);
    this.#waiting = new Map();
    return this.#running;
  }

  #stop(): void {
    if (!this.#running) return;
    this.#waiting = this.values();
    this.#close();
  }

  /**
   * At once, so that the next graph's variables do not lie beside this one's; a graph that something is still on its way to is closed when
   * that has come. Nobody waits for it then: one that does not close lives as long as the process.
   */
  #close(): void {
    const [running, staging] = [this.#running, this.#staging];
    [this.#running, this.#staging] = [undefined, undefined];
    if (staging?.isBusy) {
      staging
        .settled()
        .then(() => running?.dispose())
        .catch(() => {});
    } else running?.dispose();
  }

  #assign(values: ReadonlyMap<string, Float32Array>): void {
    const fed = [...values].map(([name, array]) => [
      nextValueNode(name),
      { shape: this.#shapes.get(name)!, values: array },
    ]);
    this.#running?.run(Object.fromEntries(fed), [...values.keys()].map(assignedNode));
  }
}

const keyOf = (name: string, inputs: Arrays) =>
  `${name} ${Object.entries(inputs).map(([input, { shape, values }]) => `${input}[${shape}]${values instanceof Uint16Array ? ' of halves' : ''}`)}`;

const prefixOf = (index: number) => `f${index}`;
