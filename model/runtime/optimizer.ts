/**
 * AdamW (arXiv 1711.05101) with a bound on the gradients' global norm. The update exists twice, with the same numbers: as plain
 * tfjs ops, and as nodes of a graph, where TensorFlow's own kernel updates a variable in place in one pass.
 */
import { floatOp, nativeBackend, type Scalar, type Tensor, tf, type Variable } from './backend.ts';
import type { Graph } from './graph.ts';
import { bool, type Output, type } from './graph-node.ts';
import { learns, type ParameterSpec, type Values } from './parameter.ts';

export interface AdamW {
  readonly beta1: number;
  /** 0.98: UNITER's, steadier than 0.999 in short runs */
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: number;
  /** Largest global norm of the gradients; infinite where they stay as they are. BERT: 1. */
  readonly clipNorm: number;
  /** Running averages of the parameters are kept beside them (EMA), of which so much stays at an update once enough were made; absent: none. */
  readonly averageDecay?: number;
}

export const adamW: AdamW = { beta1: 0.9, beta2: 0.98, epsilon: 1e-6, decay: 0.01, clipNorm: 1 };

/** The two running means of a parameter's gradients, kept beside it under these names. */
export const slots = (name: string) => ({ mean: `${name}/adam_m`, square: `${name}/adam_v` });

/** Where the running average of a parameter is kept. */
export const averageOf = (name: string): string => `${name}/average`;

/** Values of the parameters as the running averages of those that learn. */
export const asAverages = (parameters: readonly ParameterSpec[], values: ReadonlyMap<string, Float32Array>): Values =>
  new Map(parameters.filter(learns).map(({ name }) => [averageOf(name), values.get(name)!]));

/** Where the gradients of a parameter are summed up when several batches make one update. */
export const sumOf = (name: string): string => `${name}/gradient_sum`;

/** A sum beside each parameter, for `trainFunction` in train/step.ts. They are no part of a checkpoint: an update starts with its first batch. */
export const gradientSums = (parameters: readonly ParameterSpec[]): ParameterSpec[] =>
  parameters
    .filter(learns)
    .map(({ name, shape }) => ({ name: sumOf(name), shape, start: 'zeros', decays: false, replaced: true }));

/** What changes from step to step. */
export interface Rates {
  readonly learningRate: number;
  /** beta1 and beta2 to the power of the step's number, counted from 1 */
  readonly beta1Power: number;
  readonly beta2Power: number;
  /** How much of the running averages stays, where there are any. */
  readonly averageKept?: number;
}

/** `step` counts from 0. The averages of few updates keep less, or the first parameters would be most of them: as TensorFlow's ExponentialMovingAverage. */
export function ratesAt({ beta1, beta2, averageDecay }: AdamW, step: number, learningRate: number): Rates {
  return {
    learningRate,
    beta1Power: beta1 ** (step + 1),
    beta2Power: beta2 ** (step + 1),
    ...(averageDecay !== undefined && { averageKept: Math.min(averageDecay, (1 + step) / (10 + step)) }),
  };
}

/** Gradients scaled down to the global norm if theirs is larger, what the norm was, and of each gradient half the sum of its squares. */
export function clip(
  gradients: ReadonlyMap<string, Tensor>,
  clipNorm: number,
): { clipped: Map<string, Tensor>; norm: Scalar; halves: Map<string, Tensor> } {
  const halves = new Map([...gradients].map(([name, gradient]) => [name, halfOfSquares(gradient)]));
  const norm = normOf([...halves.values()]);
  if (clipNorm === Number.POSITIVE_INFINITY) return { clipped: new Map(gradients), norm, halves };
  const factor = tf.minimum(1, tf.div(clipNorm, tf.maximum(norm, 1e-12)));
  const clipped = new Map([...gradients].map(([name, gradient]) => [name, tf.mul(gradient, factor)]));
  return { clipped, norm, halves };
}

/** The norm of several tensors together, from half the sum of the squares of each. */
export const normOf = (halves: readonly Tensor[]): Scalar =>
  tf.sqrt(tf.mul(tf.sum(tf.stack([...halves])), 2)) as Scalar;

function halfOfSquares(x: Tensor): Tensor {
  const native = nativeBackend();
  return native ? floatOp(native, 'L2Loss', [x]) : tf.mul(tf.sum(tf.square(x)), 0.5);
}

/** Updates a variable and its slots in place, op by op. */
export function updateEagerly(
  optimizer: AdamW,
  { decays, replaced, rate: share = 1 }: ParameterSpec,
  [variable, mean, square, average]: readonly [Variable, Variable, Variable, Variable | undefined],
  gradient: Tensor,
  { learningRate: full, beta1Power, beta2Power, averageKept }: Rates,
): void {
  if (replaced) {
    variable.assign(gradient as never);
    return;
  }
  const { beta1, beta2, epsilon, decay } = optimizer;
  const learningRate = full * share;
  const rate = (learningRate * Math.sqrt(1 - beta2Power)) / (1 - beta1Power);
  tf.tidy(() => {
    const newMean = tf.add(mean, tf.mul(tf.sub(gradient, mean), 1 - beta1));
    const newSquare = tf.add(square, tf.mul(tf.sub(tf.square(gradient), square), 1 - beta2));
    const kept = decays ? tf.sub(variable, tf.mul(variable, learningRate * decay)) : variable;
    const next = tf.sub(kept, tf.div(tf.mul(newMean, rate), tf.add(tf.sqrt(newSquare), epsilon)));
    mean.assign(newMean as never);
    square.assign(newSquare as never);
    variable.assign(next as never);
    average?.assign(tf.sub(average, tf.mul(tf.sub(average, next), 1 - averageKept!)) as never);
  });
}

/** Handles in a graph. */
export interface GraphRates {
  readonly learningRate: Output;
  readonly beta1Power: Output;
  readonly beta2Power: Output;
  readonly averageKept?: Output;
}

/** A variable's handle and what it holds before an update. */
interface Place {
  readonly variable: Output;
  readonly value: Output;
}

/** Adds the update of one variable to a graph; gives the node that has run when it is done. */
export function addUpdate(
  graph: Graph,
  prefix: string,
  optimizer: AdamW,
  { decays, replaced, rate: share = 1 }: ParameterSpec,
  handles: Place & { readonly mean: Output; readonly square: Output; readonly average?: Place },
  gradient: Output,
  rates: GraphRates,
): Output {
  const T = type('float32');
  if (replaced) {
    const inputs = [handles.variable, gradient, `^${handles.value}`];
    return graph.add(`${prefix}/${handles.variable}/replaced`, 'AssignVariableOp', inputs, { dtype: T });
  }
  const before: Output[] = [`^${handles.value}`];
  const learningRate = partOf(graph, `${prefix}/rate`, rates.learningRate, share);
  if (decays) {
    const kept = `${prefix}/kept${share === 1 ? '' : `/${share}`}`; // 1 − learning rate × decay, as PyTorch
    if (!graph.has(kept)) {
      graph.scalar(`${kept}/rate`, optimizer.decay);
      graph.scalar(`${kept}/one`, 1);
      graph.add(`${kept}/lost`, 'Mul', [learningRate, `${kept}/rate`], { T });
      graph.add(kept, 'Sub', [`${kept}/one`, `${kept}/lost`], { T });
    }
    const after = `^${gradient.split(':')[0]}`;
    const left = graph.add(`${prefix}/${handles.variable}/left`, 'Mul', [handles.value, kept, after], { T });
    const inputs = [handles.variable, left];
    before.push(`^${graph.add(`${prefix}/${handles.variable}/decayed`, 'AssignVariableOp', inputs, { dtype: T })}`);
  }
  const constant = (name: string, value: number) =>
    graph.has(`${prefix}/${name}`) ? `${prefix}/${name}` : graph.scalar(`${prefix}/${name}`, value);
  const adam = graph.add(
    `${prefix}/${handles.variable}/adam`,
    'ResourceApplyAdam',
    [
      handles.variable,
      handles.mean,
      handles.square,
      rates.beta1Power,
      rates.beta2Power,
      learningRate,
      constant('beta1', optimizer.beta1),
      constant('beta2', optimizer.beta2),
      constant('epsilon', optimizer.epsilon),
      gradient,
      ...before,
    ],
    { T, use_locking: bool(false), use_nesterov: bool(false) },
  );
  if (!handles.average) return adam;
  const lost = `${prefix}/averageLost`;
  if (!graph.has(lost)) graph.add(lost, 'Sub', [graph.scalar(`${lost}/one`, 1), rates.averageKept!], { T });
  const { variable, value } = handles.average;
  const at = `${prefix}/${variable}`;
  const now = graph.add(`${at}/now`, 'ReadVariableOp', [handles.variable, `^${adam}`], { dtype: T });
  const apart = graph.add(`${at}/apart`, 'Sub', [value, now], { T });
  const next = graph.add(`${at}/next`, 'Sub', [value, graph.add(`${at}/step`, 'Mul', [apart, lost], { T })], { T });
  return graph.add(`${at}/averaged`, 'AssignVariableOp', [variable, next], { dtype: T });
}

/** A rate times a share; one node for all parameters of that share. */
function partOf(graph: Graph, name: string, rate: Output, share: number): Output {
  if (share === 1) return rate;
  const node = `${name}/${share}`;
  if (!graph.has(node)) {
    graph.scalar(`${node}/share`, share);
    graph.add(node, 'Mul', [rate, `${node}/share`], { T: type('float32') });
  }
  return node;
}
