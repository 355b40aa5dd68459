/**
 * Runs traced functions op by op, with the same results as the compiled ones, where tfjs has another backend or the operator asks
 * for it.
 */
import { tf, type Variable } from './backend.ts';
import { floatsOf } from './half.ts';
import { averageOf, type Rates, slots, updateEagerly } from './optimizer.ts';
import type { Values } from './parameter.ts';
import { type Arrays, type Executable, type ExecutableOptions, variableShapes } from './traced-function.ts';

/** Runs functions op by op on any tfjs backend: what compiled ones are checked against. */
export class EagerExecutable implements Executable {
  readonly compiled = false;
  readonly stagesAhead = false;
  readonly #options: ExecutableOptions;
  readonly #variables: Map<string, Variable>;

  constructor(options: ExecutableOptions) {
    this.#options = options;
    this.#variables = new Map(
      [...variableShapes(options)].map(([name, shape]) => [name, tf.tidy(() => tf.variable(tf.zeros([...shape])))]),
    );
  }

  prepare(): void {}

  run(name: string, inputs: Arrays, rates?: Rates): Record<string, Float32Array | Int32Array> {
    const { parameters, functions, optimizer } = this.#options;
    const variable = (parameter: string) => this.#variables.get(parameter)!;
    const averaged = (parameter: string) => this.#variables.get(averageOf(parameter));
    const read = (parameter: string) => (rates ? undefined : averaged(parameter)) ?? variable(parameter);
    return tf.tidy(() => {
      const tensors = Object.fromEntries(
        Object.entries(inputs).map(([input, { shape, values }]) => [
          input,
          values instanceof Int32Array
            ? tf.tensor(values, [...shape], 'int32')
            : tf.tensor(floatsOf(values), [...shape], 'float32'),
        ]),
      );
      const variables = new Map(parameters.map((spec) => [spec.name, read(spec.name)]));
      const { outputs, gradients } = functions[name]!(tensors, read, variables);
      const results = Object.entries(outputs).map(([output, tensor]) => [output, tensor.dataSync().slice()]);
      if (gradients) {
        if (!optimizer || !rates)
          throw new Error(`The function ${name} gives gradients; it needs an optimiser and rates.`);
        for (const spec of parameters) {
          const gradient = gradients.get(spec.name);
          const { mean, square } = slots(spec.name);
          const own = [variable(spec.name), variable(mean), variable(square), averaged(spec.name)] as const;
          if (gradient) updateEagerly(optimizer, spec, own, gradient, rates);
        }
      }
      return Object.fromEntries(results);
    });
  }

  async runLater(name: string, inputs: Arrays, rates?: Rates): Promise<Record<string, Float32Array | Int32Array>> {
    return this.run(name, inputs, rates);
  }

  stage(): void {}

  values(): Values {
    return new Map([...this.#variables].map(([name, variable]) => [name, variable.dataSync().slice() as Float32Array]));
  }

  load(values: ReadonlyMap<string, Float32Array>): void {
    tf.tidy(() => {
      for (const [name, array] of values) {
        const variable = this.#variables.get(name);
        if (!variable) throw new Error(`The executable has no variable ${name}.`);
        variable.assign(tf.tensor(array, variable.shape));
      }
    });
  }

  dispose(): void {
    for (const variable of this.#variables.values()) variable.dispose();
  }
}
