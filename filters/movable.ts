/**
 * The rules that judge by one stored number alone, a score or a measurement, each with the setting that moves its threshold: what a setting would do is told by the
 * rule itself, asked about numbers instead of pairs.
 */
import type { RuleRecord } from '../dataset/ledger/recipes.ts';
import type { JudgedBy } from '../dataset/ledger/scored-pairs.ts';
import type { Verdict } from './filter.ts';
import { imageBlur } from './image/blur.ts';
import { imageBytes } from './image/bytes.ts';
import { imageDominant } from './image/dominant.ts';
import { imageFlat } from './image/flat.ts';
import { imagePhoto } from './image/photo.ts';
import { imageSize } from './image/size.ts';
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
  readonly judgedBy: JudgedBy;
  /** Whether the threshold is a whole number. */
  readonly isWhole?: true;
  /** The rule's setting that must be off: with it the number does not say all. */
  readonly without?: string;
  /** What the rule says of a score with this threshold; null is none. */
  readonly judge: (score: number, threshold: number | null) => Verdict;
}

/** Judging by a score needs no model. */
const noModel = { model: '', score: async () => [] };

const noPair = { id: '', imageUrl: '', pageUrl: '', text: '', source: 'none', pageTitle: '', pageText: '' } as const;
const noSample = {
  ...noPair,
  ...{ format: '', width: 0, height: 0, byteLength: 0, sha256: '', phash: '', frames: 1, segment: 0, offset: 0 },
};

const off = (threshold: number | null): number => threshold ?? Number.NEGATIVE_INFINITY;

export const movables: readonly Movable[] = [
  {
    rule: 'image/dominant',
    setting: 'minDominance',
    key: 'minScore',
    judgedBy: 'pair-score',
    judge: (score, threshold) =>
      imageDominant({ minScore: off(threshold) }).judge({ ...noPair, dominance: { class: 'subject', score } }),
  },
  {
    rule: 'image/size',
    setting: 'minSidePx',
    key: 'minSidePx',
    judgedBy: 'shorter-side',
    isWhole: true,
    without: 'maxSidePx',
    judge: (sidePx, threshold) =>
      imageSize({ minSidePx: off(threshold) }).judge({ ...noSample, width: sidePx, height: sidePx }),
  },
  {
    rule: 'image/bytes',
    setting: 'minBytes',
    key: 'minBytes',
    judgedBy: 'bytes',
    isWhole: true,
    judge: (byteLength, threshold) => imageBytes({ minBytes: off(threshold) }).judge({ ...noSample, byteLength }),
  },
  {
    rule: 'image/flat',
    setting: 'minEntropyBits',
    key: 'minBits',
    judgedBy: 'image-score',
    judge: (score, threshold) => imageFlat({ minBits: off(threshold) }).judge(score),
  },
  {
    rule: 'image/blur',
    setting: 'minSharpness',
    key: 'minVariance',
    judgedBy: 'image-score',
    judge: (score, threshold) => imageBlur({ minVariance: off(threshold) }).judge(score),
  },
  {
    rule: 'image/unsafe',
    setting: 'maxUnsafe',
    key: 'maxUnsafe',
    judgedBy: 'image-score',
    judge: (score, threshold) => imageUnsafe(noModel, { maxUnsafe: threshold }).judge(score),
  },
  {
    rule: 'image/photo',
    setting: 'minPhoto',
    key: 'minProbability',
    judgedBy: 'image-score',
    judge: (score, threshold) => imagePhoto(noModel, { minProbability: threshold }).judge(score),
  },
  {
    rule: 'match/relevance',
    setting: 'minRelevance',
    key: 'minScore',
    judgedBy: 'pair-score',
    judge: (score, threshold) => matchRelevance(noModel, { minScore: threshold }).judge(score),
  },
];

/** The threshold that a rule was judged with; null for none. */
export function thresholdOf({ key }: Movable, { settings }: RuleRecord): number | null {
  const value = settings[key];
  return typeof value === 'number' ? value : null;
}

/** The rule of a recipe that the threshold belongs to; undefined where the recipe has none, or where the number does not say all. */
export const ruleOf = ({ rule, without }: Movable, rules: readonly RuleRecord[]): RuleRecord | undefined =>
  rules.find(({ name, settings }) => name === rule && (without === undefined || settings[without] == null));

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
