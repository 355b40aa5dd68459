/**
 * Functions of tfjs ops over one set of trained variables, and the executable that runs them: op by op (eager-executable.ts) or as
 * one TensorFlow graph (compiled-executable.ts).
 */

import type { FedArray } from './array.ts';
import type { Tensor, Variable } from './backend.ts';
import { type AdamW, averageOf, type Rates, slots } from './optimizer.ts';
import { learns, type ParameterSpec, type Values } from './parameter.ts';

export interface TracedResult {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** By parameter name; where given, the optimiser updates those parameters after the function. */
  readonly gradients?: ReadonlyMap<string, Tensor>;
}

/**
 * Tensors in, tensors out, by name. It must not read values in JavaScript: when compiled, its JavaScript runs only once per shape
 * of the inputs, so whatever changes from run to run must be an input.
 */
export type TracedFunction = (
  inputs: Inputs,
  parameters: Parameters,
  variables: ReadonlyMap<string, Variable>,
) => TracedResult;

export interface ExecutableOptions {
  readonly parameters: readonly ParameterSpec[];
  readonly functions: Readonly<Record<string, TracedFunction>>;
  /** Without one the variables never change. Where it keeps averages, functions that are called without rates, to measure, read these for the parameters. */
  readonly optimizer?: AdamW;
  /** bf16: matrix products in bfloat16; parameters, sums and everything else stay float32. Compiled only. */
  readonly precision?: Precision;
  /** Fuses element-wise ops between matrix products (xla-clusters.ts). Compiled only. */
  readonly xla?: boolean;
  /** Computes the inside of each `checkpointed` part anew for the gradients instead of keeping it (recompute.ts). Compiled only. */
  readonly recompute?: boolean;
  /** Devices of this machine that functions may use (devices.ts); 1 unless given. Compiled only. */
  readonly devices?: number;
  /** The processes that functions compute with (peers.ts). Compiled only. */
  readonly cluster?: Cluster;
  /** Halves that functions with gradients are fed go to the device ahead of the call (staging.ts); such functions are called by `runLater`. Compiled only. */
  readonly stagesAhead?: boolean;
}

/** One of several processes that run the same functions at the same time. */
export interface Cluster {
  /** Its number, from 0 on. */
  readonly task: number;
  /** The address of TensorFlow's server in it. */
  readonly target: string;
}

export type Precision = 'f32' | 'bf16';

export interface Executable {
  readonly compiled: boolean;
  readonly stagesAhead: boolean;
  /** Announces a function at the inputs' shapes. Whatever is announced before a run is compiled together, once. */
  prepare(name: string, inputs: Arrays): void;
  /** Runs a function, and the optimiser where the function gives gradients; then `rates` is needed. */
  run(name: string, inputs: Arrays, rates?: Rates): Record<string, Float32Array | Int32Array>;
  /** As `run`; with several devices or processes, or inputs ahead, in another thread, so that this one goes on meanwhile. */
  runLater(name: string, inputs: Arrays, rates?: Rates): Promise<Record<string, Float32Array | Int32Array>>;
  /** Begins to bring the halves of these inputs, of a call that comes after the one that has been made; nothing where the executable does not stage ahead. */
  stage(inputs: Arrays): void;
  /** A copy of every variable. */
  values(): Values;
  /** Sets variables; those not named keep their value. */
  load(values: ReadonlyMap<string, Float32Array>): void;
  dispose(): void;
}

/** Every variable of an executable: parameters, then the optimiser's means and averages. */
export function variableShapes({ parameters, optimizer }: ExecutableOptions): Map<string, readonly number[]> {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  if (optimizer) {
    for (const { name, shape } of parameters.filter(learns)) {
      shapes.set(slots(name).mean, shape);
      shapes.set(slots(name).square, shape);
      if (optimizer.averageDecay !== undefined) shapes.set(averageOf(name), shape);
    }
  }
  return shapes;
}

export type Arrays = Record<string, FedArray>;

/** A batch as tensors, by the names of `batch.ts`. */
export type Inputs = Readonly<Record<string, Tensor>>;

/** Gives a trained tensor by its name. */
export type Parameters = (name: string) => Tensor;
