/**
 * What a rule is. A filter judges one pair, or one sample, and says keep or drop with a reason; it never changes or
 * deletes anything. Its name is its path below `filters/`, so the ledger's `image/size:too-small` is an address here.
 */
import type { CorpusRule } from '../dataset/ledger/corpus-drops.ts';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { TextLanguage } from '../dataset/ledger/verdicts.ts';
import type { Pair } from '../dataset/pair.ts';
import type { Pixels } from './image/pixels.ts';

/** Keep, or drop with a reason in kebab-case. A score is stored even when the sample passes, so thresholds can move. */
export type Verdict =
  | { readonly keep: true; readonly score?: number; readonly language?: TextLanguage }
  | { readonly keep: false; readonly reason: string; readonly score?: number; readonly language?: TextLanguage };

/** Every threshold of a rule by name. Plain JSON. */
export type Settings = Readonly<Record<string, unknown>>;

/** What every rule has. Name, version and settings are its identity in the ledger: where they are the same, verdicts are reused. */
export interface Rule {
  readonly name: string;
  /**
   * 1 when missing. Raise it with every change after which the rule says something else of some pair with the same settings
   * (a corrected expression, another word list, another way to measure): a corpus that was screened before is then
   * judged again by this rule, and by this rule only; a scored rule's stored scores are measured again. Leave it where
   * only the speed or the wording changed.
   */
  readonly version?: number;
  readonly settings: Settings;
  /** Loads what the rule needs when it is first asked: a rule itself waits for nothing, so that a deadline can end it. */
  readonly load?: () => Promise<void>;
  /** Where the values come from, by setting: a publication, or `ours`. The dataset card prints it. */
  readonly sources?: Readonly<Record<string, string>>;
}

/**
 * One rule. `judge` is a property and not a method, so that TypeScript refuses a `Filter<Sample>` in a list that runs
 * before the download (methods are bivariant in their parameters, properties are not).
 */
export interface Filter<In extends Pair = Pair> extends Rule {
  readonly judge: (x: In) => Verdict;
}

/** A sample with its original bytes, decoded on demand. */
export interface ImageSample extends StoredSample {
  readonly bytes: Buffer;
  /** A small grey picture of it, decoded once for all rules; null when the bytes cannot be decoded. */
  readonly pixels: () => Promise<Pixels | null>;
}

/**
 * A rule by a number that is dear to get: from pixels, or from a model. The score is stored in the ledger under
 * `scoreName`, whatever the verdict, and the rule judges the score alone: a moved threshold opens no image. A null score
 * says that there is none, and drops the sample as `undecodable`.
 */
export interface ScoredFilter extends Rule {
  /** The rule's name and what made the score, as a score belongs to one model: `match/relevance@MODEL`. */
  readonly scoreName: string;
  /** What the score is about: the image alone (stored once for all its pairs), or the image and the text. */
  readonly subject: 'image' | 'pair';
  readonly score: (samples: readonly ImageSample[]) => Promise<readonly (number | null)[]>;
  readonly judge: (score: number) => Verdict;
}

/** A rule over all survivors at once, such as duplicates: reads the ledger and says which pairs to drop. */
export interface CorpusFilter extends Rule, CorpusRule {}

export const keep: Verdict = { keep: true };

export const drop = (reason: string): Verdict => ({ keep: false, reason });
