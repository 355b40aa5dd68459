/**
 * Every rule in the order of judging: read this first, and presets.ts for every threshold with its source. The order is by cost (which
 * pairs survive does not depend on it): rules on the page, the text and the addresses need no image, rules on the image
 * need it downloaded, scored rules need it decoded or shown to a model, rules on the corpus need all survivors. LAIT §3
 * publishes its steps and one number, 300 px; where it is silent the number is another pipeline's, or ours.
 */
import type { RuleRecord } from '../dataset/ledger/recipes.ts';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { Pair } from '../dataset/pair.ts';
import type { ImageScorer, RelevanceScorer } from '../dataset/scorer.ts';
import { expected } from '../dataset/user-error.ts';
import { bestText } from './corpus/best-text.ts';
import { commonText } from './corpus/common-text.ts';
import { duplicateImage } from './corpus/duplicate-image.ts';
import { hostCap } from './corpus/host-cap.ts';
import { likelyRight } from './corpus/likely-right.ts';
import { relevanceShare } from './corpus/relevance-share.ts';
import type { CorpusFilter, Filter, Rule, ScoredFilter } from './filter.ts';
import { imageAnimation } from './image/animation.ts';
import { imageArea } from './image/area.ts';
import { imageAspect } from './image/aspect.ts';
import { imageBlur } from './image/blur.ts';
import { imageBytes } from './image/bytes.ts';
import { imageDominant } from './image/dominant.ts';
import { imageFlat } from './image/flat.ts';
import { imageFormat } from './image/format.ts';
import { imagePhoto } from './image/photo.ts';
import { imageSize } from './image/size.ts';
import { imageUnsafe } from './image/unsafe.ts';
import { imageUrlWords } from './image/url-words.ts';
import { matchRelevance, relevanceScore } from './match/relevance.ts';
import { pageHost } from './page/host.ts';
import { pageLanguage } from './page/language.ts';
import { numbersOf, type Preset, type RecipeNumbers, type Sourced } from './presets.ts';
import { textBoilerplate } from './text/boilerplate.ts';
import { textCapitals } from './text/capitals.ts';
import { type Cleaner, textClean } from './text/clean.ts';
import { textFileName } from './text/file-name.ts';
import { textGrammar } from './text/grammar.ts';
import { textLanguage } from './text/language.ts';
import { textLength } from './text/length.ts';
import { textPersonal } from './text/personal.ts';
import { type KnownWords, textRareWords } from './text/rare-words.ts';
import { textRepetition } from './text/repetition.ts';
import { textSymbols } from './text/symbols.ts';
import { textUnsafeWords } from './text/unsafe-words.ts';

/** The rules by stage. The stage is in the type: a rule that needs the image cannot be listed under `text`. */
export interface Recipe {
  /** The preset that it was made from, as a name for people. */
  readonly preset?: Preset;
  readonly clean?: Cleaner;
  readonly text: readonly Filter<Pair>[];
  readonly image: readonly Filter<StoredSample>[];
  readonly scored?: readonly ScoredFilter[];
  readonly corpus: readonly CorpusFilter[];
}

export interface RecipeOptions extends Partial<RecipeNumbers> {
  readonly preset?: Preset;
  /** Words for the rare-words rule, see `corpusWords`; asked for when the rule is in the recipe. */
  readonly knownWords?: () => KnownWords;
  /** Models, made by the command line from `model/`. */
  readonly unsafe?: ImageScorer;
  readonly photo?: ImageScorer;
  readonly relevance?: RelevanceScorer;
}

/** The rules of a preset with an operator's changes. */
export function recipe({
  preset = 'lait',
  knownWords,
  unsafe,
  photo,
  relevance,
  ...changes
}: RecipeOptions = {}): Recipe {
  const numbers = numbersOf(preset);
  const set = { ...valuesOf(numbers), ...changes };
  const from = sourcesOf(numbers, changes);
  const { languages, minWords, maxWords, minChars, maxChars, maxTextBytes, countedBy } = set;
  const score = relevance ? { relevance: relevanceScore(relevance) } : {};
  const byScore: Readonly<Record<string, string>> = relevance ? { relevance: chosen } : {};
  if (set.likelyRight && relevance && !relevance.isChance) {
    const instead = 'use minRelevance or relevanceShare';
    throw expected(
      'a model of `lait train-relevance`, whose scores are chances,',
      'likelyRight',
      relevance.model,
      instead,
    );
  }
  return {
    preset,
    clean: cite(
      textClean({
        crop: set.crop,
        firstSentences: set.firstSentences && maxWords !== null && maxChars !== null ? { maxWords, maxChars } : null,
        maskPersons: set.maskPersons,
        maskContacts: set.contacts === 'mask',
      }),
      {
        crop: from.crop,
        firstSentences: from.firstSentences,
        maskPersons: from.maskPersons,
        maskContacts: from.contacts,
      },
    ),
    text: [
      cite(pageHost({ allow: set.allowHosts, deny: set.denyHosts }), { allow: from.allowHosts, deny: from.denyHosts }),
      ...given(set.minDominance, (minScore) => cite(imageDominant({ minScore }), { minScore: from.minDominance })),
      cite(textLength({ minWords, maxWords, minChars, maxChars, maxTextBytes, countedBy }), {
        minWords: from.minWords,
        maxWords: from.maxWords,
        minChars: from.minChars,
        maxChars: from.maxChars,
        maxTextBytes: from.maxTextBytes,
        countedBy: from.countedBy,
      }),
      ...(set.webPhrases ? [textFileName(), textBoilerplate()] : []),
      ...given(set.urlWords, (match) =>
        cite(imageUrlWords({ anywhere: match === 'anywhere' }), { anywhere: from.urlWords }),
      ),
      ...given(set.maxSymbolShare, (maxShare) => cite(textSymbols({ maxShare }), { maxShare: from.maxSymbolShare })),
      ...given(set.maxRepetition, (maxShare) =>
        cite(textRepetition({ maxShare, shortWords: set.shortWordsRepeat }), {
          maxShare: from.maxRepetition,
          shortWords: from.shortWordsRepeat,
        }),
      ),
      ...given(set.maxCapitalShare, (maxShare) => cite(textCapitals({ maxShare }), { maxShare: from.maxCapitalShare })),
      ...(set.unsafeWords ? [cite(textUnsafeWords({ languages }), { languages: from.languages })] : []),
      ...(set.contacts === 'drop' ? [textPersonal()] : []),
      ...(set.pageLanguage ? [cite(pageLanguage({ languages }), { languages: from.pageLanguage })] : []),
      cite(textLanguage({ languages }), { languages: from.languages }),
      ...given(knownWords && set.maxRareShare, (maxShare) =>
        cite(textRareWords(knownWords!(), { maxShare }), {
          maxShare: from.maxRareShare,
          vocabulary: 'ours: LAIT names no vocabulary',
        }),
      ),
      ...(set.partsOfSpeech.length > 0
        ? [cite(textGrammar({ needs: set.partsOfSpeech }), { needs: from.partsOfSpeech })]
        : []),
    ],
    image: [
      cite(imageFormat({ formats: set.formats }), { formats: from.formats }),
      imageAnimation(),
      ...(set.minSidePx !== null || set.maxSidePx !== null
        ? [
            cite(imageSize({ minSidePx: set.minSidePx ?? 1, maxSidePx: set.maxSidePx }), {
              minSidePx: from.minSidePx,
              maxSidePx: from.maxSidePx,
            }),
          ]
        : []),
      ...given(set.maxAspectRatio, (maxRatio) => cite(imageAspect({ maxRatio }), { maxRatio: from.maxAspectRatio })),
      ...given(set.minBytes, (minBytes) => cite(imageBytes({ minBytes }), { minBytes: from.minBytes })),
      ...given(set.maxPx, (maxPx) => cite(imageArea({ maxPx }), { maxPx: from.maxPx })),
    ],
    scored: [
      ...given(set.minEntropyBits, (minBits) => cite(imageFlat({ minBits }), { minBits: from.minEntropyBits })),
      ...given(set.minSharpness, (minVariance) => cite(imageBlur({ minVariance }), { minVariance: from.minSharpness })),
      ...given(unsafe, (model) =>
        cite(imageUnsafe(model, { maxUnsafe: set.maxUnsafe }), { maxUnsafe: from.maxUnsafe, model: chosen }),
      ),
      ...given(photo, (model) =>
        cite(imagePhoto(model, { minProbability: set.minPhoto }), { minProbability: from.minPhoto, model: chosen }),
      ),
      ...given(relevance, (model) =>
        cite(matchRelevance(model, { minScore: set.minRelevance }), { minScore: from.minRelevance, model: chosen }),
      ),
    ],
    corpus: [
      ...given(relevance && set.relevanceShare, (share) =>
        cite(relevanceShare({ share, relevance: relevanceScore(relevance!) }), {
          share: from.relevanceShare,
          relevance: chosen,
        }),
      ),
      ...(relevance && set.likelyRight
        ? [cite(likelyRight({ relevance: relevanceScore(relevance) }), { relevance: chosen })]
        : []),
      ...given(set.maxImagesPerText, (maxImages) =>
        cite(commonText({ maxImages, alike: set.alikeTexts }), {
          maxImages: from.maxImagesPerText,
          alike: from.alikeTexts,
        }),
      ),
      ...given(set.maxDuplicateBits, (maxDistanceBits) =>
        cite(duplicateImage({ maxDistanceBits, sameText: set.duplicatesShareText, ...score }), {
          maxDistanceBits: from.maxDuplicateBits,
          sameText: from.duplicatesShareText,
          ...byScore,
        }),
      ),
      ...(set.onePairPerImage ? [cite(bestText(score), byScore)] : []),
      ...given(set.maxPairsPerHost, (maxPairs) =>
        cite(hostCap({ maxPairs, ...score }), { maxPairs: from.maxPairsPerHost, ...byScore }),
      ),
    ],
  };
}

/** The source of what no publication gives and an operator sets. */
const chosen = 'chosen for this corpus';

const valuesOf = (numbers: Sourced<RecipeNumbers>): RecipeNumbers =>
  Object.fromEntries(Object.entries(numbers).map(([key, { value }]) => [key, value])) as unknown as RecipeNumbers;

/** The preset's source of each value, unless the operator set another one. */
function sourcesOf(
  numbers: Sourced<RecipeNumbers>,
  changes: Readonly<Record<string, unknown>>,
): Readonly<Record<keyof RecipeNumbers, string>> {
  const sources = Object.entries(numbers).map(([key, { value, source }]) => {
    const isChanged = key in changes && JSON.stringify(changes[key]) !== JSON.stringify(value);
    return [key, isChanged ? chosen : source];
  });
  return Object.fromEntries(sources);
}

/** The rule with the sources of its settings. */
const cite = <R extends Rule>(rule: R, sources: Readonly<Record<string, string>>): R => ({
  ...rule,
  sources: { ...rule.sources, ...sources },
});

/** One rule where there is a value for it, none where there is not. */
const given = <Value, Rule>(value: Value | null | undefined, rule: (value: Value) => Rule): Rule[] =>
  value === null || value === undefined ? [] : [rule(value)];

/** The rules as the ledger remembers them, in order. */
export function ruleRecords({ clean, text, image, scored = [], corpus }: Recipe): RuleRecord[] {
  const of = (stage: RuleRecord['stage'], rules: readonly Rule[]) =>
    rules.map(({ name, version = 1, settings, sources = {} }) => ({ name, stage, version, settings, sources }));
  return [
    ...of('text', [...(clean ? [clean] : []), ...text]),
    ...of('image', image),
    ...scored.flatMap((rule) => of(rule.subject === 'image' ? 'image' : 'match', [rule])),
    ...of('corpus', corpus),
  ];
}
