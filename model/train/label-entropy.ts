/** The entropy of matching's labels: the loss of a model that says the same of every pair, and has learned nothing. */
import type { Arrays } from '../runtime/traced-function.ts';

/** In nats, of the pairs that count in an update's batches; nothing where they have no labels of matching. */
export function itmEntropy(batches: readonly Arrays[]): { itmEntropy?: number } {
  let [matched, counted] = [0, 0];
  for (const { matched: labels, matchCounts } of batches) {
    if (!labels || !matchCounts) return {};
    matchCounts.values.forEach((count, row) => {
      counted += count;
      matched += count * labels.values[row]!;
    });
  }
  const share = matched / counted;
  const term = (chance: number): number => (chance > 0 ? -chance * Math.log(chance) : 0);
  return counted > 0 ? { itmEntropy: term(share) + term(1 - share) } : {};
}
