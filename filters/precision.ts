/**
 * How often each rule is right, by the labels of a sample: of what it drops, the share that does not belong into the corpus, and of what it
 * lets through, the share that does. Both with Wilson's interval (Wilson 1927; Brown, Cai & DasGupta 2001 on why that one).
 */
import { keptStratum, type Stratum } from '../dataset/ledger/label-sample.ts';
import type { Label } from '../dataset/ledger/labels.ts';

/** The 97.5 % point of the standard normal distribution: intervals are of 95 %. */
const z = 1.959963984540054;

/** A share with its interval of 95 %. */
export interface Share {
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** Wilson's interval of a share among `n` that were drawn; `n` need not be a whole number. */
export function wilson(share: number, n: number): Share {
  const middle = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2));
  return { share, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** What labels say of the pairs with one verdict. */
export interface LabelledStratum {
  readonly verdict: string;
  /** Pairs of this verdict. */
  readonly size: number;
  /** Pairs of it that are to be labelled. */
  readonly wanted: number;
  /** Pairs of it that count: those at the beginning of the sample that have a label, without a gap and without skipped ones. */
  readonly labelled: number;
  readonly counts: Readonly<Record<Exclude<Label, 'skipped'>, number>>;
  /** Pairs that each of them stands for, `size / labelled`; null for none. */
  readonly weight: number | null;
}

export interface RulePrecision extends LabelledStratum {
  /** Share of what it drops that has another label than `fits`; null for no labels. */
  readonly ofDropped: Share | null;
  /**
   * Share of what it lets through that fits. Labels of the verdicts after it count by their weights, and the interval is that of as many
   * equal labels as these are worth (Kish's effective sample size). Null where one of those verdicts has no labels.
   */
  readonly ofStaying: Share | null;
}

export interface Precision {
  readonly kept: LabelledStratum;
  /** Share of what all rules keep that fits. */
  readonly ofKept: Share | null;
  /** The rules that dropped something, in the order of judging. */
  readonly rules: readonly RulePrecision[];
}

/** `order` names the rules as they judge. */
export function precisionOf(
  strata: readonly Stratum[],
  labels: ReadonlyMap<string, Label>,
  order: readonly string[],
): Precision {
  const known = new Map(strata.map((stratum) => [stratum.verdict, labelledOf(stratum, labels)]));
  const kept = known.get(keptStratum) ?? labelledOf({ verdict: keptStratum, size: 0, ids: [] }, labels);
  const rules = order.flatMap((rule) => known.get(rule) ?? []);
  return {
    kept,
    ofKept: kept.labelled === 0 ? null : wilson(kept.counts.fits / kept.labelled, kept.labelled),
    rules: rules.map((rule, at) => ({
      ...rule,
      ofDropped: rule.labelled === 0 ? null : wilson(1 - rule.counts.fits / rule.labelled, rule.labelled),
      ofStaying: weighted([...rules.slice(at + 1), kept]),
    })),
  };
}

function labelledOf({ verdict, size, ids }: Stratum, labels: ReadonlyMap<string, Label>): LabelledStratum {
  // Up to the first pair without a label the sample is a random one, whatever else was labelled under another recipe or seed.
  const end = ids.findIndex((id) => !labels.has(id));
  const counted = (end < 0 ? ids : ids.slice(0, end)).map((id) => labels.get(id)!);
  const of = (kind: Label): number => counted.filter((label) => label === kind).length;
  const labelled = counted.length - of('skipped');
  const counts = {
    fits: of('fits'),
    'does-not-fit': of('does-not-fit'),
    unsafe: of('unsafe'),
    'not-a-photo': of('not-a-photo'),
  };
  return { verdict, size, wanted: ids.length, labelled, counts, weight: labelled === 0 ? null : size / labelled };
}

/** The share of several verdicts together that fits. */
function weighted(strata: readonly LabelledStratum[]): Share | null {
  const some = strata.filter(({ size }) => size > 0);
  if (some.length === 0 || some.some(({ weight }) => weight === null)) return null;
  const sum = (of: (stratum: LabelledStratum) => number): number => some.reduce((total, one) => total + of(one), 0);
  const size = sum((one) => one.size);
  const share = sum(({ counts, weight }) => counts.fits * weight!) / size;
  return wilson(share, size ** 2 / sum(({ labelled, weight }) => labelled * weight! ** 2));
}
