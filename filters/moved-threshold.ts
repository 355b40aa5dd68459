/** What moving a rule's threshold would change, told from stored scores: nothing is judged, scored or written. */
import { fate, type ScoredPairs } from '../dataset/ledger/scored-pairs.ts';
import { keptRange, type Movable } from './movable.ts';

/** What a rule would do with another threshold, beside what it does today. Numbers of pairs. */
export interface Moved {
  /** Pairs that come to the rule. */
  readonly entered: number;
  /** Pairs that it would let through. */
  readonly kept: number;
  /** Pairs that all rules keep today, and it would keep too. */
  readonly keptByAll: number;
  /** Pairs that it would let through and drops today; the rules after it have not judged them. */
  readonly regained: number;
  /** Pairs that it would drop and lets through today. */
  readonly lost: number;
  /** Of these, pairs that all rules keep today. */
  readonly lostOfKept: number;
  /** Places in the table of pairs of those that change sides, the nearest to the new threshold first; the nearest ones only. */
  readonly changed: readonly number[];
}

/** Tells what `to` would change, with up to `maxChanged` pairs that change sides. `null` is no threshold. */
export function moveThreshold(
  { scores, rows, fates, unscored }: ScoredPairs,
  movable: Movable,
  { from: today, to }: { readonly from: number | null; readonly to: number | null },
  maxChanged = 500,
): Moved {
  const before = keptRange(scores, movable, today);
  const after = keptRange(scores, movable, to);
  let [keptByAll, regained, lost, lostOfKept] = [0, 0, 0, 0];
  for (const [at, end] of fates.entries()) {
    const isKept = at >= after.from && at < after.to;
    if (isKept && end === fate.kept) keptByAll += 1;
    if (isKept && end === fate.dropped) regained += 1;
    if (!isKept && end !== fate.dropped) lost += 1;
    if (!isKept && end === fate.kept) lostOfKept += 1;
  }
  const changed: number[] = [];
  for (const at of changedPlaces(scores, before, after, to ?? today ?? 0)) {
    if (changed.length === maxChanged) break;
    changed.push(rows[at]!);
  }
  return {
    entered: scores.length + unscored.kept + unscored.dropped,
    kept: after.to - after.from + unscored.kept,
    keptByAll: keptByAll + unscored.keptByAll,
    regained,
    lost,
    lostOfKept,
    changed,
  };
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** The places that are in one range and not in the other, each stretch from its end that is nearer to the threshold. */
function* changedPlaces(scores: Float64Array, before: Range, after: Range, threshold: number): Generator<number> {
  const isEmpty = ({ from, to }: Range): boolean => from === to;
  const stretches: Range[] =
    isEmpty(before) || isEmpty(after)
      ? [isEmpty(before) ? after : before]
      : [between(before.from, after.from), between(before.to, after.to)];
  for (const { from, to } of stretches) {
    if (from === to) continue;
    const isFromBelow = Math.abs(scores[from]! - threshold) <= Math.abs(scores[to - 1]! - threshold);
    for (let step = 0; step < to - from; step++) yield isFromBelow ? from + step : to - 1 - step;
  }
}

const between = (a: number, b: number): Range => ({ from: Math.min(a, b), to: Math.max(a, b) });

/** Scores counted in equal steps of an axis. */
export interface Histogram {
  readonly low: number;
  readonly high: number;
  /** Whether the steps are equal in log(1 + score): scores of several orders of magnitude. */
  readonly isLogarithmic: boolean;
  readonly counts: readonly number[];
}

/** From this highest score on, an axis of scores that are never below 0 is logarithmic. */
const wide = 100;

/** The histogram of sorted scores on an axis that reaches to the threshold too. */
export function scoreHistogram(scores: Float64Array, threshold: number | null, bins = 64): Histogram {
  const ends = [...(threshold === null ? [] : [threshold]), ...(scores.length > 0 ? [scores[0]!, scores.at(-1)!] : [])];
  const [low, high] = ends.length === 0 ? [0, 1] : [Math.min(...ends), Math.max(...ends)];
  const isLogarithmic = low >= 0 && high > wide;
  const scale = (score: number): number => (isLogarithmic ? Math.log1p(score) : score);
  const span = scale(high) - scale(low) || 1;
  const counts = new Array<number>(bins).fill(0);
  for (const score of scores) counts[Math.min(bins - 1, Math.floor(((scale(score) - scale(low)) / span) * bins))]! += 1;
  return { low, high, isLogarithmic, counts };
}
