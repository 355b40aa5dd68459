import { nativeBackend, tf, type Variable } from './backend.ts';
import { CompiledExecutable } from './compile.ts';
import { type Rates, slots, updateEagerly } from './optimizer.ts';
import type { Values } from './parameter.ts';
import {
  type Arrays,
  type Executable,
  type ExecutableOptions,
  type TracedFunction,
  variableShapes,
} from './traced-function.ts';

/** Compiled where TensorFlow's native backend is active, unless `compiled` is false. Variables start at 0. */
export function openExecutable(options: ExecutableOptions & { readonly compiled?: boolean }): Executable {
  const able = nativeBackend() !== undefined;
  return able && options.compiled !== false ? new CompiledExecutable(options) : new EagerProgram(options);
}

class EagerProgram implements Executable {
  readonly compiled = false;
  private readonly options: ExecutableOptions;
  private readonly variables: Map<string, Variable>;

  constructor(options: ExecutableOptions) {
    this.options = options;
    this.variables = new Map(
      [...variableShapes(options)].map(([name, shape]) => [name, tf.tidy(() => tf.variable(tf.zeros([...shape])))]),
    );
  }

  prepare(): void {}

  run(routine: string, inputs: Arrays, rates?: Rates): Record<string, Float32Array | Int32Array> {
    const { parameters, functions: routines, optimizer } = this.options;
    const variable = (name: string) => this.variables.get(name) as Variable;
    return tf.tidy(() => {
      const tensors = Object.fromEntries(
        Object.entries(inputs).map(([name, { shape, values }]) => [
          name,
          tf.tensor(values, [...shape], values instanceof Int32Array ? 'int32' : 'float32'),
        ]),
      );
      const all = new Map(parameters.map(({ name }) => [name, variable(name)]));
      const { outputs, gradients } = (routines[routine] as TracedFunction)(tensors, variable, all);
      const read = Object.entries(outputs).map(([name, tensor]) => [name, tensor.dataSync().slice()]);
      if (gradients) {
        if (!optimizer || !rates)
          throw new Error(`The routine ${routine} gives gradients; it needs an optimiser and rates.`);
        for (const spec of parameters) {
          const gradient = gradients.get(spec.name);
          const { mean, square } = slots(spec.name);
          const trio = [variable(spec.name), variable(mean), variable(square)] as const;
          if (gradient) updateEagerly(optimizer, spec, trio, gradient, rates);
        }
      }
      return Object.fromEntries(read);
    });
  }

  values(): Values {
    return new Map([...this.variables].map(([name, variable]) => [name, variable.dataSync().slice() as Float32Array]));
  }

  load(values: ReadonlyMap<string, Float32Array>): void {
    tf.tidy(() => {
      for (const [name, array] of values) {
        const variable = this.variables.get(name);
        if (!variable) throw new Error(`The program has no variable ${name}.`);
        variable.assign(tf.tensor(array, variable.shape));
      }
    });
  }

  dispose(): void {
    for (const variable of this.variables.values()) variable.dispose();
  }
}
