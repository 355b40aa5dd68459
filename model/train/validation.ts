/** Losses on held-out pairs, by which a run knows its best checkpoint. */

import { random } from '../../dataset/random.ts';
import { type Collation, collate } from '../data/collate.ts';
import type { Example } from '../data/example.ts';
import type { FeatureStatistics } from '../data/feature-statistics.ts';
import type { ModelConfig } from '../net/config.ts';
import type { Arrays, Executable } from '../runtime/traced-function.ts';
import { Metrics } from './metrics.ts';
import type { Measures } from './progress.ts';

export interface ValidationSet {
  readonly batchSize: number;
  readonly config: ModelConfig;
  readonly collation: Collation;
  readonly featureStatistics: FeatureStatistics;
}

/**
 * Makes batch after batch of the largest shape; the last one is filled from the start. Their masks are the same each time.
 * None of fewer than two examples.
 */
export function* validationBatches(
  examples: readonly Example[],
  { batchSize, config, collation, featureStatistics }: ValidationSet,
): Generator<Arrays> {
  if (examples.length < 2) return;
  const shape = { pairs: batchSize, pieces: config.maxPieces, regions: config.maxRegions };
  for (let batch = 0; batch * batchSize < examples.length; batch++) {
    const chosen = Array.from(
      { length: batchSize },
      (_, index) => examples[(batch * batchSize + index) % examples.length] as Example,
    );
    yield collate(collation, chosen, shape, featureStatistics, random(0x7a11da, batch));
  }
}

/** Means of the losses and accuracies over held-out batches; undefined where there are none. */
export function validate(running: Executable, batches: Iterable<Arrays>): Measures | undefined {
  const tally = new Metrics();
  let some = false;
  for (const arrays of batches) {
    tally.add(numbersOf(running.run('validate', arrays)), { waitedMs: 0, ranMs: 1, samples: 0, tokens: 0, flops: 0 });
    some = true;
  }
  const { loss, losses, accuracies } = tally.report(1, 1);
  return some ? { loss, losses, accuracies } : undefined;
}

/** The first number of each output of a routine. */
export const numbersOf = (outputs: Readonly<Record<string, Float32Array | Int32Array>>): Record<string, number> =>
  Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, values[0] ?? Number.NaN]));
