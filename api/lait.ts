/** `lait`: what most programs need of a corpus, from the crawl to the shards. It loads no TensorFlow; models are in `lait/model`. */
export { crawl } from '../crawler/crawl.ts';
export type { CrawlOptions } from '../crawler/crawl-options.ts';
export type { CrawlProgress, CrawlSummary } from '../crawler/crawl-summary.ts';
export { type ExportOptions, type ExportSummary, exportShards } from '../dataset/export/export.ts';
export { Ledger } from '../dataset/ledger/ledger.ts';
export type { Pair, Sample } from '../dataset/pair.ts';
export { readShards } from '../dataset/shards/reader.ts';
export { UserError } from '../dataset/user-error.ts';
export { version } from '../dataset/version.ts';
export { type Recipe, type RecipeOptions, recipe } from '../filters/recipe.ts';
export { screen } from '../filters/screen.ts';
