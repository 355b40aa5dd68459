/**
 * Every setting of lait, once: the flags, the keys of `lait.yaml` and their help all come from this schema. Sections are named
 * after the commands that read them. A default stands beside the code that uses it (`…Defaults`), and is taken from there.
 */
import { z } from 'zod';
import { crawlDefaults } from '../crawler/crawl-options.ts';
import { exportDefaults } from '../dataset/export/defaults.ts';
import { vocabularyDefaults } from '../model/data/defaults.ts';
import { detectorDefaults } from '../model/regions/defaults.ts';
import { evaluateDefaults } from '../model/retrieval/defaults.ts';
import { finetuneDefaults, pretrainDefaults } from '../model/train/defaults.ts';

const pattern = z.string().refine(isExpression, { error: 'Expected a regular expression' });

function isExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

const crawl = z.strictObject({
  seeds: z
    .array(z.url({ protocol: /^https?$/ }))
    .default([])
    .meta({ description: 'pages to start from' }),
  contact: z
    .string()
    .optional()
    .meta({ description: 'URL or e-mail address in the User-Agent; required for anything but loopback' }),
  scope: z
    .enum(['host', 'domain', 'any'])
    .default(crawlDefaults.scope)
    .meta({ description: 'follow links on the same host, the same registrable domain, or anywhere' }),
  maxPages: z.int().min(1).default(crawlDefaults.maxPages).meta({ description: 'pages to fetch at most' }),
  maxDepth: z.int().min(0).default(crawlDefaults.maxDepth).meta({ description: 'links to follow from a seed at most' }),
  concurrency: z
    .int()
    .min(1)
    .max(1000)
    .default(crawlDefaults.concurrency)
    .meta({ description: 'requests in flight, over all hosts' }),
  minDelayMs: z
    .int()
    .min(0)
    .default(crawlDefaults.minDelayMs)
    .meta({ description: 'least time between two requests to one host; robots.txt may ask for more' }),
  render: z
    .enum(['auto', 'always', 'never'])
    .default(crawlDefaults.render)
    .meta({ description: 'load pages in Chromium: when they need scripts, always, or never' }),
  recrawl: z
    .enum(['never', 'due', 'all'])
    .default('never')
    .meta({ description: 'visit pages again: those whose time has come, or all; unchanged ones cost one request' }),
  allow: z.array(pattern).default([]).meta({ description: 'follow only URLs that match one of these expressions' }),
  deny: z.array(pattern).default([]).meta({ description: 'never follow URLs that match one of these' }),
  allowPrivate: z
    .boolean()
    .default(crawlDefaults.allowPrivate)
    .meta({ description: 'allow requests to loopback and private addresses: tests and intranets' }),
});

/** What is left out here is the preset's; its numbers and their sources are in filters/recipe.ts. */
const filter = z.strictObject({
  preset: z
    .enum(['lait', 'cc12m', 'laion', 'datacomp'])
    .default('lait')
    .meta({ description: 'whose rules and thresholds; each key below replaces one of them' }),
  languages: z.array(z.string().length(2)).min(1).optional().meta({ description: 'ISO 639-1 codes (lait: en)' }),
  allowHosts: z.array(z.string()).optional().meta({ description: 'keep pairs of pages on these hosts only' }),
  denyHosts: z.array(z.string()).optional().meta({ description: 'drop pairs of pages on these hosts' }),
  vocabulary: z
    .string()
    .optional()
    .meta({ description: "words that are not rare: a tokenizer.json or vocab.txt (en: WordNet's words)" }),
  minSidePx: z.int().min(1).optional().meta({ description: 'least width and height (lait: 301)' }),
  maxAspectRatio: z.number().min(1).optional().meta({ description: 'longest over shortest side at most (lait: 3)' }),
  minBytes: z.int().min(0).optional().meta({ description: 'bytes of an image file at least (lait: 5000)' }),
  minEntropyBits: z.number().min(0).optional().meta({ description: 'of the grey values, at least (lait: 2.5)' }),
  minSharpness: z.number().min(0).optional().meta({ description: 'variance of the Laplacian, at least (lait: 60)' }),
  minWords: z.int().min(1).optional().meta({ description: 'words in a text at least (lait: 3)' }),
  maxWords: z.int().min(1).optional().meta({ description: 'words in a text at most (lait: 64)' }),
  maxImagesPerText: z.int().min(1).optional().meta({ description: 'a text on more images drops them all (lait: 10)' }),
  maxDuplicateBits: z
    .int()
    .min(0)
    .max(16)
    .optional()
    .meta({ description: 'perceptual hashes that differ in so many of 64 bits are one image (lait: 4)' }),
  unsafe: z
    .boolean()
    .default(false)
    .meta({ description: 'drop pornographic images (LAIT); fetches a model of 24 MB, then some 15 ms an image' }),
  photo: z
    .boolean()
    .default(false)
    .meta({ description: 'drop drawings, screenshots, diagrams and slides (LAIT); 23 MB, then some 30 ms an image' }),
  minPhoto: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ description: 'probability of being a photograph, at least (lait: 0.5)' }),
  relevance: z
    .string()
    .optional()
    .meta({
      description:
        'score how well texts fit images with this: a file of `lait train-relevance`, a run of `lait pretrain`, ' +
        'a folder with an ONNX CLIP or SigLIP, or hf://OWNER/NAME',
    }),
  relevanceHead: z
    .enum(['itm', 'itc'])
    .optional()
    .meta({ description: 'of a run: probability of matching, or cosine of embeddings (default where it was learned)' }),
  minRelevance: z.number().optional().meta({ description: "of that model's score, at least" }),
  relevanceShare: z
    .number()
    .positive()
    .max(1)
    .optional()
    .meta({ description: 'or keep this best share (DataComp: 0.3)' }),
  maxPairsPerHost: z.int().min(1).optional().meta({ description: 'pairs kept of one host (lait: no limit)' }),
});

/** How shards are written, by an export or an import. */
const shards = {
  samplesPerShard: z
    .int()
    .min(1)
    .default(exportDefaults.samplesPerShard)
    .meta({ description: 'samples in one shard (img2dataset)' }),
  shardDigits: z
    .int()
    .min(1)
    .max(12)
    .default(exportDefaults.shardDigits)
    .meta({ description: 'width of a shard number (img2dataset)' }),
  encode: z
    .enum(['auto', 'original', 'jpeg'])
    .default(exportDefaults.encode)
    .meta({ description: 'original bytes where they are upright JPEG, original bytes always, or JPEG always' }),
  resize: z
    .enum(['no', 'keep_ratio', 'keep_ratio_largest', 'center_crop', 'border'])
    .default(exportDefaults.resize)
    .meta({ description: "img2dataset's ways to bring images to sizePx" }),
  sizePx: z
    .int()
    .min(16)
    .default(exportDefaults.sizePx)
    .meta({ description: 'the size that resize aims at (img2dataset)' }),
  onlyIfBigger: z
    .boolean()
    .default(exportDefaults.onlyIfBigger)
    .meta({ description: 'leave smaller images as they are' }),
  quality: z
    .int()
    .min(1)
    .max(100)
    .default(exportDefaults.quality)
    .meta({ description: 'of re-encoded JPEG (img2dataset)' }),
  name: z.string().optional().meta({ description: 'title of the dataset card' }),
  license: z
    .string()
    .optional()
    .meta({ description: "of the collection, in Hugging Face's words; pictures keep theirs" }),
};

const exportSection = z.strictObject({
  format: z
    .enum(['webdataset', 'parquet', 'jsonl'])
    .default(exportDefaults.format)
    .meta({ description: 'tar shards, parquet with image columns, or JSON lines beside image files' }),
  validationFraction: z
    .number()
    .min(0)
    .max(0.5)
    .default(exportDefaults.validationFraction)
    .meta({ description: 'share of the samples held out, chosen by a hash of the id' }),
  ...shards,
});

const importSection = z.strictObject(shards);

/** Where an ONNX detector's tensors are, see `OnnxDetectorOptions` in model/regions/onnx-detector.ts. */
const triple = z.tuple([z.number(), z.number(), z.number()]);
const onnx = z
  .strictObject({
    path: z.string(),
    name: z.string().regex(/^[\w.-]+$/),
    labels: z.array(z.string()).min(1),
    input: z.strictObject({
      name: z.string(),
      sidePx: z.int().min(32),
      layout: z.enum(['nchw', 'nhwc']).optional(),
      channels: z.enum(['rgb', 'bgr']).optional(),
      mean: triple.optional(),
      deviation: triple.optional(),
    }),
    outputs: z.strictObject({
      boxes: z.string(),
      scores: z.string(),
      labels: z.string().optional(),
      features: z.string().optional(),
    }),
    boxForm: z.enum(['corners', 'centre']).optional(),
    boxUnit: z.enum(['pixels', 'shares']).optional(),
    activation: z.enum(['none', 'sigmoid', 'softmax']).optional(),
    background: z.int().optional(),
    minConfidence: z.number().optional(),
    maxOverlap: z.number().optional(),
  })
  .optional()
  .meta({ description: 'for detector onnx: path, name, labels, input and output names; only in lait.yaml' });

const regions = z.strictObject({
  detector: z
    .enum(['centernet', 'patches', 'onnx'])
    .default('centernet')
    .meta({ description: 'object detector; patches needs none (ViLT), onnx is a file of yours' }),
  features: z
    .enum(['joined', 'centernet'])
    .default(detectorDefaults.features)
    .meta({ description: "EfficientNet-Lite2's joined to centernet's, or centernet's alone in half the time" }),
  topK: z
    .int()
    .min(1)
    .max(100)
    .default(detectorDefaults.topK)
    .meta({ description: 'regions of an image at most, by confidence' }),
  inputSidePx: z
    .int()
    .multipleOf(32)
    .min(128)
    .max(1024)
    .default(detectorDefaults.inputSidePx)
    .meta({ description: 'side of the square that centernet sees; half the side is four times as fast' }),
  onnx,
});

const runName = z.string().regex(/^[\w.-]+$/);

/** A run, or one stage of it. */
const stageName = z.string().regex(/^[\w.-]+(\/[\w.-]+)?$/);
const weight = z.number().min(0);

/** What a stage has of its own; what it leaves out is as in the rest of `pretrain`. */
const stage = z.strictObject({
  name: runName,
  corpora: z
    .array(z.strictObject({ dir: z.string(), share: z.number().positive().default(1) }))
    .min(1)
    .optional(),
  steps: z.int().min(1).optional(),
  batchSize: z.int().min(2).optional(),
  accumulate: z.int().min(1).optional(),
  learningRate: z.number().positive().optional(),
  mlm: weight.optional(),
  moc: weight.optional(),
  mrfr: weight.optional(),
  itm: weight.optional(),
  itc: weight.optional(),
  hardNegatives: z.boolean().optional(),
});

const accumulate = z.int().min(1).max(1024).default(pretrainDefaults.accumulate);

const { objectives } = pretrainDefaults;

const pretrain = z.strictObject({
  preset: z.enum(['tiny', 'mini', 'base']).default('tiny').meta({ description: 'size of the model' }),
  run: runName.default('pretrain').meta({ description: 'name of the run below runs/; one that exists goes on' }),
  from: z
    .string()
    .default('scratch')
    .meta({ description: 'weights to start from: scratch, minilm (for mini), or a BERT in safetensors' }),
  steps: z.int().min(1).default(1000).meta({ description: 'training steps' }),
  batchSize: z
    .int()
    .min(2)
    .default(pretrainDefaults.batchSize)
    .meta({ description: 'pairs in a batch (ImageBERT §4)' }),
  accumulate: accumulate.meta({ description: 'batches that make one update, as one batch of so many times the pairs' }),
  learningRate: z
    .number()
    .positive()
    .default(pretrainDefaults.learningRate)
    .meta({ description: 'highest learning rate (ImageBERT §4)' }),
  mlm: weight.default(objectives.mlm).meta({ description: 'weight of masked language modelling; 0 turns it off' }),
  moc: weight.default(objectives.moc).meta({ description: 'weight of masked object classification' }),
  mrfr: weight.default(objectives.mrfr).meta({ description: 'weight of masked region feature regression' }),
  itm: weight.default(objectives.itm).meta({ description: 'weight of image-text matching' }),
  itc: weight
    .default(objectives.itc)
    .meta({ description: 'weight of image-text contrast, which is not in the paper (ALBEF)' }),
  hardNegatives: z
    .boolean()
    .default(pretrainDefaults.hardNegatives)
    .meta({ description: 'match against pairs that contrast finds similar (ALBEF); needs itc' }),
  vocabularySize: z
    .int()
    .min(100)
    .default(vocabularyDefaults.size)
    .meta({ description: 'word pieces to learn when starting from scratch' }),
  precision: z
    .enum(['f32', 'bf16'])
    .default(pretrainDefaults.precision)
    .meta({ description: 'number format of the matrix products' }),
  xla: z
    .boolean()
    .default(pretrainDefaults.xla)
    .meta({ description: 'fuse what lies between matrix products with XLA' }),
  checkpointEverySteps: z
    .int()
    .min(1)
    .default(pretrainDefaults.checkpointEverySteps)
    .meta({ description: 'steps between two checkpoints' }),
  seed: z.int().min(0).default(pretrainDefaults.seed).meta({ description: 'of weights, order, masks and dropout' }),
  stages: z.array(stage).min(1).optional().meta({
    description: 'one after another, each from the last: name, corpora (dir, share), and keys of this section',
  }),
});

const finetune = z.strictObject({
  from: stageName.default('pretrain').meta({ description: 'run to start from' }),
  run: runName.default('finetune').meta({ description: 'name of the new run below runs/; one that exists goes on' }),
  loss: z
    .enum(['binary', 'multi-class', 'triplet'])
    .default(finetuneDefaults.loss)
    .meta({ description: "the paper's three; binary is its best" }),
  candidates: z
    .int()
    .min(2)
    .default(finetuneDefaults.candidates)
    .meta({ description: 'P: sentences for an image and images for a sentence, the true one among them (ours)' }),
  margin: z.number().min(0).default(finetuneDefaults.margin).meta({ description: 'of the triplet loss (UNITER)' }),
  steps: z.int().min(1).default(1000).meta({ description: 'training steps' }),
  batchSize: z
    .int()
    .min(2)
    .default(finetuneDefaults.batchSize)
    .meta({ description: 'pairs in a batch (ImageBERT §5)' }),
  accumulate: accumulate.meta({ description: 'batches that make one update' }),
  learningRate: z
    .number()
    .positive()
    .default(finetuneDefaults.learningRate)
    .meta({ description: 'highest learning rate (ImageBERT §5)' }),
  precision: z
    .enum(['f32', 'bf16'])
    .default(finetuneDefaults.precision)
    .meta({ description: 'number format of the matrix products' }),
  checkpointEverySteps: z
    .int()
    .min(1)
    .default(finetuneDefaults.checkpointEverySteps)
    .meta({ description: 'steps between two checkpoints' }),
  seed: z.int().min(0).default(finetuneDefaults.seed).meta({ description: 'of order, negatives and dropout' }),
});

const evaluate = z.strictObject({
  run: stageName.default('pretrain').meta({ description: 'name of the run below runs/' }),
  split: runName.default('validation').meta({ description: 'which shards to rank: a folder below shards/' }),
  images: z
    .int()
    .min(2)
    .default(1000)
    .meta({ description: 'images to rank at most (Flickr30k: 1000, COCO 1k and 5k: 5000)' }),
  folds: z
    .int()
    .min(1)
    .default(evaluateDefaults.folds)
    .meta({ description: 'equal parts to rank within, averaged (COCO 1k: 5 of 5000 images)' }),
  method: z
    .enum(['itm', 'itc', 'rerank'])
    .default(evaluateDefaults.method)
    .meta({ description: 'score every pair, compare embeddings, or re-rank the best embeddings' }),
  candidates: z
    .int()
    .min(1)
    .default(evaluateDefaults.candidates)
    .meta({ description: 'of each query, that rerank scores (ALBEF)' }),
  precision: z
    .enum(['f32', 'bf16'])
    .default(evaluateDefaults.precision)
    .meta({ description: 'number format of the matrix products' }),
});

const match = z.strictObject({
  run: stageName.default('pretrain').meta({ description: 'name of the run below runs/' }),
});

/** The whole of `lait.yaml`. */
export const configSchema = z.strictObject({
  crawl: crawl.prefault({}),
  filter: filter.prefault({}),
  export: exportSection.prefault({}),
  import: importSection.prefault({}),
  regions: regions.prefault({}),
  pretrain: pretrain.prefault({}),
  finetune: finetune.prefault({}),
  evaluate: evaluate.prefault({}),
  match: match.prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type SectionName = keyof Config;

/** The schema of one section, for flags and for `lait init`. */
export const sectionSchema = (name: SectionName): z.ZodObject => configSchema.shape[name].unwrap();
