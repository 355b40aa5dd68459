/**
 * A task's loss as traced functions: the training step (forward, losses, gradients, clipping; the optimizer follows in the
 * executable), and the same losses without dropout and without gradients.
 */
import { type Dropout, dropout, noDropout } from '../net/dropout.ts';
import { notFinite } from '../net/features.ts';
import { type ObjectiveName, type ObjectiveResult, type ObjectiveWeights, objectiveNames } from '../net/objective.ts';
import { type Scalar, type Tensor, tf } from '../runtime/backend.ts';
import { type AdamW, clip, sumOf } from '../runtime/optimizer.ts';
import type { Inputs, Parameters, TracedFunction } from '../runtime/traced-function.ts';
import { gradientNorms } from './gradient-parts.ts';

/** What a task minimises: the sum of its objectives' losses times their weights. */
export interface Loss {
  readonly weights: Partial<ObjectiveWeights>;
  readonly objectives: (
    inputs: Inputs,
    parameters: Parameters,
    drop: Dropout,
  ) => Partial<Record<ObjectiveName, ObjectiveResult>>;
}

/**
 * What becomes of a batch's gradients: `whole` updates the parameters with them, `part` adds them to the sums that `gradientSums`
 * keeps (times the input `carried` [], which is 0 for the first batch of an update), `last` updates with them and the sums.
 */
export type Role = 'whole' | 'part' | 'last';

export interface StepOptions {
  /** Dropout rate, 0 to 1. */
  readonly dropout: number;
  readonly optimizer: AdamW;
  readonly role?: Role;
  /** Parameters that stay as they are; no gradient of theirs is computed. */
  readonly frozen?: ReadonlySet<string>;
}

/** Gives `loss`, `notFinite` (images with a feature that is no finite number), each objective's NAME and `NAMEAccuracy`, `gradientNorm` and `gradientNorm/PART`, with gradients. Reads `seed` [2] int32 for dropout. */
export const trainFunction =
  (loss: Loss, { dropout: rate, optimizer, role = 'whole', frozen }: StepOptions): TracedFunction =>
  (inputs, parameters, all) => {
    const kept: Record<string, Tensor> = {};
    const learned = (name: string): boolean => (role === 'whole' ? !frozen?.has(name) : all.has(sumOf(name)));
    const variables = new Map([...all].filter(([name]) => learned(name)));
    const { grads } = tf.variableGrads(
      () => {
        const measured = lossesOf(loss, inputs, parameters, dropout(rate, inputs.seed!));
        // variableGrads frees what its function does not return.
        for (const [name, tensor] of Object.entries(measured)) kept[name] = tf.keep(tensor);
        return measured.loss;
      },
      [...variables.values()] as never,
    );
    const release = (tensor: Tensor) => {
      const copy = tf.clone(tensor);
      tensor.dispose();
      return copy;
    };
    const outputs = Object.fromEntries(Object.entries(kept).map(([name, tensor]) => [name, release(tensor)]));
    // tfjs gives gradients by its own names, and none for what the losses do not depend on.
    const gradients = new Map<string, Tensor>();
    for (const [name, variable] of variables) {
      const gradient = grads[variable.name];
      if (!gradient) continue;
      if (role === 'whole') gradients.set(name, gradient);
      if (role === 'last') gradients.set(name, tf.add(parameters(sumOf(name)), gradient));
      if (role === 'part') {
        const carried = tf.mul(parameters(sumOf(name)), inputs.carried!);
        gradients.set(sumOf(name), tf.add(carried, gradient));
      }
    }
    if (role === 'part') return { outputs, gradients };
    const { clipped, norm, halves } = clip(gradients, optimizer.clipNorm);
    return { outputs: { ...outputs, gradientNorm: norm, ...gradientNorms(halves) }, gradients: clipped };
  };

/** Gives what `trainFunction` gives, without dropout and without gradients. */
export const validateFunction =
  (loss: Loss): TracedFunction =>
  (inputs, parameters) => ({ outputs: lossesOf(loss, inputs, parameters, noDropout) });

/**
 * `loss`, and NAME and `NAMEAccuracy` of each objective. Where several batches make one update, `loss` has each objective times the
 * batch's share of what that objective averages over, from the input `shares` [5]; see update.ts.
 */
function lossesOf(
  { weights, objectives }: Loss,
  inputs: Inputs,
  parameters: Parameters,
  drop: Dropout,
): Record<string, Scalar> & { loss: Scalar } {
  const results = Object.entries(objectives(inputs, parameters, drop)) as [ObjectiveName, ObjectiveResult][];
  const terms = results.map(([name, { loss }]) => {
    const term = tf.mul(loss, weights[name] ?? 0);
    return inputs.shares ? tf.mul(term, shareOf(inputs.shares, name)) : term;
  });
  const measured = {
    loss: terms.reduce((sum, term) => tf.add(sum, term)) as Scalar,
    ...(inputs.features && { notFinite: notFinite(inputs.features) as Scalar }),
  };
  const named = results.flatMap(([name, { loss, accuracy }]): [string, Scalar][] =>
    accuracy
      ? [
          [name, loss],
          [`${name}Accuracy`, accuracy],
        ]
      : [[name, loss]],
  );
  return Object.assign(measured, Object.fromEntries(named));
}

const shareOf = (shares: Tensor, name: ObjectiveName): Tensor =>
  tf.reshape(tf.slice(shares, objectiveNames.indexOf(name), 1), []);
