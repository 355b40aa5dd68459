/**
 * Every threshold with its source: what an operator may set, LAIT's numbers, and other pipelines' as far as these or their
 * sources differ. docs/filters.md has them side by side, with what a pipeline does that is not here. Published values come
 * from the papers and, where it is public, from the code that made the sets: DataComp's `baselines/apply_filter.py`, LAION-5B's
 * workers (`ccpp.py`, `dbdl.py`), OBELICS' `config_filter_web_documents.yaml`, COYO's README.
 */
import type { PartOfSpeech } from './text/grammar.ts';
import type { WordCount } from './text/length.ts';

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
  readonly maxTextBytes: number | null;
  readonly countedBy: WordCount;
  readonly maxSymbolShare: number | null;
  readonly maxRepetition: number | null;
  /** Whether words of up to three letters repeat too. */
  readonly shortWordsRepeat: boolean;
  readonly maxRareShare: number | null;
  readonly maxCapitalShare: number | null;
  readonly webPhrases: boolean;
  /** As words of an image's path, or as any letters of its URL. */
  readonly urlWords: 'words' | 'anywhere' | null;
  readonly unsafeWords: boolean;
  readonly contacts: 'drop' | 'mask' | null;
  readonly partsOfSpeech: readonly PartOfSpeech[];
  readonly formats: readonly string[];
  readonly minSidePx: number | null;
  readonly maxSidePx: number | null;
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
  /** Whether pairs are dropped that are likelier wrong than right, where relevance gives chances. */
  readonly likelyRight: boolean;
  readonly maxDuplicateBits: number | null;
  /** Whether copies of a picture are duplicates only with the same text. */
  readonly duplicatesShareText: boolean;
  readonly onePairPerImage: boolean;
  readonly maxImagesPerText: number | null;
  /** Whether texts that differ in counters ("1 of 12") and punctuation only are one text. */
  readonly alikeTexts: boolean;
  readonly maxPairsPerHost: number | null;
  /** The probability that a picture is of its page's subject, where the crawl found it on a page. */
  readonly minDominance: number | null;
}

/** Values with where they come from; the dataset card prints the source beside the value. */
export type Sourced<Numbers> = {
  readonly [Key in keyof Numbers]: { readonly value: Numbers[Key]; readonly source: string };
};

/** LAIT's steps with their numbers. */
export const lait: Sourced<RecipeNumbers> = {
  crop: { value: true, source: 'LAIT: bad spans inside a sentence; phrases of CC3M, labels and credits ours' },
  firstSentences: { value: true, source: 'LAIT: sentences are detected; within maxWords ours' },
  maskPersons: { value: false, source: 'LAIT masks nobody' },
  languages: { value: ['en'], source: 'LAIT: English only (ImageBERT §3)' },
  pageLanguage: { value: true, source: 'LAIT: English pages only (ImageBERT §3)' },
  allowHosts: { value: [], source: 'ours' },
  denyHosts: { value: [], source: 'ours' },
  minWords: { value: 3, source: 'COYO-700M, CC12M' },
  maxWords: { value: 64, source: 'ours: what a sequence of 144 holds (LAIT: "normal length", 13 on average)' },
  minChars: { value: 6, source: 'COYO-700M, DataComp' },
  maxChars: { value: 1000, source: 'COYO-700M' },
  maxTextBytes: { value: null, source: 'LAIT gives none' },
  countedBy: { value: 'words', source: 'ours: a dash is no word' },
  maxSymbolShare: { value: 0.3, source: 'OBELICS' },
  maxRepetition: { value: 0.2, source: 'CC12M' },
  shortWordsRepeat: { value: false, source: 'ours: with them 2.5 % of Flickr8k is repetition' },
  maxRareShare: { value: 0.3, source: 'ours (LAIT: "high out-of-vocabulary ratio"); words from 20 occurrences: CC12M' },
  maxCapitalShare: { value: null, source: 'LAIT gives none' },
  webPhrases: { value: true, source: 'CC3M' },
  urlWords: { value: 'words', source: 'OBELICS, MMC4; as words ours' },
  unsafeWords: { value: true, source: 'LAIT: spam and porn words' },
  contacts: { value: 'drop', source: 'LAIT: spam' },
  partsOfSpeech: { value: [], source: 'LAIT does not ask for them' },
  formats: { value: ['jpg', 'png', 'webp'], source: 'LAION, OBELICS' },
  minSidePx: { value: 301, source: 'LAIT: both sides over 300 px (ImageBERT §3)' },
  maxSidePx: { value: null, source: 'LAIT gives none' },
  maxAspectRatio: { value: 3, source: 'COYO-700M, DataComp' },
  minBytes: { value: 5000, source: 'LAION, COYO-700M' },
  maxPx: { value: 89_478_484, source: 'LAION' }, // in every preset, since more is a decompression bomb
  minEntropyBits: { value: 2.5, source: 'ours' }, // see image/flat.ts
  minSharpness: { value: 60, source: 'ours' }, // see image/blur.ts
  maxUnsafe: { value: 0.5, source: 'COYO-700M, LAION' },
  minPhoto: { value: 0.5, source: 'ours (LAIT: a binary classifier)' },
  minRelevance: { value: null, source: "the model's own" },
  relevanceShare: { value: null, source: 'LAIT gives none' },
  likelyRight: { value: false, source: 'LAIT gives no threshold; that of the likelier: Saerens et al. 2002' },
  maxDuplicateBits: { value: 4, source: 'ours' }, // see corpus/duplicate-image.ts
  duplicatesShareText: { value: false, source: 'LAIT: one pair an image' },
  onePairPerImage: { value: true, source: 'LAIT: the best-scored pair of an image (ImageBERT §3)' },
  maxImagesPerText: { value: 10, source: 'COYO-700M, ALIGN (LAIT: "too many")' },
  alikeTexts: { value: true, source: 'ours: what a site counts is one text' },
  maxPairsPerHost: { value: null, source: 'ours' },
  minDominance: { value: 0.35, source: 'ours (LAIT: non-dominant images are discarded)' }, // see crawler/page/dominant.ts
};

/** What a pipeline does not do of what `lait` does: each preset says what it does of these. */
const unfiltered = (source: string) =>
  ({
    crop: { value: false, source },
    firstSentences: { value: false, source },
    maskPersons: { value: false, source },
    languages: { value: ['en'], source: `${source}: English only` },
    pageLanguage: { value: false, source },
    minWords: { value: null, source },
    maxWords: { value: null, source },
    minChars: { value: null, source },
    maxChars: { value: null, source },
    maxTextBytes: { value: null, source },
    maxSymbolShare: { value: null, source },
    maxRepetition: { value: null, source },
    maxRareShare: { value: null, source },
    webPhrases: { value: false, source },
    urlWords: { value: null, source },
    unsafeWords: { value: false, source },
    contacts: { value: null, source },
    minSidePx: { value: null, source },
    maxAspectRatio: { value: null, source },
    minBytes: { value: null, source },
    minEntropyBits: { value: null, source },
    minSharpness: { value: null, source },
    minPhoto: { value: null, source },
    maxDuplicateBits: { value: null, source },
    onePairPerImage: { value: false, source },
    maxImagesPerText: { value: null, source },
    alikeTexts: { value: false, source },
    minDominance: { value: null, source },
  }) satisfies Partial<Sourced<RecipeNumbers>>;

const cc3m = 'CC3M §3';
const cc12m = 'CC12M §2.1';
const coyo = 'COYO-700M';
const laion = 'LAION';
const datacomp = 'DataComp "basic"';
const obelics = 'OBELICS';

/** Other pipelines' published numbers. */
export const presets = {
  lait: {},
  cc3m: {
    ...unfiltered(cc3m),
    pageLanguage: { value: true, source: 'CC3M §3: "English webpages"' },
    crop: { value: true, source: 'CC3M: boiler-plate prefixes and suffixes; labels and credits ours' },
    maskPersons: { value: true, source: 'CC12M: <PERSON>; CC3M writes a hypernym such as "actor"' },
    maxRepetition: { value: 0.2, source: 'CC12M; CC3M: "a high rate of token repetition", without a number' },
    shortWordsRepeat: { value: true, source: cc3m },
    maxRareShare: {
      value: 0.3,
      source: 'ours; CC3M: none outside a vocabulary of words seen 5 times in Wikipedia, which is not public',
    },
    maxCapitalShare: {
      value: 0.5,
      source: 'ours; CC3M: not "too high", without a number; the first word has a capital',
    },
    webPhrases: { value: true, source: 'CC3M §3 gives two patterns; the others and file names ours' },
    unsafeWords: { value: true, source: 'C4; CC3M: detectors of pornography and profanity' },
    partsOfSpeech: { value: ['noun', 'determiner', 'preposition'], source: cc3m },
    formats: { value: ['jpg'], source: cc3m },
    minSidePx: { value: 401, source: 'CC3M §3: both sides over 400 px' },
    maxAspectRatio: { value: 2, source: cc3m },
    maxUnsafe: { value: 0.5, source: 'LAION; CC3M: a detector' },
  },
  cc12m: {
    ...unfiltered(cc12m),
    pageLanguage: { value: true, source: 'CC12M as CC3M: English webpages' },
    crop: { value: true, source: 'CC12M as CC3M: boiler-plate prefixes and suffixes; labels and credits ours' },
    maskPersons: { value: true, source: cc12m },
    minWords: { value: 3, source: 'CC12M: 3 to 256 words' },
    maxWords: { value: 256, source: 'CC12M: 3 to 256 words' },
    maxRepetition: { value: 0.2, source: 'CC12M: "maximum fraction of word repetition"' },
    shortWordsRepeat: { value: true, source: 'CC12M: of any word' },
    maxRareShare: { value: 0.3, source: 'ours; words from 20 occurrences: CC12M' },
    webPhrases: { value: true, source: 'CC12M as CC3M' },
    unsafeWords: { value: true, source: 'CC12M as CC3M: profanity' },
    contacts: { value: 'mask', source: 'ours: with the persons that CC12M masks; the handle as in RedCaps' },
    partsOfSpeech: { value: ['noun', 'determiner'], source: cc12m },
    formats: { value: ['jpg'], source: cc12m },
    minSidePx: { value: 401, source: 'CC12M: both sides over 400 px' },
    maxAspectRatio: { value: 2.5, source: cc12m },
    maxUnsafe: { value: 0.5, source: 'LAION; CC12M: a detector' },
  },
  coyo: {
    ...unfiltered(coyo),
    minWords: { value: 3, source: 'COYO-700M: 3 to 256 words' },
    maxWords: { value: 256, source: 'COYO-700M: 3 to 256 words' },
    minChars: { value: 6, source: 'COYO-700M: over 5' },
    maxChars: { value: 1000, source: coyo },
    countedBy: { value: 'spaces', source: 'COYO-700M: "words separated by spaces"' },
    unsafeWords: { value: true, source: 'COYO-700M: three lists; the words of C4 here' },
    partsOfSpeech: { value: ['noun'], source: coyo },
    formats: { value: ['jpg', 'png', 'webp', 'gif', 'avif'], source: 'COYO-700M: whatever Pillow decodes' },
    minSidePx: { value: 200, source: coyo },
    maxAspectRatio: { value: 3, source: coyo },
    minBytes: { value: 5000, source: 'COYO-700M: 5 KB' },
    maxUnsafe: { value: 0.5, source: coyo },
    maxDuplicateBits: { value: 0, source: 'COYO-700M: the same pHash' },
    duplicatesShareText: { value: true, source: 'COYO-700M: by (image_phash, text)' },
    maxImagesPerText: { value: 10, source: 'COYO-700M: texts over 10 times' },
  },
  laion: {
    ...unfiltered(laion),
    minWords: { value: 1, source: laion },
    minChars: { value: 5, source: 'LAION: at least 5 characters' },
    maxTextBytes: { value: 2000, source: 'LAION: 2,000 bytes are what its language detector reads' },
    formats: { value: ['jpg', 'png', 'webp'], source: laion },
    minBytes: { value: 5000, source: laion },
    maxUnsafe: { value: 0.5, source: laion },
  },
  datacomp: {
    ...unfiltered(datacomp),
    minWords: { value: 3, source: 'DataComp "basic": over 2' },
    minChars: { value: 6, source: 'DataComp "basic": over 5' },
    countedBy: { value: 'spaces', source: 'DataComp: len(text.split())' },
    formats: { value: ['jpg', 'png', 'webp', 'gif', 'avif'], source: datacomp },
    minSidePx: { value: 200, source: 'DataComp "basic": shorter side of at least 200 px' },
    maxAspectRatio: { value: 3, source: 'DataComp "basic": sides 1 to 3 at most' },
    maxUnsafe: { value: 0.5, source: 'ours; DataComp filters its pool by text and image models of its own' },
    relevanceShare: { value: 0.3, source: 'DataComp: the best 30 % by CLIP L/14' },
  },
  obelics: {
    ...unfiltered(obelics),
    pageLanguage: { value: true, source: 'OBELICS: documents in English' },
    minWords: { value: 4, source: 'OBELICS: 4 to 1,000 words a text node' },
    maxWords: { value: 1000, source: 'OBELICS: 4 to 1,000 words a text node' },
    maxSymbolShare: { value: 0.3, source: 'OBELICS: special characters of a text node' },
    urlWords: { value: 'anywhere', source: 'OBELICS: any part of a URL' },
    unsafeWords: { value: true, source: 'OBELICS: flagged words at most 0.01; of fewer than 100 words none' },
    formats: { value: ['jpg', 'png', 'webp'], source: obelics },
    minSidePx: { value: 150, source: obelics },
    maxSidePx: { value: 20_000, source: obelics },
    maxAspectRatio: { value: 2, source: obelics },
    maxUnsafe: { value: 0.85, source: 'OBELICS: 0.85 by a model of its own' },
  },
} satisfies Record<string, Partial<Sourced<RecipeNumbers>>>;

export type Preset = keyof typeof presets;

/** A preset's values, with those of `lait` where it says nothing. */
export const numbersOf = (preset: Preset): Sourced<RecipeNumbers> => ({ ...lait, ...presets[preset] });

/** For flags and help. */
export const presetNames = Object.keys(presets) as [Preset, ...Preset[]];

/** A published step that needs a model, and the options that give one. */
export interface PublishedModel {
  readonly option: 'relevance' | 'photo' | 'unsafe';
  readonly step: string;
}

/** What a preset's publication judges by models: without them the preset is a part of it. */
export const publishedModels: Partial<Record<Preset, readonly PublishedModel[]>> = {
  lait: [
    { option: 'photo', step: 'photographs only' },
    { option: 'unsafe', step: 'no pornography' },
    { option: 'relevance', step: 'texts that fit' },
  ],
  cc12m: [{ option: 'unsafe', step: 'no unsafe pictures' }],
  cc3m: [{ option: 'unsafe', step: 'no unsafe pictures' }],
  coyo: [{ option: 'unsafe', step: 'no unsafe pictures' }],
  laion: [{ option: 'relevance', step: 'a CLIP score of at least 0.28' }],
  datacomp: [{ option: 'relevance', step: 'the best 30 % by CLIP L/14' }],
  obelics: [{ option: 'unsafe', step: 'no unsafe pictures' }],
};

/** The published steps of a preset that are left out because no model was given for them. */
export function modelsLeftOut(
  preset: Preset,
  given: Readonly<Record<PublishedModel['option'], boolean>>,
): readonly PublishedModel[] {
  return (publishedModels[preset] ?? []).filter(({ option }) => !given[option]);
}
