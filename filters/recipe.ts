/**
 * Every rule in the order of judging, every threshold with its source: read this first. The order is by cost (which
 * pairs survive does not depend on it): rules on the page, the text and the addresses need no image, rules on the image
 * need it downloaded, scored rules need it decoded or shown to a model, rules on the corpus need all survivors. LAIT §3
 * publishes its steps and one number, 300 px; where it is silent the number is another pipeline's, or ours.
 */
import type { RuleRecord } from '../dataset/ledger/recipes.ts';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { Pair } from '../dataset/pair.ts';
import type { ImageScorer, RelevanceScorer } from '../dataset/scorer.ts';
import { bestText } from './corpus/best-text.ts';
import { commonText } from './corpus/common-text.ts';
import { duplicateImage } from './corpus/duplicate-image.ts';
import { hostCap } from './corpus/host-cap.ts';
import { relevanceShare } from './corpus/relevance-share.ts';
import type { CorpusFilter, Filter, Rule, ScoredFilter } from './filter.ts';
import { imageAnimation } from './image/animation.ts';
import { imageArea } from './image/area.ts';
import { imageAspect } from './image/aspect.ts';
import { imageBlur } from './image/blur.ts';
import { imageBytes } from './image/bytes.ts';
import { imageFlat } from './image/flat.ts';
import { imageFormat } from './image/format.ts';
import { imagePhoto } from './image/photo.ts';
import { imageSize } from './image/size.ts';
import { imageUnsafe } from './image/unsafe.ts';
import { imageUrlWords } from './image/url-words.ts';
import { matchRelevance, relevanceScore } from './match/relevance.ts';
import { pageHost } from './page/host.ts';
import { pageLanguage } from './page/language.ts';
import { textBoilerplate } from './text/boilerplate.ts';
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
  readonly clean?: Cleaner;
  readonly text: readonly Filter<Pair>[];
  readonly image: readonly Filter<StoredSample>[];
  readonly scored?: readonly ScoredFilter[];
  readonly corpus: readonly CorpusFilter[];
}

/** What an operator may set; what is missing is the preset's. A switch is `true` or `false`; a threshold that is off is `null`. */
export interface RecipeNumbers {
  readonly crop: boolean;
  readonly firstSentences: boolean;
  readonly maskPersons: boolean;
  readonly languages: readonly string[];
  readonly pageLanguage: boolean;
  readonly allowHosts: readonly string[];
  readonly denyHosts: readonly string[];
  readonly minWords: number | null;
  readonly maxWords: number | null;
  readonly minChars: number | null;
  readonly maxChars: number | null;
  readonly maxSymbolShare: number | null;
  readonly maxRepetition: number | null;
  readonly maxRareShare: number | null;
  readonly webPhrases: boolean;
  readonly urlWords: boolean;
  readonly unsafeWords: boolean;
  readonly contacts: 'drop' | 'mask' | null;
  readonly nounAndDeterminer: boolean;
  readonly formats: readonly string[];
  readonly minSidePx: number | null;
  readonly maxAspectRatio: number | null;
  readonly minBytes: number | null;
  readonly maxPx: number | null;
  readonly minEntropyBits: number | null;
  readonly minSharpness: number | null;
  /** These three are judged when a model is given; without a threshold its scores are stored all the same. */
  readonly maxUnsafe: number | null;
  readonly minPhoto: number | null;
  readonly minRelevance: number | null;
  readonly relevanceShare: number | null;
  readonly maxDuplicateBits: number | null;
  readonly onePairPerImage: boolean;
  readonly maxImagesPerText: number | null;
  readonly maxPairsPerHost: number | null;
}

/** Values with where they come from; the dataset card prints the source beside the value. */
type Sourced<Numbers> = { readonly [Key in keyof Numbers]: { readonly value: Numbers[Key]; readonly source: string } };

/** LAIT's steps with their numbers. */
const lait: Sourced<RecipeNumbers> = {
  crop: { value: true, source: 'LAIT: bad spans inside a sentence; phrases of CC3M, credits ours' },
  firstSentences: { value: true, source: 'LAIT: sentences are detected; within maxWords ours' },
  maskPersons: { value: true, source: 'CC12M' },
  languages: { value: ['en'], source: 'LAIT: English only (ImageBERT §3)' },
  pageLanguage: { value: true, source: 'LAIT: English pages only (ImageBERT §3)' },
  allowHosts: { value: [], source: 'ours' },
  denyHosts: { value: [], source: 'ours' },
  minWords: { value: 3, source: 'COYO-700M, CC12M' },
  maxWords: { value: 64, source: 'ours: what a sequence of 144 holds (LAIT: "normal length", 13 on average)' },
  minChars: { value: 6, source: 'COYO-700M, DataComp' },
  maxChars: { value: 1000, source: 'COYO-700M' },
  maxSymbolShare: { value: 0.3, source: 'OBELICS' },
  maxRepetition: { value: 0.2, source: 'CC12M' },
  maxRareShare: { value: 0.3, source: 'ours (LAIT: "high out-of-vocabulary ratio"); words from 20 occurrences: CC12M' },
  webPhrases: { value: true, source: 'CC3M' },
  urlWords: { value: true, source: 'OBELICS, MMC4' },
  unsafeWords: { value: true, source: 'LAIT: spam and porn words' },
  contacts: { value: 'drop', source: 'LAIT: spam' },
  nounAndDeterminer: { value: false, source: 'LAIT does not ask for them' },
  formats: { value: ['jpg', 'png', 'webp'], source: 'LAION, OBELICS' },
  minSidePx: { value: 301, source: 'LAIT: both sides over 300 px (ImageBERT §3)' },
  maxAspectRatio: { value: 3, source: 'COYO-700M, DataComp' },
  minBytes: { value: 5000, source: 'LAION, COYO-700M' },
  maxPx: { value: 89_478_484, source: 'LAION' }, // in every preset, since more is a decompression bomb
  minEntropyBits: { value: 2.5, source: 'ours' }, // see image/flat.ts
  minSharpness: { value: 60, source: 'ours' }, // see image/blur.ts
  maxUnsafe: { value: 0.5, source: 'COYO-700M, LAION' },
  minPhoto: { value: 0.5, source: 'ours (LAIT: a binary classifier)' },
  minRelevance: { value: null, source: "the model's own" },
  relevanceShare: { value: null, source: 'LAIT gives none' },
  maxDuplicateBits: { value: 4, source: 'ours' }, // see corpus/duplicate-image.ts
  onePairPerImage: { value: true, source: 'LAIT: the best-scored pair of an image (ImageBERT §3)' },
  maxImagesPerText: { value: 10, source: 'COYO-700M, ALIGN (LAIT: "too many")' },
  maxPairsPerHost: { value: null, source: 'ours' },
};

/** What neither LAION nor DataComp do. */
const unfiltered = (source: string) =>
  ({
    crop: { value: false, source },
    firstSentences: { value: false, source },
    maskPersons: { value: false, source },
    pageLanguage: { value: false, source },
    maxSymbolShare: { value: null, source },
    maxRepetition: { value: null, source },
    maxRareShare: { value: null, source },
    webPhrases: { value: false, source },
    urlWords: { value: false, source },
    unsafeWords: { value: false, source },
    contacts: { value: null, source },
    minEntropyBits: { value: null, source },
    minSharpness: { value: null, source },
    minPhoto: { value: null, source },
    maxDuplicateBits: { value: null, source }, // they know addresses and texts only
    onePairPerImage: { value: false, source },
    maxImagesPerText: { value: null, source },
  }) satisfies Partial<Sourced<RecipeNumbers>>;

const cc12m = 'CC12M §2.1';
const laion = 'LAION';
const datacomp = 'DataComp "basic"';

/** Other pipelines' published numbers, as far as they or their sources differ from `lait`'s. */
export const presets = {
  lait: {},
  cc12m: {
    languages: { value: ['en'], source: 'CC12M: English only' },
    firstSentences: { value: false, source: cc12m },
    maskPersons: { value: true, source: cc12m },
    pageLanguage: { value: false, source: cc12m },
    minWords: { value: 3, source: 'CC12M: 3 to 256 words' },
    maxWords: { value: 256, source: 'CC12M: 3 to 256 words' },
    minChars: { value: null, source: cc12m },
    maxChars: { value: null, source: cc12m },
    maxSymbolShare: { value: null, source: cc12m },
    urlWords: { value: false, source: cc12m },
    contacts: { value: 'mask', source: 'ours: with the persons that CC12M masks; the handle as in RedCaps' },
    nounAndDeterminer: { value: true, source: cc12m },
    formats: { value: ['jpg'], source: cc12m },
    minSidePx: { value: 401, source: 'CC12M: both sides over 400 px' },
    maxAspectRatio: { value: 2.5, source: cc12m },
    minBytes: { value: null, source: cc12m },
    minEntropyBits: { value: null, source: cc12m },
    minSharpness: { value: null, source: cc12m },
    minPhoto: { value: null, source: cc12m },
    maxDuplicateBits: { value: null, source: cc12m },
    onePairPerImage: { value: false, source: cc12m },
    maxImagesPerText: { value: null, source: cc12m },
  },
  laion: {
    ...unfiltered(laion),
    languages: { value: ['en'], source: 'LAION: English pairs in LAION-400M and LAION-2B-en' },
    minWords: { value: 1, source: laion },
    minChars: { value: 5, source: 'LAION: at least 5 characters' },
    maxWords: { value: null, source: laion },
    maxChars: { value: 2000, source: 'LAION: 2,000 bytes are what its language model reads' },
    formats: { value: ['jpg', 'png', 'webp'], source: laion },
    minSidePx: { value: null, source: laion },
    maxAspectRatio: { value: null, source: laion },
    minBytes: { value: 5000, source: laion },
    maxUnsafe: { value: 0.5, source: laion },
  },
  datacomp: {
    ...unfiltered(datacomp),
    languages: { value: ['en'], source: datacomp },
    minWords: { value: 3, source: 'DataComp "basic": at least 3 words' },
    minChars: { value: 6, source: 'DataComp "basic": at least 6 characters' },
    maxWords: { value: null, source: datacomp },
    maxChars: { value: null, source: datacomp },
    minSidePx: { value: 200, source: 'DataComp "basic": shorter side of at least 200 px' },
    maxAspectRatio: { value: 3, source: 'DataComp "basic": sides 1 to 3 at most' },
    minBytes: { value: null, source: datacomp },
    relevanceShare: { value: 0.3, source: 'DataComp: the best 30 % by CLIP L/14' },
  },
} satisfies Record<string, Partial<Sourced<RecipeNumbers>>>;

export type Preset = keyof typeof presets;

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
  const numbers: Sourced<RecipeNumbers> = { ...lait, ...presets[preset] };
  const set = { ...valuesOf(numbers), ...changes };
  const from = sourcesOf(numbers, changes);
  const { languages, minWords, maxWords, minChars, maxChars } = set;
  const score = relevance ? { relevance: relevanceScore(relevance) } : {};
  return {
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
      cite(textLength({ minWords, maxWords, minChars, maxChars }), {
        minWords: from.minWords,
        maxWords: from.maxWords,
        minChars: from.minChars,
        maxChars: from.maxChars,
      }),
      ...(set.webPhrases ? [textFileName(), textBoilerplate()] : []),
      ...(set.urlWords ? [imageUrlWords()] : []),
      ...given(set.maxSymbolShare, (maxShare) => cite(textSymbols({ maxShare }), { maxShare: from.maxSymbolShare })),
      ...given(set.maxRepetition, (maxShare) => cite(textRepetition({ maxShare }), { maxShare: from.maxRepetition })),
      ...(set.unsafeWords ? [cite(textUnsafeWords({ languages }), { languages: from.languages })] : []),
      ...(set.contacts === 'drop' ? [textPersonal()] : []),
      ...(set.pageLanguage ? [cite(pageLanguage({ languages }), { languages: from.pageLanguage })] : []),
      cite(textLanguage({ languages }), { languages: from.languages }),
      ...given(knownWords && set.maxRareShare, (maxShare) =>
        cite(textRareWords(knownWords!(), { maxShare }), { maxShare: from.maxRareShare, vocabulary: chosen }),
      ),
      ...(set.nounAndDeterminer ? [textGrammar()] : []),
    ],
    image: [
      cite(imageFormat({ formats: set.formats }), { formats: from.formats }),
      imageAnimation(),
      ...given(set.minSidePx, (minSidePx) => cite(imageSize({ minSidePx }), { minSidePx: from.minSidePx })),
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
      ...given(set.maxImagesPerText, (maxImages) =>
        cite(commonText({ maxImages }), { maxImages: from.maxImagesPerText }),
      ),
      ...given(set.maxDuplicateBits, (maxDistanceBits) =>
        cite(duplicateImage({ maxDistanceBits, ...score }), {
          maxDistanceBits: from.maxDuplicateBits,
          relevance: chosen,
        }),
      ),
      ...(set.onePairPerImage ? [cite(bestText(score), { relevance: chosen })] : []),
      ...given(set.maxPairsPerHost, (maxPairs) =>
        cite(hostCap({ maxPairs, ...score }), { maxPairs: from.maxPairsPerHost, relevance: chosen }),
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
