/** `lait/model`: ImageBERT. It loads TensorFlow, which `npx lait setup` installs. */
export {
  type BadExample,
  type Example,
  type ReadExamplesOptions,
  readExamples,
  type ToldPicture,
} from '../model/data/example.ts';
export {
  type ExampleSource,
  memorySource,
  mixedSource,
  type PlannedExample,
  type ShardSourceOptions,
  type SourceSpec,
  shardSource,
} from '../model/data/source.ts';
export { readTokenizer, type Tokenizer, tokenizerOf } from '../model/data/tokenizer.ts';
export { VocabularyLearner, type VocabularyOptions } from '../model/data/vocabulary.ts';
export type { EnsureOptions } from '../model/formats/cache.ts';
export { type ContrastForm, type ModelConfig, presets } from '../model/net/config.ts';
export type { ObjectiveName, ObjectiveWeights } from '../model/net/objective.ts';
export type { Gain } from '../model/ranking/gain.ts';
export type { Hubness, TakenOff } from '../model/ranking/hubs.ts';
export type { Step } from '../model/ranking/steps.ts';
export type { OtherDetectors } from '../model/regions/by-others.ts';
export { type ColumnsManifest, readColumnsManifest } from '../model/regions/columns.ts';
export { type ExtractOptions, type ExtractSummary, extractRegions } from '../model/regions/extract.ts';
export type { OnnxDetectorOptions } from '../model/regions/onnx-detector.ts';
export { type DetectorOptions, type EmbeddedDetectorOptions, openDetector } from '../model/regions/open.ts';
export type { PatchesOptions } from '../model/regions/patches.ts';
export type { Detector, Regions } from '../model/regions/region.ts';
export {
  type EvaluateOptions,
  type EvaluateProgress,
  evaluateRetrieval,
  type HubsOrigin,
  type RetrievalResult,
  type WeightOrigin,
} from '../model/retrieval/evaluate.ts';
export { type MatchOptions, matchTexts, type TextMatch } from '../model/retrieval/match.ts';
export type { AdamW } from '../model/runtime/optimizer.ts';
export type { Precision } from '../model/runtime/traced-function.ts';
export { bestCheckpoint, type Checkpoint, readCheckpoint, type Which } from '../model/train/checkpoint.ts';
export { type FinetuneOptions, finetune } from '../model/train/finetune.ts';
export type { ModelPart } from '../model/train/gradient-parts.ts';
export type { DataIdentity } from '../model/train/made-from.ts';
export { type PretrainOptions, pretrain } from '../model/train/pretrain.ts';
export type { Best, HeldOutMeasures, TrainingProgress, TrainingSummary, Watch } from '../model/train/progress.ts';
export { openRanks, type Ranks } from '../model/train/ranks.ts';
export type { MeetingOptions } from '../model/train/rendezvous.ts';
export type { TakenWeights } from '../model/train/start-weights.ts';
