/**
 * A task's loss as traced functions: the training step (forward, losses, gradients, clipping; the optimizer follows in the
 * executable), and the same losses without dropout and without gradients.
 */
import { type Dropout, dropout, noDropout, type Rows } from '../net/dropout.ts';
import { notFinite } from '../net/features.ts';
import { type ObjectiveName, type ObjectiveResult, type ObjectiveWeights, objectiveNames } from '../net/objective.ts';
import { type Scalar, type Tensor, tf } from '../runtime/backend.ts';
import { type AdamW, clip, sumOf } from '../runtime/optimizer.ts';
import { alone, type Peers, sumGradients } from '../runtime/peers.ts';
import type { Inputs, Parameters, TracedFunction } from '../runtime/traced-function.ts';
import { gradientNorms } from './gradient-parts.ts';

/** What a task minimises: the sum of its objectives' losses times their weights. */
export interface Loss {
  readonly weights: Partial<ObjectiveWeights>;
  readonly objectives: (
    inputs: Inputs,
    parameters: Parameters,
    drop: Dropout,
    peers: Peers,
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
  /** Processes that learn from other rows of the same batch. Then the inputs `shares` and `totals` say how much of it is here. */
  readonly peers?: Peers;
}

/** Gives `loss`, `notFinite` (images with a feature that is no finite number), each objective's NAME and `NAMEAccuracy`, `gradientNorm` and `gradientNorm/PART`, with gradients. Reads `seed` [2] int32 for dropout. */
export const trainFunction =
  (loss: Loss, { dropout: rate, optimizer, role = 'whole', frozen, peers = alone }: StepOptions): TracedFunction =>
  (inputs, parameters, all) => {
    const kept: Record<string, Tensor> = {};
    const learned = (name: string): boolean => (role === 'whole' ? !frozen?.has(name) : all.has(sumOf(name)));
    const variables = new Map([...all].filter(([name]) => learned(name)));
    const shares = sharesOf(inputs, peers);
    const { grads } = tf.variableGrads(
      () => {
        const drop = dropout(rate, inputs.seed!, pairsHere(inputs, peers));
        const measured = lossesOf(loss, inputs, { parameters, drop, peers, shares });
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
    const own = Object.fromEntries(Object.entries(kept).map(([name, tensor]) => [name, release(tensor)]));
    const outputs = peers.count === 1 ? own : ofAll(own, shares!, peers);
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
    const { clipped, norm, halves } = clip(sumGradients(peers, gradients), optimizer.clipNorm);
    return { outputs: { ...outputs, gradientNorm: norm, ...gradientNorms(halves) }, gradients: clipped };
  };

/** Gives what `trainFunction` gives, without dropout and without gradients. */
export const validateFunction =
  (loss: Loss): TracedFunction =>
  (inputs, parameters) => ({
    outputs: lossesOf(loss, inputs, { parameters, drop: noDropout, peers: alone, shares: inputs.shares }),
  });

/** The pairs that are here of a batch of several processes; undefined where all are. */
function pairsHere(inputs: Inputs, { rank, count }: Peers): Rows | undefined {
  if (count === 1) return undefined;
  const own = inputs.pieces!.shape[0]!;
  return { first: rank * own, count: own, of: count * own };
}

/** This batch's share of each objective [5] among all that make the update: those of this process (`totals`) and of its peers. */
function sharesOf({ shares, totals }: Inputs, peers: Peers): Tensor | undefined {
  return totals ? tf.div(shares!, tf.maximum(peers.sum(totals), 1)) : shares;
}

/** What the batches of all processes measured together, times their shares. */
function ofAll(own: Readonly<Record<string, Tensor>>, shares: Tensor, peers: Peers): Record<string, Tensor> {
  const weighted = Object.entries(own).map(([name, tensor]) => {
    const objective = name.replace(/Accuracy$/, '') as ObjectiveName;
    return objectiveNames.includes(objective) ? tf.mul(tensor, shareOf(shares, objective)) : tensor;
  });
  const sums = tf.unstack(peers.sum(tf.stack(weighted)));
  return Object.fromEntries(Object.keys(own).map((name, index) => [name, sums[index]!]));
}

interface Computing {
  readonly parameters: Parameters;
  readonly drop: Dropout;
  readonly peers: Peers;
  /** [5] */
  readonly shares: Tensor | undefined;
}

/**
 * `loss`, and NAME and `NAMEAccuracy` of each objective. Where several batches make one update, `loss` has each objective times the
 * batch's share of what that objective averages over; see update.ts.
 */
function lossesOf(
  { weights, objectives }: Loss,
  inputs: Inputs,
  { parameters, drop, peers, shares }: Computing,
): Record<string, Scalar> & { loss: Scalar } {
  const results = Object.entries(objectives(inputs, parameters, drop, peers)) as [ObjectiveName, ObjectiveResult][];
  const terms = results.map(([name, { loss }]) => {
    const term = tf.mul(loss, weights[name] ?? 0);
    return shares ? tf.mul(term, shareOf(shares, name)) : term;
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
