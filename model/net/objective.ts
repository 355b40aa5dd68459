/**
 * What the four objectives have in common. Each has a file of its own in `objectives/` with its corruption of the input and
 * its head and loss; a weight of 0 turns it off, and then nothing of it is computed.
 */
import { expected } from '../../dataset/user-error.ts';
import type { Scalar } from '../runtime/backend.ts';

export interface ObjectiveWeights {
  /** Masked language modelling */
  readonly mlm: number;
  /** Masked object classification */
  readonly moc: number;
  /** Masked region feature regression */
  readonly mrfr: number;
  /** Image-text matching */
  readonly itm: number;
  /** Image-text contrastive: not the paper's, 0 in its preset */
  readonly itc: number;
}

export type ObjectiveName = keyof ObjectiveWeights;

export const objectiveNames = ['mlm', 'moc', 'mrfr', 'itm', 'itc'] as const satisfies readonly ObjectiveName[];

/** The paper adds its four losses; it gives no weights (ours: all 1). */
export const paperObjectives: ObjectiveWeights = { mlm: 1, moc: 1, mrfr: 1, itm: 1, itc: 0 };

/** What is learned where nothing else is said: contrast beside the paper's four, from which retrieval gains most (docs/learning.md). */
export const defaultObjectives: ObjectiveWeights = { ...paperObjectives, itc: 1 };

/** Throws a UserError where nothing is to be learned, or hard negatives lack an objective that they need. */
export function checkObjectives(
  weights: ObjectiveWeights,
  { hardNegatives }: { readonly hardNegatives: boolean },
): void {
  if (objectiveNames.every((name) => weights[name] === 0)) {
    throw expected('a weight above 0', objectiveNames.join(', '), '0 for each', 'leave one of them on');
  }
  const missing = (['itc', 'itm'] as const).find((name) => weights[name] === 0);
  if (hardNegatives && missing) {
    throw expected('a weight above 0', missing, 0, 'hard negatives are pairs of ITM that ITC chooses');
  }
}

/** A loss to minimise and, where answers are right or wrong, the share that is right. */
export interface ObjectiveResult {
  readonly loss: Scalar;
  readonly accuracy?: Scalar;
}

/** What tells whether two examples are a true pair: whose image it is, and the words. */
export interface PairedExample {
  readonly imageId: string;
  readonly pieces: readonly number[];
}
