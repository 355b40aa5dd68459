/** How far two orders of the same things agree: Kendall's rank correlations, as scipy.stats.kendalltau computes them. */

/** Concordant less discordant pairs, and the pairs that are no ties in each, in O(n log n) (Knight 1966). */
function concordance(
  a: readonly number[],
  b: readonly number[],
): { balance: number; untiedA: number; untiedB: number } {
  const order = a.map((_, at) => at).sort((i, j) => a[i]! - a[j]! || b[i]! - b[j]!);
  const tied = (runs: readonly number[], same: (i: number, j: number) => boolean): number => {
    let [total, from] = [0, 0];
    for (let at = 1; at <= runs.length; at++) {
      if (at < runs.length && same(runs[at]!, runs[from]!)) continue;
      total += ((at - from) * (at - from - 1)) / 2;
      from = at;
    }
    return total;
  };
  const tiedA = tied(order, (i, j) => a[i] === a[j]);
  const tiedBoth = tied(order, (i, j) => a[i] === a[j] && b[i] === b[j]);
  let discordant = 0;
  const sort = (list: number[]): number[] => {
    if (list.length < 2) return list;
    const [left, right] = [sort(list.slice(0, list.length >> 1)), sort(list.slice(list.length >> 1))];
    const merged: number[] = [];
    let [l, r] = [0, 0];
    while (l < left.length || r < right.length) {
      if (r === right.length || (l < left.length && b[left[l]!]! <= b[right[r]!]!)) {
        merged.push(left[l]!);
        l += 1;
      } else {
        discordant += left.length - l;
        merged.push(right[r]!);
        r += 1;
      }
    }
    return merged;
  };
  const tiedB = tied(sort(order), (i, j) => b[i] === b[j]);
  const all = (a.length * (a.length - 1)) / 2;
  const concordant = all - tiedA - tiedB + tiedBoth - discordant;
  return { balance: concordant - discordant, untiedA: all - tiedA, untiedB: all - tiedB };
}

/** Kendall's τ_b: ties in either list make the denominator smaller. */
export function tauB(a: readonly number[], b: readonly number[]): number {
  const { balance, untiedA, untiedB } = concordance(a, b);
  return balance / Math.sqrt(untiedA * untiedB);
}

/** Stuart's τ_c: for scores of many kinds beside marks of a few. */
export function tauC(scores: readonly number[], marks: readonly number[]): number {
  const kinds = Math.min(new Set(scores).size, new Set(marks).size);
  return (2 * kinds * concordance(scores, marks).balance) / (scores.length ** 2 * (kinds - 1));
}
