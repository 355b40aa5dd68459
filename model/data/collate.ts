/**
 * How a task turns examples into the arrays of a batch. It is plain data, so that a worker thread can make them as well as the
 * training thread, with the same numbers.
 */

import type { Random } from '../../dataset/random.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import { type Ranking, rankingArrays } from '../net/objectives/ranking.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import { type BatchSetup, type BatchShape, type PartOfBatch, plainBatch, trainingBatch } from './batch.ts';
import type { Example } from './example.ts';
import type { FeatureStatistics } from './feature-statistics.ts';

export type Collation =
  | ({ readonly task: 'pretrain' } & Omit<BatchSetup, 'featureStatistics'>)
  | { readonly task: 'finetune'; readonly special: SpecialPieces; readonly ranking: Ranking };

/** The arrays of one batch, or of its `part`, which fine-tuning does not have; masks, partners and candidates are drawn from `draw`. */
export function collate(
  collation: Collation,
  examples: readonly Example[],
  shape: BatchShape,
  featureStatistics: FeatureStatistics,
  draw: Random,
  part?: PartOfBatch,
): Arrays {
  if (collation.task === 'pretrain')
    return trainingBatch(examples, shape, { ...collation, featureStatistics }, draw, part);
  return {
    ...plainBatch(examples, shape, { special: collation.special, featureStatistics }),
    ...rankingArrays(examples, collation.ranking, draw),
  };
}
