/**
 * One update of the parameters from one batch or, where memory is short, from several: their gradients are summed, each objective
 * weighted by the batch's share of what it averages over, so that the update is the one that a single large batch would make.
 */
import { type ObjectiveName, objectiveNames } from '../net/objective.ts';
import type { Rates } from '../runtime/optimizer.ts';
import type { Arrays, Executable, TracedFunction } from '../runtime/traced-function.ts';
import { type Measured, measuredOf } from './metrics.ts';
import { type Loss, type StepOptions, trainFunction } from './step.ts';

/** The traced functions of an update: `train` ends it; `part` learns from a batch before its last one. */
export function updateFunctions(
  loss: Loss,
  options: Omit<StepOptions, 'role'>,
  accumulate: number,
): Record<string, TracedFunction> {
  if (accumulate === 1) return { train: trainFunction(loss, options) };
  return {
    part: trainFunction(loss, { ...options, role: 'part' }),
    train: trainFunction(loss, { ...options, role: 'last' }),
  };
}

/** Prepares the executable for updates by batches of one shape. */
export function prepareUpdate(
  executable: Pick<Executable, 'prepare'>,
  arrays: Arrays,
  { accumulate, peers }: { readonly accumulate: number; readonly peers: number },
): void {
  const batches = new Array<Arrays>(accumulate).fill(arrays);
  for (const { name, inputs } of passes(batches, { seed: 0, step: 0, peers })) executable.prepare(name, inputs);
}

/**
 * Learns from the batches of one update; what is random in it follows from the run's seed and the step. Gives the losses and
 * accuracies over all their examples and the norm of the gradients. `comesNext` gives the batch after them, which is brought to the device
 * meanwhile.
 */
export async function update(
  executable: Executable,
  batches: readonly Arrays[],
  rates: Rates,
  place: Place,
  comesNext?: () => Promise<Arrays>,
): Promise<Measured> {
  const measured: Measured[] = [];
  const all = passes(batches, place);
  for (const [index, { name, inputs }] of all.entries()) {
    const running = executable.runLater(name, inputs, rates);
    const next = all[index + 1];
    if (next) executable.stage(next.inputs);
    // What fails is told to whoever waits for that batch.
    else comesNext?.().then((arrays) => executable.stage(arrays), () => {}); // biome-ignore format: one line
    measured.push(measuredOf(await running));
  }
  return batches.length === 1 ? measured[0]! : combined(measured, place.peers ? undefined : sharesOf(batches));
}

interface Place {
  readonly seed: number;
  readonly step: number;
  /** How far hard negatives are chosen by similarity, 0 to 1; 1 unless given. */
  readonly hardness?: number;
  /** Processes that learn from other rows of these batches; then what is measured is of all of them. */
  readonly peers?: number;
}

/** Each batch has this many seeds for dropout; each use in the model takes the next one. */
const seedsPerBatch = 4096;

/** The call of a traced function that each batch of an update makes. */
function passes(
  batches: readonly Arrays[],
  { seed, step, hardness = 1, peers = 0 }: Place,
): { name: string; inputs: Arrays }[] {
  const counts = countsOf(batches);
  const shares = peers > 0 ? counts : sharesOf(batches);
  const totals = Float32Array.from(objectiveNames, (_, at) => counts.reduce((sum, own) => sum + own[at]!, 0));
  return batches.map((arrays, index) => {
    const seeds = Int32Array.of(seed, (step * batches.length + index) * seedsPerBatch);
    const inputs: Arrays = { ...arrays, seed: { shape: [2], values: seeds } };
    if (arrays.hardness) inputs.hardness = { shape: [], values: Float32Array.of(hardness) };
    if (peers > 0) inputs.totals = { shape: [totals.length], values: totals };
    if (batches.length === 1 && peers === 0) return { name: 'train', inputs };
    const share = shares[index]!;
    inputs.shares = { shape: [share.length], values: share };
    if (index === batches.length - 1) return { name: 'train', inputs };
    inputs.carried = { shape: [], values: Float32Array.of(index === 0 ? 0 : 1) };
    return { name: 'part', inputs };
  });
}

/** The arrays over whose sum an objective's loss averages: the first that a batch has; its pairs where it has none. */
const averagedOver: Readonly<Record<ObjectiveName, readonly string[]>> = {
  mlm: ['mlmCounts'],
  moc: ['regionCounts'],
  mrfr: ['regionCounts'],
  itm: ['matchCounts', 'rankCounts'],
  itc: [],
};

/** For each batch of an update how much each objective averages over, in the order of `objectiveNames`. */
const countsOf = (batches: readonly Arrays[]): Float32Array[] =>
  batches.map((arrays) =>
    Float32Array.from(objectiveNames, (name) => {
      const found = averagedOver[name].map((array) => arrays[array]).find((array) => array !== undefined);
      return found ? (found.values as Float32Array).reduce((sum, count) => sum + count, 0) : 1;
    }),
  );

/** For each batch of an update its share of each objective, in the order of `objectiveNames`; shares of an objective sum to 1. */
export function sharesOf(batches: readonly Arrays[]): Float32Array[] {
  const counts = countsOf(batches);
  return counts.map((own) =>
    Float32Array.from(own, (count, index) => {
      const total = counts.reduce((sum, batch) => sum + batch[index]!, 0);
      return total > 0 ? count / total : 1 / batches.length;
    }),
  );
}

/** What the batches of one update measured, as a single batch of them all would have measured it. Without shares it includes them already. */
function combined(measured: readonly Measured[], shares: readonly Float32Array[] | undefined): Measured {
  const sums: Record<string, number> = {};
  measured.forEach((own, batch) => {
    for (const [name, value] of Object.entries(own)) {
      const index = objectiveNames.indexOf(name.replace(/Accuracy$/, '') as ObjectiveName);
      // The total loss already includes the shares; the gradients' norm is of their sum.
      const share = index < 0 || !shares ? 1 : shares[batch]![index]!;
      sums[name] = (sums[name] ?? 0) + share * value;
    }
  });
  return sums;
}
