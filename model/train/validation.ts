/** The losses on the validation set, by which a run knows its best checkpoint. */
import { random } from '../../dataset/random.ts';
import { type Collation, collate } from '../data/collate.ts';
import type { Example } from '../data/example.ts';
import type { FeatureStatistics } from '../data/feature-statistics.ts';
import type { ModelConfig } from '../net/config.ts';
import type { Arrays, Executable } from '../runtime/traced-function.ts';
import { Metrics, measuredOf } from './metrics.ts';
import type { Measures } from './progress.ts';

/** Examples that the run never learns from, and how they become batches. */
export interface ValidationSet {
  readonly examples: readonly Example[];
  readonly batchSize: number;
  readonly config: ModelConfig;
  readonly collation: Collation;
  readonly featureStatistics: FeatureStatistics;
}

/** Prepares the executable to validate. */
export function prepareValidation(executable: Executable, set: ValidationSet): void {
  const { value: first } = validationBatches(set).next();
  if (first) executable.prepare('validate', first);
}

/** Mean losses and accuracies over the validation set; undefined where it has fewer than two examples. */
export function validate(executable: Executable, set: ValidationSet): Measures | undefined {
  if (set.examples.length < 2) return undefined;
  const metrics = new Metrics();
  for (const arrays of validationBatches(set)) metrics.add(measuredOf(executable.run('validate', arrays)));
  return metrics.measures();
}

/** Batches of the largest shape; the last one is filled up from the start of the set. Their masks are the same each time. */
function* validationBatches({
  examples,
  batchSize,
  config,
  collation,
  featureStatistics,
}: ValidationSet): Generator<Arrays, undefined> {
  if (examples.length < 2) return;
  const shape = { pairs: batchSize, pieces: config.maxPieces, regions: config.maxRegions };
  for (let batch = 0; batch * batchSize < examples.length; batch++) {
    const rows = Array.from({ length: batchSize }, (_, row) => examples[(batch * batchSize + row) % examples.length]!);
    yield collate(collation, rows, shape, featureStatistics, random(0x7a11da, batch));
  }
}
