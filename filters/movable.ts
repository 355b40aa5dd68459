/**
 * The rules that judge by a stored score alone, each with the setting that moves its threshold: what a setting would do is told by the
 * rule itself, asked about scores instead of pairs.
 */
import type { RuleRecord } from '../dataset/ledger/recipes.ts';
import type { Verdict } from './filter.ts';
import { imageBlur } from './image/blur.ts';
import { imageDominant } from './image/dominant.ts';
import { imageFlat } from './image/flat.ts';
import { imagePhoto } from './image/photo.ts';
import { imageUnsafe } from './image/unsafe.ts';
import { matchRelevance } from './match/relevance.ts';
import type { RecipeNumbers } from './presets.ts';

/** A threshold that can be moved. */
export interface Movable {
  /** The rule's name. */
  readonly rule: string;
  /** The operator's setting. */
  readonly setting: keyof RecipeNumbers;
  /** The same among the rule's own settings. */
  readonly key: string;
  /** What its score is about. */
  readonly subject: 'image' | 'pair';
  /** What the rule says of a score with this threshold; null is none. */
  readonly judge: (score: number, threshold: number | null) => Verdict;
}

/** Judging by a score needs no model. */
const noModel = { model: '', score: async () => [] };

const off = (threshold: number | null): number => threshold ?? Number.NEGATIVE_INFINITY;

export const movables: readonly Movable[] = [
  {
    rule: 'image/dominant',
    setting: 'minDominance',
    key: 'minScore',
    subject: 'pair',
    judge: (score, threshold) =>
      imageDominant({ minScore: off(threshold) }).judge({ ...noPair, dominance: { class: 'subject', score } }),
  },
  {
    rule: 'image/flat',
    setting: 'minEntropyBits',
    key: 'minBits',
    subject: 'image',
    judge: (score, threshold) => imageFlat({ minBits: off(threshold) }).judge(score),
  },
  {
    rule: 'image/blur',
    setting: 'minSharpness',
    key: 'minVariance',
    subject: 'image',
    judge: (score, threshold) => imageBlur({ minVariance: off(threshold) }).judge(score),
  },
  {
    rule: 'image/unsafe',
    setting: 'maxUnsafe',
    key: 'maxUnsafe',
    subject: 'image',
    judge: (score, threshold) => imageUnsafe(noModel, { maxUnsafe: threshold }).judge(score),
  },
  {
    rule: 'image/photo',
    setting: 'minPhoto',
    key: 'minProbability',
    subject: 'image',
    judge: (score, threshold) => imagePhoto(noModel, { minProbability: threshold }).judge(score),
  },
  {
    rule: 'match/relevance',
    setting: 'minRelevance',
    key: 'minScore',
    subject: 'pair',
    judge: (score, threshold) => matchRelevance(noModel, { minScore: threshold }).judge(score),
  },
];

const noPair = { id: '', imageUrl: '', pageUrl: '', text: '', source: 'none', pageTitle: '', pageText: '' } as const;

/** The threshold that a rule was judged with; null for none. */
export function thresholdOf({ key }: Movable, { settings }: RuleRecord): number | null {
  const value = settings[key];
  return typeof value === 'number' ? value : null;
}

/** Which of sorted scores are kept: those from one place on, up to another. A rule with one threshold keeps all on one side of it. */
export function keptRange(
  scores: Float64Array,
  { judge }: Movable,
  threshold: number | null,
): { readonly from: number; readonly to: number } {
  const keeps = (at: number): boolean => judge(scores[at]!, threshold).keep;
  const last = scores.length - 1;
  if (last < 0) return { from: 0, to: 0 };
  if (keeps(0) === keeps(last)) return keeps(0) ? { from: 0, to: last + 1 } : { from: 0, to: 0 };
  const isMinimum = keeps(last);
  // The first place whose side is the last one's.
  let [low, high] = [0, last];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keeps(middle) === isMinimum) high = middle;
    else low = middle + 1;
  }
  return isMinimum ? { from: low, to: last + 1 } : { from: 0, to: low };
}
