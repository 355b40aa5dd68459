/** How many of a corpus' pairs are right, from their chances alone. */

/** Steps of expectation and maximisation after which the share hardly moves; ours. */
const maxRounds = 1_000;

/**
 * The share of right pairs among those with these chances, which were fitted where right and wrong ones are as many: the share that
 * is likeliest, by expectation and maximisation (Saerens, Latinne & Decaestecker 2002). A pair is then likelier right than wrong
 * where its chance is above 1 less that share.
 */
export function shareOfRight(chances: readonly number[]): number {
  let share = 0.5;
  for (let round = 0; round < maxRounds; round++) {
    let sum = 0;
    for (const chance of chances) {
      const right = share * chance;
      sum += right / (right + (1 - share) * (1 - chance));
    }
    const next = sum / Math.max(1, chances.length);
    if (Math.abs(next - share) < 1e-6) return next;
    share = next;
  }
  return share;
}
