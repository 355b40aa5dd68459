/** `lait/filters`: judges the pairs of a corpus by a recipe, with rules of one's own among its rules. */
export type { StoredSample } from '../dataset/ledger/stored-sample.ts';
export type { Pair } from '../dataset/pair.ts';
export type { ImageScorer, RelevanceScorer } from '../dataset/scorer.ts';
export {
  type CorpusFilter,
  drop,
  type Filter,
  type ImageSample,
  keep,
  type Rule,
  type ScoredFilter,
  type Settings,
  type Verdict,
} from '../filters/filter.ts';
export type { Pixels } from '../filters/image/pixels.ts';
export { numbersOf, type Preset, presets, type RecipeNumbers, type Sourced } from '../filters/presets.ts';
export { type Recipe, type RecipeOptions, recipe } from '../filters/recipe.ts';
export { type ScreenOptions, type ScreenProgress, screen } from '../filters/screen.ts';
export type { Cleaner } from '../filters/text/clean.ts';
export type { PartOfSpeech } from '../filters/text/grammar.ts';
export type { WordCount } from '../filters/text/length.ts';
export type { KnownWords } from '../filters/text/rare-words.ts';
