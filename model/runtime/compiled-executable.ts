/**
 * Runs traced functions as TensorFlow graphs. tfjs on the native addon calls TensorFlow once per op, thousands of times a training
 * step. Here a function is called once per shape of its inputs to record what it would ask of the addon (trace.ts), and the
 * trace becomes nodes of one graph: forward, backward and the optimiser's update of the variables, in one call. All functions and
 * shapes share one graph, because two graphs cannot share variables; a new shape rebuilds it and carries the variables over.
 */
import { elementCount, type FedArray } from './array.ts';
import { assignedNode, compile, inputNode, nextValueNode, outputNode, valueNode } from './compile.ts';
import type { RunningGraph } from './graph.ts';
import type { Rates } from './optimizer.ts';
import type { Values } from './parameter.ts';
import { type Trace, trace } from './trace.ts';
import { type Arrays, type Executable, type ExecutableOptions, variableShapes } from './traced-function.ts';

export class CompiledExecutable implements Executable {
  readonly compiled = true;
  readonly #options: ExecutableOptions;
  readonly #shapes: Map<string, readonly number[]>;
  /** By function and shapes. */
  readonly #traces = new Map<string, Trace>();
  #running: RunningGraph | undefined;
  /** The variables while no graph runs. */
  #waiting: Values;

  constructor(options: ExecutableOptions) {
    this.#options = options;
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
    this.prepare(name, inputs);
    const key = keyOf(name, inputs);
    const traced = this.#traces.get(key)!;
    const graph = this.#start();
    const prefix = prefixOf([...this.#traces.keys()].indexOf(key));
    const fed: Record<string, FedArray> = {};
    for (const input of traced.inputs.keys()) fed[inputNode(prefix, input)] = inputs[input]!;
    if (traced.gradients.size > 0) {
      if (!rates) throw new Error(`The function ${name} gives gradients; it needs rates.`);
      for (const [rate, value] of Object.entries(rates)) fed[rate] = { shape: [], values: Float32Array.of(value) };
    }
    const names = [...traced.outputs.keys()];
    const results = graph.run(
      fed,
      names.map((output) => outputNode(prefix, output)),
    );
    return Object.fromEntries(names.map((output, index) => [output, results[index]!.values]));
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
    this.#running?.dispose();
    this.#running = undefined;
    this.#waiting.clear();
  }

  #start(): RunningGraph {
    if (this.#running) return this.#running;
    const traces = new Map([...this.#traces.values()].map((traced, index) => [prefixOf(index), traced]));
    this.#running = compile(traces, this.#options);
    this.#assign(this.#waiting);
    this.#waiting = new Map();
    return this.#running;
  }

  #stop(): void {
    if (!this.#running) return;
    this.#waiting = this.values();
    this.#running.dispose();
    this.#running = undefined;
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
