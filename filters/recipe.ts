/**
 * Every rule in the order of judging, every threshold with its source: read this first. The order is by cost (which
 * pairs survive does not depend on it): rules on the page, the text and the addresses need no image, rules on the image
 * need it downloaded, scored rules need it decoded or shown to a model, rules on the corpus need all survivors. LAIT §3
 * publishes its steps and one number, 300 px; where it is silent the number is another pipeline's, or ours.
 */
import type { RuleRecord } from '../dataset/ledger/recipes.ts';
import type { StoredSample } from '../dataset/ledger/stored-sample.ts';
import type { Pair } from '../dataset/pair.ts';
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
import type { ImageScorer, RelevanceScorer } from './scorer.ts';
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

/** More than the crawl keeps of a text (crawler/page/clean-text.ts): no limit. */
const anyLength = 20_000;

/** LAIT's steps with their numbers. `null` or `false` leaves a rule out. */
const lait = {
  crop: true, //                               LAIT: bad spans inside a sentence; CC3M's phrases; credits ours
  firstSentences: true, //                     LAIT: sentences are detected; a long text's first ones within maxWords
  maskPersons: true, //                        CC12M (LAIT is silent): a name cannot be seen
  languages: ['en'] as readonly string[], //   LAIT: English, told from the page's text (and here from the pair's)
  pageLanguage: true, //                       LAIT: every non-English page discarded
  allowHosts: [] as readonly string[], //      any
  denyHosts: [] as readonly string[],
  minWords: 3, //                              COYO, CC12M
  maxWords: 64, //                             ours: what a sequence of 144 holds (LAIT: "normal length", 13 on average)
  minChars: 6, //                              COYO, DataComp: more than 5
  maxChars: 1000, //                           COYO
  maxSymbolShare: 0.3 as number | null, //     OBELICS
  maxRepetition: 0.2 as number | null, //      CC12M
  maxRareShare: 0.3 as number | null, //       ours (LAIT: "high out-of-vocabulary ratio"); words from 20 occurrences: CC12M
  webPhrases: true, //                         CC3M: boilerplate, file names
  urlWords: true, //                           OBELICS, MMC4: words in addresses
  unsafeWords: true, //                        LAIT: spam and porn words
  contacts: 'drop' as 'drop' | 'mask' | null, // LAIT: spam; RedCaps masks handles
  nounAndDeterminer: false, //                 CC12M asks for both; LAIT does not
  formats: ['jpg', 'png', 'webp'] as readonly string[], // LAION, OBELICS
  minSidePx: 301, //                           LAIT: width and height > 300 px
  maxAspectRatio: 3 as number | null, //       COYO, DataComp
  minBytes: 5000, //                           LAION, COYO
  maxPx: 89_478_484, //                        LAION; in every preset, since more is a decompression bomb
  minEntropyBits: 2.5 as number | null, //     ours, see image/flat.ts
  minSharpness: 60 as number | null, //        ours, see image/blur.ts
  maxUnsafe: 0.5, //                           COYO, LAION; judged when a model is given
  minPhoto: 0.5, //                            ours (LAIT: a binary classifier); judged when a model is given
  minRelevance: null as number | null, //      a number of the model's own; judged when a model is given
  relevanceShare: null as number | null, //    DataComp: 0.3
  maxDuplicateBits: 4 as number | null, //     ours, see corpus/duplicate-image.ts
  onePairPerImage: true, //                    LAIT: the best-scored pair of an image
  maxImagesPerText: 10 as number | null, //    COYO, ALIGN (LAIT: "too many")
  maxPairsPerHost: null as number | null, //   ours
};

/** What an operator may set; what is left out is the preset's. */
export type RecipeNumbers = Readonly<typeof lait>;

/** What LAION and DataComp do not do. */
const unfiltered = {
  crop: false,
  firstSentences: false,
  maskPersons: false,
  pageLanguage: false,
  maxSymbolShare: null,
  maxRepetition: null,
  maxRareShare: null,
  webPhrases: false,
  urlWords: false,
  unsafeWords: false,
  contacts: null,
  minEntropyBits: null,
  minSharpness: null,
  minPhoto: 0,
  maxDuplicateBits: null, //   they know addresses and texts only
  onePairPerImage: false,
  maxImagesPerText: null,
} as const;

/** Other pipelines' published numbers, as far as they differ from `lait`'s. */
export const presets = {
  lait: {},
  cc12m: {
    firstSentences: false,
    pageLanguage: false,
    minChars: 1,
    maxWords: 256, //          CC12M: 3 to 256 words
    maxChars: anyLength,
    maxSymbolShare: null,
    urlWords: false,
    contacts: 'mask', //       with the persons; CC12M tells of persons only
    nounAndDeterminer: true,
    formats: ['jpg'],
    minSidePx: 401, //         CC12M: > 400 px
    maxAspectRatio: 2.5,
    minBytes: 0,
    minEntropyBits: null,
    minSharpness: null,
    minPhoto: 0,
    maxDuplicateBits: null,
    onePairPerImage: false,
    maxImagesPerText: null,
  },
  laion: {
    ...unfiltered,
    minWords: 1,
    minChars: 5, //            LAION: at least 5 characters
    maxWords: anyLength,
    maxChars: 2000, //         LAION: 2,000 bytes are what its language model reads
    minSidePx: 1,
    maxAspectRatio: null,
  },
  datacomp: {
    ...unfiltered, //          DataComp "basic": 3 words and 6 characters, as lait
    maxWords: anyLength,
    maxChars: anyLength,
    minSidePx: 200,
    minBytes: 0,
    relevanceShare: 0.3, //    DataComp: the best 30 % by CLIP L/14
  },
} satisfies Record<string, Partial<RecipeNumbers>>;

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

export function recipe({
  preset = 'lait',
  knownWords,
  unsafe,
  photo,
  relevance,
  ...changes
}: RecipeOptions = {}): Recipe {
  const set: RecipeNumbers = { ...lait, ...presets[preset], ...changes };
  const { languages, minWords, maxWords, minChars, maxChars } = set;
  const score = relevance ? { relevance: relevanceScore(relevance) } : {};
  return {
    clean: textClean({
      crop: set.crop,
      firstSentences: set.firstSentences ? { maxWords, maxChars } : null,
      maskPersons: set.maskPersons,
      maskContacts: set.contacts === 'mask',
    }),
    text: [
      pageHost({ allow: set.allowHosts, deny: set.denyHosts }),
      textLength({ minWords, maxWords, minChars, maxChars }),
      ...(set.webPhrases ? [textFileName(), textBoilerplate()] : []),
      ...(set.urlWords ? [imageUrlWords()] : []),
      ...given(set.maxSymbolShare, (maxShare) => textSymbols({ maxShare })),
      ...given(set.maxRepetition, (maxShare) => textRepetition({ maxShare })),
      ...(set.unsafeWords ? [textUnsafeWords({ languages })] : []),
      ...(set.contacts === 'drop' ? [textPersonal()] : []),
      ...(set.pageLanguage ? [pageLanguage({ languages })] : []),
      textLanguage({ languages }),
      ...given(knownWords && set.maxRareShare, (maxShare) => textRareWords(knownWords!(), { maxShare })),
      ...(set.nounAndDeterminer ? [textGrammar()] : []),
    ],
    image: [
      imageFormat({ formats: set.formats }),
      imageAnimation(),
      imageSize({ minSidePx: set.minSidePx }),
      ...given(set.maxAspectRatio, (maxRatio) => imageAspect({ maxRatio })),
      imageBytes({ minBytes: set.minBytes }),
      imageArea({ maxPx: set.maxPx }),
    ],
    scored: [
      ...given(set.minEntropyBits, (minBits) => imageFlat({ minBits })),
      ...given(set.minSharpness, (minVariance) => imageBlur({ minVariance })),
      ...given(unsafe, (model) => imageUnsafe(model, { maxUnsafe: set.maxUnsafe })),
      ...given(photo, (model) => imagePhoto(model, { minProbability: set.minPhoto })),
      ...given(relevance, (model) =>
        matchRelevance(model, set.minRelevance === null ? {} : { minScore: set.minRelevance }),
      ),
    ],
    corpus: [
      ...given(relevance && set.relevanceShare, (share) =>
        relevanceShare({ share, relevance: relevanceScore(relevance!) }),
      ),
      ...given(set.maxImagesPerText, (maxImages) => commonText({ maxImages })),
      ...given(set.maxDuplicateBits, (maxDistanceBits) => duplicateImage({ maxDistanceBits, ...score })),
      ...(set.onePairPerImage ? [bestText(score)] : []),
      ...given(set.maxPairsPerHost, (maxPairs) => hostCap({ maxPairs, ...score })),
    ],
  };
}

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
