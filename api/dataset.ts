/** `lait/dataset`: the ledger of a corpus, shards out and in, takedown and the story of a pair. */
export type { CorpusBusy, Waiting } from '../dataset/corpus-lock.ts';
export type { OtherWriters } from '../dataset/export/by-others.ts';
export type { CardOptions, ExportLayout } from '../dataset/export/card.ts';
export { type Explanation, explain, type PairStory } from '../dataset/export/explain.ts';
export {
  type ExportOptions,
  type ExportProgress,
  type ExportSummary,
  type ExportTools,
  exportShards,
} from '../dataset/export/export.ts';
export type { Split } from '../dataset/export/split.ts';
export {
  type TakedownOptions,
  type TakedownSummary,
  type TakedownTools,
  takedown,
  undoTakedown,
} from '../dataset/export/takedown.ts';
export type { TakedownNames } from '../dataset/export/takedown-request.ts';
export {
  type FileFault,
  type VerifyOptions,
  type VerifySummary,
  type VerifyTools,
  verify,
} from '../dataset/export/verify.ts';
export { type ImportSource, importDataset } from '../dataset/import/import.ts';
export type { ImportProgress, ImportSummary, ImportWriteOptions } from '../dataset/import/imported.ts';
export type { ParquetImportOptions } from '../dataset/import/parquet.ts';
export type { Drop } from '../dataset/ledger/corpus-drops.ts';
export { type Funnel, type FunnelRow, funnel } from '../dataset/ledger/funnel.ts';
export { Ledger } from '../dataset/ledger/ledger.ts';
export type { PairEnd } from '../dataset/ledger/origins.ts';
export { openRawStore, type RawPlace, type RawStore, type RawStoreOptions } from '../dataset/ledger/raw-store.ts';
export type { FoundImage, ImageRecord, PageRecord, Resized, StoredImage } from '../dataset/ledger/records.ts';
export type { Tombstone, WithoutPairs } from '../dataset/ledger/stories.ts';
export type { Storable, Undone } from '../dataset/ledger/tombstones.ts';
export type { TextLanguage } from '../dataset/ledger/verdicts.ts';
export { type Dominance, type Pair, pairId, type Sample, type TextSource, textSources } from '../dataset/pair.ts';
export type { HttpOptions } from '../dataset/shards/http-chunks.ts';
export type { ExportVersion } from '../dataset/shards/manifest.ts';
export { type BadInput, type ReadShardsOptions, readShards, type ShardSample } from '../dataset/shards/reader.ts';
export type { Shuffle } from '../dataset/shards/shuffle.ts';
export type { TarFault } from '../dataset/shards/tar.ts';
export { UserError } from '../dataset/user-error.ts';
