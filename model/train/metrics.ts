/** What the steps since the last report measured and cost, as means. */
import type { LoadedBatch } from '../data/loader.ts';
import { objectiveNames } from '../net/objective.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import { type ModelPart, modelParts } from './gradient-parts.ts';
import type { Measures, Speed } from './progress.ts';

/** The outputs of a traced function whose arrays hold one number each. */
export type Measured = Readonly<Record<string, number>>;

/** The first number of each output. */
export const measuredOf = (outputs: Readonly<Record<string, Float32Array | Int32Array>>): Measured =>
  Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, values[0] ?? Number.NaN]));

export interface StepCost {
  /** Time that the step waited for its data. */
  readonly waitedMs: number;
  readonly ranMs: number;
  readonly samples: number;
  /** Words, regions and special pieces that count, of true pairs and wrong ones. */
  readonly tokens: number;
  /** Floating-point operations, see net/cost.ts. */
  readonly flops: number;
}

/** Sums of what so many steps measured. */
export interface KeptMetrics {
  readonly steps: number;
  readonly sums: Readonly<Record<string, number>>;
}

export class Metrics {
  #sums: Map<string, number>;
  #cost = noCost();
  #steps: number;

  constructor({ steps, sums }: KeptMetrics = { steps: 0, sums: {} }) {
    this.#sums = new Map(Object.entries(sums));
    this.#steps = steps;
  }

  /** The measures so far, without their cost. */
  kept(): KeptMetrics {
    return { steps: this.#steps, sums: Object.fromEntries(this.#sums) };
  }

  add(measured: Measured, cost: StepCost = noCost()): void {
    for (const [name, value] of Object.entries(measured)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
    for (const name of Object.keys(this.#cost) as (keyof StepCost)[]) this.#cost[name] += cost[name];
    this.#steps += 1;
  }

  /** Mean losses and accuracies. */
  measures(): Measures {
    const present = (suffix: string) =>
      objectiveNames
        .filter((name) => this.#sums.has(`${name}${suffix}`))
        .map((name) => [name, this.mean(`${name}${suffix}`)] as const);
    return {
      loss: this.mean('loss'),
      losses: Object.fromEntries(present('')),
      accuracies: Object.fromEntries(present('Accuracy')),
    };
  }

  gradientNorm(): number {
    return this.mean('gradientNorm');
  }

  /** By part of the model, of those parts that had gradients. */
  gradientNorms(): Partial<Record<ModelPart, number>> {
    const parts = modelParts.filter((part) => this.#sums.has(`gradientNorm/${part}`));
    return Object.fromEntries(parts.map((part) => [part, this.mean(`gradientNorm/${part}`)]));
  }

  /** `peakFlops` is what the machine does at most in a second, where that is known. */
  speed(stepsLeft: number, peakFlops?: number): Speed {
    const { waitedMs, ranMs, samples, tokens, flops } = this.#cost;
    const seconds = (waitedMs + ranMs) / 1000;
    return {
      samplesPerSecond: samples / seconds,
      tokensPerSecond: tokens / seconds,
      flopsPerSecond: flops / seconds,
      ...(peakFlops !== undefined && { peakShare: flops / seconds / peakFlops }),
      waitShare: waitedMs / (waitedMs + ranMs),
      secondsLeft: (stepsLeft * seconds) / this.#steps,
    };
  }

  /** Starts again from nothing. */
  reset(): void {
    this.#sums.clear();
    this.#cost = noCost();
    this.#steps = 0;
  }

  has(name: string): boolean {
    return this.#sums.has(name);
  }

  /** Of one of the numbers that were added. */
  mean(name: string): number {
    return (this.#sums.get(name) ?? 0) / this.#steps;
  }
}

const noCost = () => ({ waitedMs: 0, ranMs: 0, samples: 0, tokens: 0, flops: 0 });

/** What learning from the batches of one update takes; `flops` gives the operations of one batch. */
export const workOf = (
  batches: readonly LoadedBatch[],
  flops: (batch: LoadedBatch) => number,
): Pick<StepCost, 'samples' | 'tokens' | 'flops'> => ({
  samples: batches.reduce((sum, { keys }) => sum + keys.length, 0),
  tokens: batches.reduce((sum, { arrays }) => sum + tokensOf(arrays), 0),
  flops: batches.reduce((sum, batch) => sum + flops(batch), 0),
});

/** Tokens that count in a batch, times the passes that read them. */
function tokensOf(arrays: Arrays): number {
  const counted = (name: string) => ((arrays[name]?.values ?? []) as Float32Array).reduce((sum, one) => sum + one, 0);
  const pairs = arrays.pieces?.shape[0] ?? 0;
  // The pairs that the model sees: rows of `matched` in pretraining, of `imageRows` in fine-tuning.
  const passes = ((arrays.matched ?? arrays.imageRows)?.shape[0] ?? pairs) / pairs;
  return passes * (counted('pieceMask') + counted('regionMask') + 2 * pairs);
}
