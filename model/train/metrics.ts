import { objectiveNames } from '../net/objective.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import type { PretrainProgress } from './progress.ts';

/** What a routine gave, each the first number of an array. */
export type Measured = Readonly<Record<string, number>>;

export interface StepCost {
  /** Time in which the step waited for its data. */
  readonly waitedMs: number;
  readonly ranMs: number;
  readonly samples: number;
  /** Words, regions and special pieces that count, of true pairs and wrong ones. */
  readonly tokens: number;
  /** Floating-point operations, see cost.ts; 0 where they are not counted. */
  readonly flops: number;
}

export class Metrics {
  private readonly sums = new Map<string, number>();
  private readonly cost = { waitedMs: 0, ranMs: 0, samples: 0, tokens: 0, flops: 0 };
  private steps = 0;

  add(measured: Measured, cost: StepCost): void {
    for (const [name, value] of Object.entries(measured)) this.sums.set(name, (this.sums.get(name) ?? 0) + value);
    for (const name of Object.keys(this.cost) as (keyof StepCost)[]) this.cost[name] += cost[name];
    this.steps++;
  }

  /** Means since the tally began. `peakFlops` is what the machine does at most in a second, where that is known. */
  report(
    step: number,
    totalSteps: number,
    peakFlops?: number,
  ): Omit<PretrainProgress, 'epoch' | 'learningRate' | 'step' | 'totalSteps'> {
    const mean = (name: string) => (this.sums.get(name) ?? 0) / this.steps;
    const present = (suffix: string) =>
      objectiveNames
        .filter((name) => this.sums.has(`${name}${suffix}`))
        .map((name) => [name, mean(`${name}${suffix}`)] as const);
    const { waitedMs, ranMs, samples, tokens, flops } = this.cost;
    const seconds = (waitedMs + ranMs) / 1000;
    return {
      loss: mean('loss'),
      losses: Object.fromEntries(present('')),
      accuracies: Object.fromEntries(present('Accuracy')),
      gradientNorm: mean('gradientNorm'),
      samplesPerSecond: samples / seconds,
      tokensPerSecond: tokens / seconds,
      flopsPerSecond: flops / seconds,
      ...(peakFlops !== undefined && { peakShare: flops / seconds / peakFlops }),
      waitShare: waitedMs / (waitedMs + ranMs),
      secondsLeft: ((totalSteps - step) * seconds) / this.steps,
    };
  }
}

/** What counts of a batch, times the passes that read it. */
export function tokensOf(arrays: Arrays): number {
  const counted = (name: string) => ((arrays[name]?.values ?? []) as Float32Array).reduce((sum, one) => sum + one, 0);
  const pairs = arrays.pieces?.shape[0] ?? 0;
  // The routine's pairs: rows of `matched` in pretraining, of `imageRows` in fine-tuning.
  const passes = ((arrays.matched ?? arrays.imageRows)?.shape[0] ?? pairs) / pairs;
  return passes * (counted('pieceMask') + counted('regionMask') + 2 * pairs);
}
