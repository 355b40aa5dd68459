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
  type Verdict,
} from '../filters/filter.ts';
export { numbersOf, type Preset, type RecipeNumbers } from '../filters/presets.ts';
export { type Recipe, type RecipeOptions, recipe } from '../filters/recipe.ts';
export { type ScreenOptions, type ScreenProgress, screen } from '../filters/screen.ts';
