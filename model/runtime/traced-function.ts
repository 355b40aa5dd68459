/**
 * What a program is made of: routines written in tfjs ops over one set of trained variables. `program.ts` runs them op by op,
 * `compile.ts` as one TensorFlow graph.
 */

import type { Tensor, Variable } from './backend.ts';
import { type AdamW, type Rates, slots } from './optimizer.ts';
import type { ParameterSpec, Values } from './parameter.ts';

export interface TracedResult {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** By parameter name; where given, the optimiser updates those parameters after the routine. */
  readonly gradients?: ReadonlyMap<string, Tensor>;
}

/**
 * Tensors in, tensors out, by names. It must not read values in JavaScript: a compiled routine runs its JavaScript once per shape
 * of the inputs, so whatever changes from run to run is an input.
 */
export type TracedFunction = (
  inputs: Inputs,
  weights: Weights,
  variables: ReadonlyMap<string, Variable>,
) => TracedResult;

export interface ExecutableOptions {
  readonly parameters: readonly ParameterSpec[];
  readonly functions: Readonly<Record<string, TracedFunction>>;
  /** Without one the variables never change. */
  readonly optimizer?: AdamW;
  /** bf16: matrix products in bfloat16; weights, sums and everything else stay float32. Compiled only. */
  readonly precision?: Precision;
  /** Fuses element-wise ops between matrix products (see `fuse.ts`). Compiled only. */
  readonly xla?: boolean;
}

export type Precision = 'f32' | 'bf16';

export interface Executable {
  readonly compiled: boolean;
  /** Gets ready for a routine at a shape. What is made ready together is compiled once instead of each time again. */
  prepare(routine: string, inputs: Arrays): void;
  /** Runs a routine, and the optimiser where it gives gradients; then `rates` is needed. */
  run(routine: string, inputs: Arrays, rates?: Rates): Record<string, Float32Array | Int32Array>;
  /** A copy of every variable. */
  values(): Values;
  /** Sets variables; those not named keep their value. */
  load(values: ReadonlyMap<string, Float32Array>): void;
  dispose(): void;
}

/** Every variable of a program: parameters, then the optimiser's means. */
export function variableShapes({ parameters, optimizer }: ExecutableOptions): Map<string, readonly number[]> {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  if (optimizer) {
    for (const { name, shape, replaced } of parameters) {
      if (replaced) continue;
      shapes.set(slots(name).mean, shape);
      shapes.set(slots(name).square, shape);
    }
  }
  return shapes;
}

export interface NamedArray {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export type Arrays = Record<string, NamedArray>;

/** A batch as tensors, by the names of `batch.ts`. */
export type Inputs = Readonly<Record<string, Tensor>>;

/** Gives a trained tensor by its name. */
export type Weights = (name: string) => Tensor;
