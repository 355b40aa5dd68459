/** The probability that a positive example has a higher score than a negative one; ties count half. */
export function areaUnderCurve(scores: readonly number[], isPositive: readonly boolean[]): number {
  const sorted = scores.map((score, at) => ({ score, isPositive: isPositive[at]! })).sort((a, b) => a.score - b.score);
  let ranks = 0;
  let positives = 0;
  for (let at = 0; at < sorted.length; ) {
    let end = at;
    while (end < sorted.length && sorted[end]!.score === sorted[at]!.score) end += 1;
    for (let i = at; i < end; i += 1)
      if (sorted[i]!.isPositive) {
        ranks += (at + end + 1) / 2;
        positives += 1;
      }
    at = end;
  }
  const negatives = sorted.length - positives;
  return positives === 0 || negatives === 0
    ? Number.NaN
    : (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}
