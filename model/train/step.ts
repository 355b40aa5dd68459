/**
 * The routines of a model: one training step (forward, losses, gradients, clipping), the same losses without learning, and the
 * scores that retrieval needs.
 */

import type { ModelConfig } from '../net/config.ts';
import { type Dropout, dropout, noDropout } from '../net/dropout.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import { embedBatch, matchPairs, objectives } from '../net/imagebert.ts';
import { type ObjectiveName, type ObjectiveWeights, objectiveNames } from '../net/objective.ts';
import { type Ranking, rank } from '../net/objectives/ranking.ts';
import { type Scalar, type Tensor, tf } from '../runtime/backend.ts';
import { type AdamW, clip, sumOf } from '../runtime/optimizer.ts';
import type { Inputs, TracedFunction } from '../runtime/traced-function.ts';

export interface ModelSetup {
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly objectives: ObjectiveWeights;
}

/** What a routine minimises: gives the loss and writes what is to be reported to `outputs`. */
type Minimised = (
  inputs: Inputs,
  weights: (name: string) => Tensor,
  drop: Dropout,
  outputs: Record<string, Tensor>,
) => Scalar;

/**
 * What becomes of a batch's gradients: `whole` updates by them, `part` adds them to the sums that `gradientSums` keeps (times the
 * input `carried` [], 0 for the first batch of an update), `last` updates by them and the sums.
 */
export type Role = 'whole' | 'part' | 'last';

/** Losses, accuracies and the gradients' norm of a `trainingBatch`, with gradients; reads `seed` [2] int32 for dropout. */
export const trainFunction = (setup: ModelSetup, optimizer: AdamW, role: Role = 'whole'): TracedFunction =>
  learn({ config: setup.config, optimizer, role }, (inputs, weights, drop, outputs) =>
    losses(setup, inputs, weights, drop, outputs),
  );

interface Learning {
  readonly config: ModelConfig;
  readonly optimizer: AdamW;
  readonly role: Role;
}

const learn =
  ({ config, optimizer, role }: Learning, minimised: Minimised): TracedFunction =>
  (inputs, weights, all) => {
    const outputs: Record<string, Tensor> = {};
    const variables = new Map(role === 'whole' ? all : [...all].filter(([name]) => all.has(sumOf(name))));
    const { grads } = tf.variableGrads(
      () => {
        const total = minimised(inputs, weights, dropout(config.dropout, inputs.seed as Tensor), outputs);
        // variableGrads frees what its function does not return.
        for (const tensor of Object.values(outputs)) tf.keep(tensor);
        return total;
      },
      [...variables.values()] as never,
    );
    const release = (tensor: Tensor) => {
      const copy = tf.clone(tensor);
      tensor.dispose();
      return copy;
    };
    const named = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, release(tensor)]));
    // tfjs gives gradients by its own names, and none for what the losses do not depend on.
    const gradients = new Map<string, Tensor>();
    for (const [name, variable] of variables) {
      const gradient = grads[variable.name];
      if (!gradient) continue;
      if (role === 'whole') gradients.set(name, gradient);
      if (role === 'last') gradients.set(name, tf.add(weights(sumOf(name)), gradient));
      if (role === 'part') {
        const carried = tf.mul(weights(sumOf(name)), inputs.carried as Tensor);
        gradients.set(sumOf(name), tf.add(carried, gradient));
      }
    }
    if (role === 'part') return { outputs: named, gradients };
    const { clipped, norm } = clip(gradients, optimizer.clipNorm);
    return { outputs: { ...named, gradientNorm: norm }, gradients: clipped };
  };

/** Fine-tuning's loss (see objectives/ranking.ts) and how often the true pair scores best; learns from it. */
export const rankFunction = (setup: RankingSetup, optimizer: AdamW, role: Role = 'whole'): TracedFunction =>
  learn({ config: setup.config, optimizer, role }, (inputs, weights, drop, outputs) =>
    rankingLoss(setup, inputs, weights, drop, outputs),
  );

/** The same without dropout and without learning. */
export const validateRankFunction =
  (setup: RankingSetup): TracedFunction =>
  (inputs, weights) => {
    const outputs: Record<string, Tensor> = {};
    rankingLoss(setup, inputs, weights, noDropout, outputs);
    return { outputs };
  };

export interface RankingSetup {
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly ranking: Ranking;
}

function rankingLoss(
  { config, special, ranking }: RankingSetup,
  inputs: Inputs,
  weights: (name: string) => Tensor,
  drop: Dropout,
  outputs: Record<string, Tensor>,
): Scalar {
  const logits = matchPairs({ weights, config, special }, inputs, drop);
  const { loss, accuracy } = rank(
    tf.reshape(logits, inputs.rankCounts?.shape as number[]),
    inputs.rankCounts as Tensor,
    ranking,
  );
  const total = weighted({ itm: 1 }, inputs)('itm', loss);
  outputs.loss = total;
  outputs.itm = loss;
  if (accuracy) outputs.itmAccuracy = accuracy;
  return total;
}

/** The losses and accuracies of a `trainingBatch`, without dropout and without learning. */
export const validateFunction =
  (setup: ModelSetup): TracedFunction =>
  (inputs, weights) => {
    const outputs: Record<string, Tensor> = {};
    losses(setup, inputs, weights, noDropout, outputs);
    return { outputs };
  };

/** Matching logits [B] of the pairs that `imageRows` and `textRows` [B] choose among a batch's images and texts. */
export const matchFunction =
  ({ config, special }: Omit<ModelSetup, 'objectives'>): TracedFunction =>
  (inputs, weights) => ({ outputs: { logits: matchPairs({ config, special, weights }, inputs) } });

/** ITC embeddings [N, itcSize] of a batch's images or texts. */
export const embedFunction =
  (side: 'image' | 'text', { config, special }: Omit<ModelSetup, 'objectives'>): TracedFunction =>
  (inputs, weights) => ({ outputs: { embeddings: embedBatch({ config, special, weights }, side, inputs) } });

/**
 * Losses times their weights and, where several batches make one update, times the batch's `shares` (see accumulate.ts) [5] of
 * what each objective averages over.
 */
function weighted(
  wanted: Partial<ObjectiveWeights>,
  { shares }: Inputs,
): (name: ObjectiveName, loss: Scalar) => Scalar {
  return (name, loss) => {
    const own = tf.mul(loss, wanted[name] ?? 0) as Scalar;
    return shares ? tf.mul(own, tf.reshape(tf.slice(shares, objectiveNames.indexOf(name), 1), [])) : own;
  };
}

/** Writes `loss`, and NAME and `NAMEAccuracy` for each objective, to `outputs`. */
function losses(
  { config, special, objectives: wanted }: ModelSetup,
  inputs: Inputs,
  weights: (name: string) => Tensor,
  drop: Dropout,
  outputs: Record<string, Tensor>,
): Scalar {
  const outcomes = objectives({ weights, config, special }, wanted, inputs, drop);
  const weigh = weighted(wanted, inputs);
  const terms = Object.entries(outcomes).map(([name, { loss }]) => weigh(name as ObjectiveName, loss));
  const total = terms.reduce((sum, term) => tf.add(sum, term) as Scalar);
  outputs.loss = total;
  for (const [name, { loss, accuracy }] of Object.entries(outcomes)) {
    outputs[name] = loss;
    if (accuracy) outputs[`${name}Accuracy`] = accuracy;
  }
  return total;
}
