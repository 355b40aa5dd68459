/**
 * What a program is made of: routines written in tfjs ops over one set of trained variables. `program.ts` runs them op by op,
 * `compile.ts` as one TensorFlow graph.
 */

import { random } from '../../dataset/random.ts';
import type { Arrays } from '../data/batch.ts';
import type { Inputs } from '../net/imagebert.ts';
import type { Weights } from '../net/layers.ts';
import type { ParameterSpec } from '../net/parameters.ts';
import type { Tensor, Variable } from './backend.ts';
import { type AdamW, type Rates, slots } from './optimizer.ts';

export interface RoutineResult {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** By parameter name; where given, the optimiser updates those parameters after the routine. */
  readonly gradients?: ReadonlyMap<string, Tensor>;
}

/**
 * Tensors in, tensors out, by names. It must not read values in JavaScript: a compiled routine runs its JavaScript once per shape
 * of the inputs, so whatever changes from run to run is an input.
 */
export type Routine = (inputs: Inputs, weights: Weights, variables: ReadonlyMap<string, Variable>) => RoutineResult;

export interface ProgramOptions {
  readonly parameters: readonly ParameterSpec[];
  readonly routines: Readonly<Record<string, Routine>>;
  /** Without one the variables never change. */
  readonly optimizer?: AdamW;
  /** bf16: matrix products in bfloat16; weights, sums and everything else stay float32. Compiled only. */
  readonly precision?: Precision;
  /** Fuses element-wise ops between matrix products (see `fuse.ts`). Compiled only. */
  readonly xla?: boolean;
}

export type Precision = 'f32' | 'bf16';

/** Trained variables by name, the optimiser's means (see `slots`) among them. */
export type Values = Map<string, Float32Array>;

export interface Program {
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

/** First values of all parameters, from a seed. */
export function startValues(parameters: readonly ParameterSpec[], seed: number): Values {
  const draw = random(seed, 0x57a27);
  return new Map(
    parameters.map(({ name, shape, start }) => {
      const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
      if (start === 'ones') values.fill(1);
      if (typeof start === 'number') {
        for (let index = 0; index < values.length; index++) {
          let drawn = draw.normal();
          while (Math.abs(drawn) > 2) drawn = draw.normal();
          values[index] = start * drawn;
        }
      }
      return [name, values];
    }),
  );
}

/** Every variable of a program: parameters, then the optimiser's means. */
export function variableShapes({ parameters, optimizer }: ProgramOptions): Map<string, readonly number[]> {
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
