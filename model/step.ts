/**
 * The routines of a model: one training step (forward, losses, gradients, clipping), the same losses without learning, and the
 * scores that retrieval needs.
 */
import { type Scalar, type Tensor, tf } from './backend.ts';
import type { ModelConfig } from './config.ts';
import type { SpecialPieces } from './embeddings.ts';
import { embedBatch, type Inputs, matchPairs, objectives, totalLoss } from './imagebert.ts';
import { type Dropout, dropout, noDropout } from './layers.ts';
import type { ObjectiveWeights } from './objective.ts';
import { type AdamW, clip } from './optimizer.ts';
import type { Routine } from './routine.ts';

export interface ModelSetup {
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly objectives: ObjectiveWeights;
}

/** Losses, accuracies and the gradients' norm of a `trainingBatch`, with gradients; reads `seed` [2] int32 for dropout. */
export const trainRoutine =
  (setup: ModelSetup, optimizer: AdamW): Routine =>
  (inputs, weights, variables) => {
    const outputs: Record<string, Tensor> = {};
    const { grads } = tf.variableGrads(
      () => {
        const drop = dropout(setup.config.dropout, inputs.seed as Tensor);
        const total = losses(setup, inputs, weights, drop, outputs);
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
      if (gradient) gradients.set(name, gradient);
    }
    const { clipped, norm } = clip(gradients, optimizer.clipNorm);
    return { outputs: { ...named, gradientNorm: norm }, gradients: clipped };
  };

/** The losses and accuracies of a `trainingBatch`, without dropout and without learning. */
export const validateRoutine =
  (setup: ModelSetup): Routine =>
  (inputs, weights) => {
    const outputs: Record<string, Tensor> = {};
    losses(setup, inputs, weights, noDropout, outputs);
    return { outputs };
  };

/** Matching logits [B] of the pairs that `imageRows` and `textRows` [B] choose among a batch's images and texts. */
export const matchRoutine =
  ({ config, special }: Omit<ModelSetup, 'objectives'>): Routine =>
  (inputs, weights) => ({ outputs: { logits: matchPairs({ config, special, weights }, inputs) } });

/** ITC embeddings [N, itcSize] of a batch's images or texts. */
export const embedRoutine =
  (side: 'image' | 'text', { config, special }: Omit<ModelSetup, 'objectives'>): Routine =>
  (inputs, weights) => ({ outputs: { embeddings: embedBatch({ config, special, weights }, side, inputs) } });

/** Writes `loss`, and NAME and `NAMEAccuracy` for each objective, to `outputs`. */
function losses(
  { config, special, objectives: wanted }: ModelSetup,
  inputs: Inputs,
  weights: (name: string) => Tensor,
  drop: Dropout,
  outputs: Record<string, Tensor>,
): Scalar {
  const outcomes = objectives({ weights, config, special }, wanted, inputs, drop);
  const total = totalLoss(outcomes, wanted);
  outputs.loss = total;
  for (const [name, { loss, accuracy }] of Object.entries(outcomes)) {
    outputs[name] = loss;
    if (accuracy) outputs[`${name}Accuracy`] = accuracy;
  }
  return total;
}
