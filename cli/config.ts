/**
 * Every setting of lait, once: the flags, the keys of `lait.yaml` and their help all come from this schema. Sections are named
 * after the commands that read them. A default stands beside the code that uses it (`…Defaults`), and is taken from there.
 */
import { z } from 'zod';
import { crawlDefaults } from '../crawler/crawl-options.ts';
import { placeOf } from '../crawler/shared/store.ts';
import { isS3, parseS3 } from '../dataset/blobs/place.ts';
import { exportDefaults } from '../dataset/export/defaults.ts';
import { presetNames } from '../filters/presets.ts';
import { vocabularyDefaults } from '../model/data/defaults.ts';
import { detectorDefaults } from '../model/regions/defaults.ts';
import { evaluateDefaults } from '../model/retrieval/defaults.ts';
import { gpuDefaults } from '../model/runtime/environment.ts';
import {
  bestByNames,
  finetuneDefaults,
  learningRates,
  pretrainDefaults,
  pretrainedEncoderRate,
} from '../model/train/defaults.ts';

/** The name of a corpus' configuration. */
export const configFileName = 'lait.yaml';

/** The name of a folder; `..` is none. */
const plainName = z.string().regex(/^\w[\w.-]*$/, 'Expected a name of letters, digits, dots and dashes');

const pattern = z.string().refine(isExpression, { error: 'Expected a regular expression' });

function isExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

/** Throws for credentials, which no message may repeat. */
const isS3Prefix = (place: string): boolean => isS3(place) && parseS3(place).prefix !== '';

/** Throws for what is none: it may have a password, which no message may repeat. */
const isStore = (url: string): boolean => placeOf(url) !== '';

function isDirectoryUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return protocol === 'https:' && username + password + hash === '' && text === text.trim();
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
  signatureKey: z.string().min(1).optional().meta({
    description: 'file with the Ed25519 key (JWK or PEM) that signs every request; `lait keys` makes one',
    placeholder: 'file',
  }),
  signatureAgent: z
    .string()
    .refine(isDirectoryUrl, { error: 'Expected an https URL without user and fragment' })
    .optional()
    .meta({ description: 'https URL at which the directory with its public key is published', placeholder: 'url' }),
  scope: z
    .enum(['host', 'domain', 'any'])
    .default(crawlDefaults.scope)
    .meta({ description: 'follow links on the same host, the same registrable domain, or anywhere' }),
  maxPages: z
    .int()
    .min(1)
    .default(crawlDefaults.maxPages)
    .meta({ description: 'maximum number of pages to fetch in one run' }),
  maxDepth: z
    .int()
    .min(0)
    .default(crawlDefaults.maxDepth)
    .meta({ description: 'maximum number of links from a seed to a page' }),
  concurrency: z
    .int()
    .min(1)
    .max(1000)
    .default(crawlDefaults.concurrency)
    .meta({ description: 'requests at the same time, over all hosts' }),
  minDelayMs: z
    .int()
    .min(0)
    .default(crawlDefaults.minDelayMs)
    .meta({ description: 'minimum time between two requests to one host; robots.txt may ask for more' }),
  render: z
    .enum(['auto', 'always', 'never'])
    .default(crawlDefaults.render)
    .meta({ description: 'load pages in Chromium: only those that need scripts, all, or none' }),
  recrawl: z.enum(['never', 'due', 'all']).default('never').meta({
    description: 'visit known pages again: none, those that are due, or all; an unchanged page costs one request',
  }),
  keepPages: z
    .boolean()
    .default(crawlDefaults.keepPages)
    .meta({ description: 'keep the HTML of pages as WARC files, for `lait extract --again`' }),
  storeSide: z.int().min(16).optional().meta({
    description:
      'store images as JPEG with a shorter side of this many pixels, in place of the originals; what was stored before stays as it is',
  }),
  storeQuality: z
    .int()
    .min(1)
    .max(100)
    .default(crawlDefaults.storeQuality)
    .meta({ description: 'quality of the JPEG that storeSide makes (img2dataset)' }),
  allow: z.array(pattern).default([]).meta({
    description:
      'follow only links to pages that match one of these regular expressions; images are fetched wherever they lie',
  }),
  deny: z
    .array(pattern)
    .default([])
    .meta({ description: 'never follow links to pages that match one of these regular expressions' }),
  allowPrivate: z
    .boolean()
    .default(crawlDefaults.allowPrivate)
    .meta({ description: 'allow requests to loopback and private addresses, for tests and intranets' }),
});

const scheduleSection = z.strictObject({
  cron: z
    .string()
    .optional()
    .meta({ description: 'when to crawl, five or six fields: "0 3 * * *" is every night at three' }),
  timezone: z.string().optional().meta({ description: 'IANA name of the time zone of cron (default: the system’s)' }),
  // biome-ignore lint/suspicious/noThenProperty: a list is no promise
  then: z
    .array(z.enum(['filter', 'export']))
    .default([])
    .meta({ description: 'what follows each crawl, in this order' }),
});

/** The relevance model that needs neither training nor a hub: what EfficientNet's classes are called. A folder or file of that name is `./classes`. */
export const classNames = 'classes';

/** Many in one text would be a host that no page has. */
const host = z.string().regex(/^[^,\s]+$/, 'Expected hosts separated by spaces');

/** What is not set here is the preset's; its numbers and their sources are in filters/presets.ts. */
const filter = z.strictObject({
  preset: z
    .enum(presetNames)
    .default('lait')
    .meta({ description: 'whose rules and thresholds to use; each setting below replaces one of them' }),
  languages: z
    .array(z.string().length(2, 'Expected two-letter codes separated by spaces'))
    .min(1)
    .optional()
    .meta({ description: 'languages to keep, as ISO 639-1 codes (lait: en)' }),
  allowHosts: z.array(host).optional().meta({ description: 'keep pairs of pages on these hosts only' }),
  denyHosts: z.array(host).optional().meta({ description: 'drop pairs of pages on these hosts' }),
  maskPersons: z.boolean().optional().meta({
    description:
      "replace persons' full names by <PERSON> (CC12M); what of them is found, docs/filters.md says (lait: no)",
  }),
  vocabulary: z
    .string()
    .optional()
    .meta({ description: "tokenizer.json or vocab.txt with the words that are not rare (English: WordNet's words)" }),
  minDominance: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ description: 'minimum probability that a picture is of its page’s subject (lait: 0.35)' }),
  minSidePx: z.int().min(1).optional().meta({ description: 'minimum width and height (lait: 301)' }),
  maxAspectRatio: z
    .number()
    .min(1)
    .optional()
    .meta({ description: 'maximum ratio of the longer to the shorter side (lait: 3)' }),
  minBytes: z.int().min(0).optional().meta({ description: 'minimum size of an image file (lait: 5000)' }),
  minEntropyBits: z.number().min(0).optional().meta({ description: 'minimum entropy of the grey values (lait: 2.5)' }),
  minSharpness: z.number().min(0).optional().meta({ description: 'minimum variance of the Laplacian (lait: 60)' }),
  minWords: z.int().min(1).optional().meta({ description: 'minimum number of words in a text (lait: 3)' }),
  maxWords: z.int().min(1).optional().meta({ description: 'maximum number of words in a text (lait: 64)' }),
  maxImagesPerText: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'a text that comes with more images than this is dropped with all of them (lait: 10)' }),
  maxDuplicateBits: z.int().min(0).max(16).optional().meta({
    description: 'images whose 64-bit perceptual hashes differ in at most this many bits are duplicates (lait: 4)',
  }),
  unsafe: z
    .boolean()
    .default(false)
    .meta({ description: 'drop pornographic images (LAIT); downloads a model of 24 MB, takes about 15 ms an image' }),
  photo: z.boolean().default(false).meta({
    description: 'drop drawings, screenshots, diagrams and slides (LAIT); downloads 23 MB, takes about 30 ms an image',
  }),
  minPhoto: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ description: 'minimum probability of being a photograph (lait: 0.5)' }),
  relevance: z
    .string()
    .optional()
    .meta({
      description:
        'model that scores how well a text fits its image: hf://OWNER/NAME or a folder with an ONNX CLIP or SigLIP, a file of ' +
        '`lait train-relevance`, a run of `lait pretrain`, or `classes`, which is trained by nobody and knows 1,000 kinds of things (default: `classes` where ' +
        '`relevanceShare` is given, or `--min-relevance` as a flag, else none)',
    }),
  relevanceHead: z
    .enum(['itm', 'itc', 'map'])
    .optional()
    .meta({
      description:
        'score of a run of ours: probability of matching (itm), cosine of embeddings (itc, the default where it was learned), or, for pairs ' +
        'that it has learned from, cosine by linear maps of its training data that have not seen the image (map)',
    }),
  minRelevance: z
    .number()
    .optional()
    .meta({ description: 'minimum score by the relevance model; here only beside `relevance`' }),
  relevanceShare: z
    .number()
    .positive()
    .max(1)
    .optional()
    .meta({ description: 'keep this share of the pairs, those with the best scores (datacomp: 0.3)' }),
  likelyRight: z.boolean().optional().meta({
    description:
      'drop pairs that are likelier wrong than right; only for a file of `lait train-relevance`, whose scores are chances',
  }),
  maxPairsPerHost: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'maximum number of pairs from one host (lait: no limit)' }),
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
    .meta({ description: 'digits in the number of a shard (img2dataset)' }),
  encode: z
    .enum(['auto', 'original', 'jpeg'])
    .default(exportDefaults.encode)
    .meta({ description: 'original bytes where they are upright JPEG, original bytes always, or JPEG always' }),
  resize: z
    .enum(['no', 'keep_ratio', 'keep_ratio_largest', 'center_crop', 'border'])
    .default(exportDefaults.resize)
    .meta({ description: 'how images are brought to sizePx; the modes of img2dataset' }),
  sizePx: z.int().min(16).default(exportDefaults.sizePx).meta({ description: 'target size of resize (img2dataset)' }),
  onlyIfBigger: z
    .boolean()
    .default(exportDefaults.onlyIfBigger)
    .meta({ description: 'leave smaller images as they are' }),
  quality: z
    .int()
    .min(1)
    .max(100)
    .default(exportDefaults.quality)
    .meta({ description: 'quality of re-encoded JPEG (img2dataset)' }),
  keepLocation: z.boolean().default(exportDefaults.keepLocation).meta({
    description:
      'keep the GPS position and the maker note in EXIF of original bytes, and the position in the column exif',
  }),
  name: z.string().optional().meta({ description: 'title of the dataset card' }),
  license: z
    .string()
    .optional()
    .meta({ description: 'licence of the collection, as Hugging Face names it; pictures keep theirs' }),
};

const exportSection = z.strictObject({
  layout: z.enum(['growing', 'fixed']).default(exportDefaults.layout).meta({
    description:
      'later pairs come in new shards and finished ones stay, or all pairs in the order of their ids, anew each time',
  }),
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
  gone: z.enum(['drop', 'keep']).default(exportDefaults.gone).meta({
    description: 'pairs that a later visit did not find any more: leave them out, or keep them (column gone)',
  }),
});

const importSection = z.strictObject(shards);

/** Where an ONNX detector's tensors are, see `OnnxDetectorOptions` in model/regions/onnx-detector.ts. */
const triple = z.tuple([z.number(), z.number(), z.number()]);
const onnx = z
  .strictObject({
    path: z.string(),
    name: plainName,
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
    .meta({ description: 'object detector: CenterNet, none but patches (ViLT), or an ONNX file of yours' }),
  features: z.enum(['joined', 'centernet']).default(detectorDefaults.features).meta({
    description: 'features of EfficientNet-Lite2 and CenterNet joined, or of CenterNet alone in half the time',
  }),
  topK: z
    .int()
    .min(1)
    .max(100)
    .default(detectorDefaults.topK)
    .meta({ description: 'maximum number of regions of an image, the most confident first' }),
  inputSidePx: z
    .int()
    .multipleOf(32)
    .min(128)
    .max(1024)
    .default(detectorDefaults.inputSidePx)
    .meta({ description: 'side of the square that CenterNet sees; half the side is four times as fast' }),
  onnx,
});

/** A run, one stage of it, or one that `lait push` brought to the hub. */
const trainedName = z
  .string()
  .regex(
    /^(\w[\w.-]*(\/\w[\w.-]*)?|hf:\/\/.+)$/,
    'Expected RUN or RUN/STAGE of letters, digits, dots and dashes, or hf://OWNER/NAME',
  );
const weight = z.number().min(0);

/** What a stage has of its own; what it leaves out is as in the rest of `pretrain`. */
const stage = z.strictObject({
  name: plainName,
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
  cleanMatching: z.boolean().optional(),
});

/** How a run that trains is watched, and when it ends. */
const watching = {
  evaluateEverySteps: z
    .int()
    .min(1)
    .default(pretrainDefaults.evaluateEverySteps)
    .meta({ description: 'steps between two evaluations of held-out pairs' }),
  bestBy: z.enum(bestByNames).default(pretrainDefaults.bestBy).meta({
    description:
      'held-out measure of the best checkpoint, which is kept: retrieval (auto, where contrast or matching is learned), the loss, or that of one objective',
  }),
  patience: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'end after so many evaluations in a row without a better one (default: never)' }),
};

/** How parameters are updated, beside the rate itself. */
const updating = {
  learningRateDecay: z.enum(['linear', 'cosine']).default(pretrainDefaults.learningRateDecay).meta({
    description:
      'how the rate falls after a tenth of the steps, over which it rises: to 0 in a line (BERT), or by half a cosine (CLIP)',
  }),
  maxGradNorm: z
    .number()
    .min(0)
    .default(pretrainDefaults.maxGradNorm)
    .meta({ description: 'largest global norm of the gradients of an update; 0 turns it off (BERT: 1)' }),
  ema: z.number().min(0).lt(1).default(pretrainDefaults.ema).meta({
    description:
      'how much of the running averages of the weights stays at a step; evaluations and checkpoints then go by the averages (0.9999: timm); 0: none',
  }),
  deterministic: z.boolean().default(gpuDefaults.deterministic).meta({
    description: 'on a GPU, do not ask for sums in one order: faster, but a resumed run may differ in its last bits',
  }),
  tf32: z.boolean().default(gpuDefaults.tf32).meta({
    description: 'on a GPU, products of float32 in TensorFloat-32: several times as fast, with 10 bits of the factors',
  }),
  recompute: z.boolean().default(pretrainDefaults.recompute).meta({
    description:
      'compute the inside of each layer again for the gradients instead of keeping it: less memory, more time',
  }),
};

const checkpoint = z
  .enum(['best', 'last'])
  .default('best')
  .meta({ description: 'which checkpoint of the run; the last where none was found the best' });

const accumulate = z.int().min(1).max(1024).default(pretrainDefaults.accumulate);

const { objectives } = pretrainDefaults;

const pretrain = z.strictObject({
  preset: z.enum(['tiny', 'mini', 'base']).default('tiny').meta({ description: 'size of the model' }),
  run: plainName.default('pretrain').meta({ description: 'name of the run below runs/; one that exists goes on' }),
  from: z.string().default('scratch').meta({
    description: 'weights to start from: scratch, minilm (for mini), a BERT in safetensors, or hf://OWNER/NAME of one',
  }),
  steps: z.int().min(1).default(1000).meta({ description: 'training steps' }),
  batchSize: z
    .int()
    .min(2)
    .default(pretrainDefaults.batchSize)
    .meta({ description: 'pairs in a batch (ImageBERT §4)' }),
  accumulate: accumulate.meta({ description: 'batches summed into one update' }),
  learningRate: z
    .number()
    .positive()
    .optional()
    .meta({
      description: `highest learning rate (${Object.entries(learningRates)
        .map(([name, rate]) => `${name}: ${rate}`)
        .join(', ')}; base is ImageBERT §4)`,
    }),
  encoderRate: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({
      description: `share of the rate for the encoder and its words; 0 keeps them (from minilm or a BERT: ${pretrainedEncoderRate}; from scratch: 1)`,
    }),
  mlm: weight.default(objectives.mlm).meta({ description: 'weight of masked language modelling; 0 turns it off' }),
  moc: weight.default(objectives.moc).meta({ description: 'weight of masked object classification' }),
  mrfr: weight.default(objectives.mrfr).meta({ description: 'weight of masked region feature regression' }),
  itm: weight.default(objectives.itm).meta({ description: 'weight of image-text matching' }),
  itc: weight
    .default(objectives.itc)
    .meta({ description: 'weight of image-text contrast (ALBEF); the paper has none' }),
  cleanMatching: z.boolean().optional().meta({
    description:
      'matching and contrast read pairs of which nothing is hidden, in a pass of their own (ALBEF; with itc), or the one pass of the paper (without)',
  }),
  contrastPooling: z
    .enum(['mean', 'first'])
    .default(pretrainDefaults.contrastPooling)
    .meta({ description: 'what contrast compares: the mean of all states (Sentence-BERT), or that of [CLS] (ALBEF)' }),
  contrastStart: z.enum(['linear', 'random']).default(pretrainDefaults.contrastStart).meta({
    description: 'where contrast begins: at a linear map of the features, fitted before the first step, or at random',
  }),
  hardNegatives: z
    .boolean()
    .default(pretrainDefaults.hardNegatives)
    .meta({ description: 'match against the wrong pairs that contrast finds most similar (ALBEF); needs itc' }),
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
    .meta({ description: 'fuse the operations between matrix products with XLA' }),
  checkpointEverySteps: z
    .int()
    .min(1)
    .default(pretrainDefaults.checkpointEverySteps)
    .meta({ description: 'steps between two checkpoints' }),
  ...updating,
  ...watching,
  seed: z
    .int()
    .min(0)
    .default(pretrainDefaults.seed)
    .meta({ description: 'seed of the first parameters, order, masks and dropout' }),
  stages: z.array(stage).min(1).optional().meta({
    description: 'stages, each starting from the one before: name, corpora (dir, share), and settings of this section',
  }),
});

const finetune = z.strictObject({
  from: trainedName.default('pretrain').meta({ description: 'run to start from, or hf://OWNER/NAME' }),
  checkpoint,
  run: plainName.default('finetune').meta({ description: 'name of the new run below runs/; one that exists goes on' }),
  loss: z
    .enum(['binary', 'multi-class', 'triplet'])
    .default(finetuneDefaults.loss)
    .meta({ description: "the paper's three; binary is its best" }),
  candidates: z
    .int()
    .min(2)
    .default(finetuneDefaults.candidates)
    .meta({ description: 'P: sentences for an image and images for a sentence, the true one among them (ours)' }),
  margin: z
    .number()
    .min(0)
    .default(finetuneDefaults.margin)
    .meta({ description: 'margin of the triplet loss (UNITER)' }),
  steps: z.int().min(1).default(1000).meta({ description: 'training steps' }),
  batchSize: z
    .int()
    .min(2)
    .default(finetuneDefaults.batchSize)
    .meta({ description: 'pairs in a batch (ImageBERT §5)' }),
  accumulate: accumulate.meta({ description: 'batches summed into one update' }),
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
  ...updating,
  ...watching,
  seed: z.int().min(0).default(finetuneDefaults.seed).meta({ description: 'seed of order, negatives and dropout' }),
});

const evaluate = z.strictObject({
  run: trainedName.default('pretrain').meta({ description: 'name of the run below runs/, or hf://OWNER/NAME' }),
  checkpoint,
  split: plainName.default('validation').meta({ description: 'split to rank: a folder below shards/' }),
  images: z
    .int()
    .min(2)
    .default(1000)
    .meta({ description: 'maximum number of images to rank (Flickr30k: 1000, COCO 1k and 5k: 5000)' }),
  folds: z
    .int()
    .min(1)
    .default(evaluateDefaults.folds)
    .meta({ description: 'parts to rank within, whose results are averaged (COCO 1k: 5 parts of 5000 images)' }),
  method: z.enum(['auto', 'itm', 'itc', 'rerank']).default(evaluateDefaults.method).meta({
    description:
      'match every pair (itm), compare embeddings (itc), re-rank the best embeddings by matching, or the last of them that the run has learned (auto)',
  }),
  candidates: z
    .int()
    .min(1)
    .default(evaluateDefaults.candidates)
    .meta({ description: 'candidates of each query that rerank matches (ALBEF)' }),
  precision: z
    .enum(['f32', 'bf16'])
    .default(evaluateDefaults.precision)
    .meta({ description: 'number format of the matrix products' }),
  linearMap: z.enum(['words', 'minilm', 'off']).default(evaluateDefaults.linearMap).meta({
    description:
      'what a linear map of the same features retrieves, to words by tf-idf in seconds or to MiniLM in minutes, fitted to shards/train',
  }),
});

const match = z.strictObject({
  run: trainedName.default('pretrain').meta({ description: 'name of the run below runs/, or hf://OWNER/NAME' }),
  checkpoint,
});

/** The whole of `lait.yaml`. */
export const configSchema = z.strictObject({
  crawl: crawl.prefault({}),
  schedule: scheduleSection.prefault({}),
  filter: filter.prefault({}),
  export: exportSection.prefault({}),
  import: importSection.prefault({}),
  regions: regions.prefault({}),
  pretrain: pretrain.prefault({}),
  finetune: finetune.prefault({}),
  evaluate: evaluate.prefault({}),
  match: match.prefault({}),
  blobs: z.string().refine(isS3Prefix, { error: 'Expected s3://BUCKET/PREFIX' }).optional().meta({
    description:
      'where exports and region features are published to, and with store, where workers keep pictures: s3://BUCKET/PREFIX',
  }),
  store: z.string().refine(isStore).optional().meta({
    description:
      'where many machines have the queue and the record of one crawl, for lait work: postgres://HOST/DATABASE',
  }),
});

export type Config = z.infer<typeof configSchema>;
export type SectionName = Exclude<keyof Config, 'blobs' | 'store'>;

/** The schema of one section, for flags and for `lait init`. */
export const sectionSchema = (name: SectionName): z.ZodObject => configSchema.shape[name].unwrap();
