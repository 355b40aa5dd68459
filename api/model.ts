/** `lait/model`: ImageBERT. It loads TensorFlow, which `npx lait setup` installs. */
export { type Example, readExamples } from '../model/data/example.ts';
export { type ExampleSource, memorySource, mixedSource, shardSource } from '../model/data/source.ts';
export { readTokenizer, type Tokenizer, tokenizerOf } from '../model/data/tokenizer.ts';
export { VocabularyLearner } from '../model/data/vocabulary.ts';
export { type ModelConfig, presets } from '../model/net/config.ts';
export { readColumnsManifest } from '../model/regions/columns.ts';
export { extractRegions } from '../model/regions/extract.ts';
export { type DetectorOptions, openDetector } from '../model/regions/open.ts';
export type { Detector, Regions } from '../model/regions/region.ts';
export { evaluateRetrieval } from '../model/retrieval/evaluate.ts';
export { matchTexts } from '../model/retrieval/match.ts';
export { bestCheckpoint, readCheckpoint } from '../model/train/checkpoint.ts';
export { finetune } from '../model/train/finetune.ts';
export { type PretrainOptions, pretrain } from '../model/train/pretrain.ts';
export type { TrainingProgress, TrainingSummary } from '../model/train/progress.ts';
