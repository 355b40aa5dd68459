import { type ObjectiveName, objectiveNames } from '../net/objective.ts';
import type { Arrays } from '../runtime/traced-function.ts';
import type { Measured } from './metrics.ts';

/** The array over whose sum an objective's loss averages; where a batch has none of its names, over its pairs. */
const counted: Readonly<Record<ObjectiveName, readonly string[]>> = {
  mlm: ['mlmCounts'],
  moc: ['regionCounts'],
  mrfr: ['regionCounts'],
  itm: ['matchCounts', 'rankCounts'],
  itc: [],
};

/** For each batch of an update its share of each objective, in the order of `objectiveNames`; shares of an objective sum to 1. */
export function sharesOf(batches: readonly Arrays[]): Float32Array[] {
  const counts = batches.map((arrays) =>
    objectiveNames.map((name) => {
      const found = counted[name].map((one) => arrays[one]).find((one) => one !== undefined);
      if (!found) return 1;
      return (found.values as Float32Array).reduce((sum, one) => sum + one, 0);
    }),
  );
  return counts.map((own) =>
    Float32Array.from(own, (count, index) => {
      const total = counts.reduce((sum, one) => sum + (one[index] as number), 0);
      return total > 0 ? count / total : 1 / batches.length;
    }),
  );
}

/** What the batches of one update measured, as one batch of them all would have. */
export function combined(measured: readonly Measured[], shares: readonly Float32Array[]): Measured {
  const sums: Record<string, number> = {};
  measured.forEach((own, batch) => {
    for (const [name, value] of Object.entries(own)) {
      const index = objectiveNames.indexOf(name.replace(/Accuracy$/, '') as ObjectiveName);
      // The total loss has the shares in it already; the gradients' norm is of the sum.
      const share = index < 0 ? 1 : (shares[batch]?.[index] as number);
      sums[name] = (sums[name] ?? 0) + share * value;
    }
  });
  return sums;
}
