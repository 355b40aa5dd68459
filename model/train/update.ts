import type { Rates } from '../runtime/optimizer.ts';
import type { Arrays, Executable, TracedFunction } from '../runtime/traced-function.ts';
import { combined, sharesOf } from './accumulate.ts';
import type { Measured } from './metrics.ts';
import type { Role } from './step.ts';
import { numbersOf } from './validation.ts';

/** Dropout has so many seeds for a batch; each use in the model takes the next one. */
const seedsOfBatch = 4096;

/** The routines of an update: `train` ends it; `part` learns from a batch before its last one. */
export const updateFunctions = (
  train: (role: Role) => TracedFunction,
  accumulate: number,
): Record<string, TracedFunction> =>
  accumulate > 1 ? { part: train('part'), train: train('last') } : { train: train('whole') };

/** Gets ready for updates by batches of one shape. */
export function prepareUpdate(running: Executable, arrays: Arrays, accumulate: number): void {
  for (const { routine, inputs } of passes(new Array<Arrays>(accumulate).fill(arrays), { seed: 0, step: 0 })) {
    running.prepare(routine, inputs);
  }
}

/** Learns from the batches of one update. Gives the losses and accuracies over all their examples and the norm of the gradients. */
export function update(running: Executable, batches: readonly Arrays[], rates: Rates, at: Place): Measured {
  const measured = passes(batches, at).map(({ routine, inputs }) => numbersOf(running.run(routine, inputs, rates)));
  return batches.length === 1 ? (measured[0] as Measured) : combined(measured, sharesOf(batches));
}

/** Names an update: what is random in it follows from these. */
interface Place {
  readonly seed: number;
  readonly step: number;
}

function passes(batches: readonly Arrays[], { seed, step }: Place): { routine: string; inputs: Arrays }[] {
  const shares = sharesOf(batches);
  return batches.map((arrays, index) => {
    const place = Int32Array.of(seed, (step * batches.length + index) * seedsOfBatch);
    const inputs: Arrays = { ...arrays, seed: { shape: [2], values: place } };
    if (batches.length === 1) return { routine: 'train', inputs };
    const share = shares[index] as Float32Array;
    inputs.shares = { shape: [share.length], values: share };
    if (index === batches.length - 1) return { routine: 'train', inputs };
    inputs.carried = { shape: [], values: Float32Array.of(index === 0 ? 0 : 1) };
    return { routine: 'part', inputs };
  });
}
