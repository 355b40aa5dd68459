/** `lait/dataset`: the ledger of a corpus, shards out and in, takedown and the story of a pair. */
export { type Explanation, explain } from '../dataset/export/explain.ts';
export { type ExportOptions, type ExportSummary, exportShards } from '../dataset/export/export.ts';
export { type TakedownOptions, type TakedownSummary, takedown, undoTakedown } from '../dataset/export/takedown.ts';
export { type VerifySummary, verify } from '../dataset/export/verify.ts';
export { type ImportSource, importDataset } from '../dataset/import/import.ts';
export { type Funnel, funnel } from '../dataset/ledger/funnel.ts';
export { Ledger } from '../dataset/ledger/ledger.ts';
export { openRawStore, type RawStore } from '../dataset/ledger/raw-store.ts';
export { type Pair, pairId, type Sample, type TextSource } from '../dataset/pair.ts';
export { type BadInput, type ReadShardsOptions, readShards, type ShardSample } from '../dataset/shards/reader.ts';
export { UserError } from '../dataset/user-error.ts';
