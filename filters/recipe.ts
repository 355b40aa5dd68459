/**
 * Every rule in the order of judging, every threshold with its source: read this first. The order is by cost (a verdict
 * does not depend on it): rules on the page and the text need no image, rules on the image need it downloaded, rules on
 * the corpus need all survivors. LAIT §3 publishes its steps and one number (300 px); where it is silent the number is
 * another pipeline's, named here, or ours.
 */
import type { RuleRecord, StoredSample } from '../dataset/judgements.ts';
import type { Pair } from '../dataset/pair.ts';
import { bestText } from './corpus/best-text.ts';
import { duplicateImage } from './corpus/duplicate-image.ts';
import type { CorpusFilter, Filter } from './filter.ts';
import { imageAspect } from './image/aspect.ts';
import { imageFormat } from './image/format.ts';
import { imageSize } from './image/size.ts';
import { pageLanguage } from './page/language.ts';
import { textLanguage } from './text/language.ts';
import { textLength } from './text/length.ts';

/** The rules by stage. The stage is in the type: a rule that needs the image cannot be listed under `text`. */
export interface Recipe {
  readonly text: readonly Filter<Pair>[];
  readonly image: readonly Filter<StoredSample>[];
  readonly corpus: readonly CorpusFilter[];
}

/** What an operator sets. */
export interface RecipeOptions {
  /** ISO 639-1 codes of the languages to keep, for pages and for texts. */
  readonly languages?: readonly string[];
  readonly minSidePx?: number;
  readonly maxAspectRatio?: number;
  readonly formats?: readonly string[];
  readonly minWords?: number;
  readonly maxWords?: number;
  readonly maxDuplicateBits?: number;
}

export function recipe({
  languages = ['en'], //                       LAIT: every non-English page discarded
  minSidePx = 301, //                          LAIT: width and height > 300 px
  maxAspectRatio = 3, //                       COYO, DataComp: at most 3
  formats = ['jpeg', 'png', 'webp'], //        LAION, OBELICS
  minWords = 3, //                             COYO, CC12M: at least 3
  maxWords = 64, //                            ours: what a sequence of 144 holds (LAIT: "normal length", 13 on average)
  maxDuplicateBits = 3, //                     ours
}: RecipeOptions = {}): Recipe {
  return {
    text: [
      textLength({ minWords, maxWords, minChars: 6 /* COYO: more than 5 */, maxChars: 1000 /* COYO */ }),
      pageLanguage({ languages }),
      textLanguage({ languages }),
    ],
    image: [imageFormat({ formats }), imageSize({ minSidePx }), imageAspect({ maxRatio: maxAspectRatio })],
    corpus: [duplicateImage({ maxDistanceBits: maxDuplicateBits }), bestText()],
  };
}

/** The rules as the ledger remembers them, in order. */
export function ruleRecords({ text, image, corpus }: Recipe): RuleRecord[] {
  const of = (stage: RuleRecord['stage'], rules: readonly { name: string; settings: RuleRecord['settings'] }[]) =>
    rules.map(({ name, settings }) => ({ name, stage, settings }));
  return [...of('text', text), ...of('image', image), ...of('corpus', corpus)];
}
