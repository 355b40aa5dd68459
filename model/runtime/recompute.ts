/**
 * Gradient checkpointing (arXiv 1604.06174): of a part of a function, such as a layer, only the results stay in memory, and what the
 * gradients need of its inside is computed a second time when they come to it. The function is written without knowing of it: the
 * calls of a trace are doubled here, so that the numbers are the same ones.
 */
import { type Tensor, tf } from './backend.ts';
import type { Call } from './call.ts';

/** A part of a trace: the numbers of its results, and of the gradients that arrive at them. */
interface Part {
  readonly results: Set<number>;
  readonly gradients: Set<number>;
}

/** Notes parts while a function is traced. */
export class Parts {
  readonly #idOf: (tensor: Tensor) => number;
  readonly #all: Part[] = [];
  /** The part that calls belong to now. */
  current: number | undefined;

  constructor(idOf: (tensor: Tensor) => number) {
    this.#idOf = idOf;
  }

  note(inputs: readonly Tensor[], body: (inputs: readonly Tensor[]) => Tensor[]): Tensor[] {
    const part: Part = { results: new Set(), gradients: new Set() };
    this.current = this.#all.push(part) - 1;
    const results = body(inputs);
    this.current = undefined;
    for (const result of results) part.results.add(this.#idOf(result));
    const hear = tf.customGrad((...args: unknown[]) => ({
      value: (args[0] as Tensor).clone(),
      gradFunc: (dy: Tensor) => {
        part.gradients.add(this.#idOf(dy));
        return dy;
      },
    }));
    return results.map((result) => hear(result));
  }

  /**
   * The calls with those doubled that a gradient needs of a part's inside. The second ones wait until the gradient has arrived at the
   * part (`after`), without which TensorFlow would run them at once or take both for one.
   */
  doubled(calls: readonly Call[], firstFree: number): Call[] {
    const inside = new Map<number, Call>();
    const all: Call[] = [];
    const copies = new Map<number, number>();
    let nextId = firstFree;
    const copyOf = (id: number): number => {
      const call = inside.get(id);
      if (!call) return id;
      const known = copies.get(id);
      if (known !== undefined) return known;
      const inputs = call.inputs.map(copyOf);
      const isFirst = inputs.every((input, index) => input === call.inputs[index]);
      const outputs = call.outputs.map((_, port) => nextId + port);
      nextId += outputs.length;
      call.outputs.forEach((output, port) => {
        copies.set(output, outputs[port]!);
      });
      const after = isFirst ? [...this.#all[call.part!]!.gradients] : [];
      all.push({ ...call, part: undefined, inputs, outputs, ...(after.length > 0 && { after }) });
      return copies.get(id)!;
    };
    for (const call of calls) {
      const part = call.part === undefined ? undefined : this.#all[call.part]!;
      all.push(part ? call : { ...call, inputs: call.inputs.map(copyOf) });
      // Where no gradient arrives, none leaves either.
      if (!part || part.gradients.size === 0) continue;
      for (const output of call.outputs) if (!part.results.has(output)) inside.set(output, call);
    }
    return all;
  }
}

let traced: Parts | undefined;

/** Runs `work` with `parts` noting what it marks. */
export function notingParts<T>(parts: Parts | undefined, work: () => T): T {
  traced = parts;
  try {
    return work();
  } finally {
    traced = undefined;
  }
}

/** A part whose inside may be computed anew for the gradients; `body` must use no tensor of it elsewhere but those that it returns. */
export const checkpointed = (inputs: readonly Tensor[], body: (inputs: readonly Tensor[]) => Tensor[]): Tensor[] =>
  traced ? traced.note(inputs, body) : body(inputs);
