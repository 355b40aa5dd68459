/**
 * What a command is told besides the settings of `lait.yaml`: the input and output of one call. Each is a flag of the same name. The
 * command takes its flags from the type, so that one nobody reads does not compile.
 */
import { z } from 'zod';

const text = (description: string, placeholder: string) => z.string().optional().meta({ description, placeholder });
const list = (description: string, placeholder: string) =>
  z.array(z.string()).optional().meta({ description, placeholder });
const toggle = (description: string) => z.boolean().default(false).meta({ description });

/** The name of a split, which is a folder below shards/. */
const splitName = /^\w[\w-]*$/;

export const noFlags = z.strictObject({});

export const crawlFlags = z.strictObject({
  urls: list('lists of image URLs instead of pages, or folders of them: txt, csv, tsv, json, jsonl, parquet', 'file'),
  urlColumn: text('column of --urls with the URL (default: url, image_url or img_url)', 'name'),
  captionColumn: text('column of --urls with the caption (default: caption, text, alt_text or alt)', 'name'),
  warc: list('WARC files of pages, such as Common Crawl’s, instead of pages of the web; a URL is streamed', 'file|url'),
});
export type CrawlFlags = z.output<typeof crawlFlags>;

/** They win over the section `schedule` of `lait.yaml`. */
export const scheduleFlags = z.strictObject({
  cron: text(
    'five or six fields: "0 3 * * *" is every night at three (default: schedule.cron of lait.yaml)',
    'pattern',
  ),
  timezone: text('IANA name (default: schedule.timezone, or the system’s)', 'name'),
  // biome-ignore lint/suspicious/noThenProperty: a list is no promise
  then: z
    .array(z.enum(['filter', 'export']))
    .optional()
    .meta({ description: 'what follows each crawl, in this order', placeholder: 'command' }),
});
export type ScheduleFlags = z.output<typeof scheduleFlags>;

export const retryFlags = z.strictObject({
  reason: z.array(z.string()).meta({ description: 'reasons of the ledger, such as http-503', placeholder: 'reason' }),
});
export type RetryFlags = z.output<typeof retryFlags>;

const metricsPort = text(
  'serves /metrics for Prometheus there: a port of 127.0.0.1 (0 takes a free one), or an address and port for other machines',
  '[host:]port',
);

export const workFlags = z.strictObject({
  only: z
    .array(z.enum(['export', 'regions']))
    .optional()
    .meta({
      description: 'crawl nothing, and do what `lait export --share` and `lait regions --share` ask for, until Ctrl-C',
      placeholder: 'command',
    }),
  metricsPort,
});
export type WorkFlags = z.output<typeof workFlags>;

export const judgeFlags = z.strictObject({ metricsPort });
export type JudgeFlags = z.output<typeof judgeFlags>;

export const filterFlags = z.strictObject({
  share: toggle('hand out the work to all machines that run `lait judge`; lait.yaml names their store'),
});
export type FilterFlags = z.output<typeof filterFlags>;

export const collectFlags = z.strictObject({
  without: z.array(z.string()).optional().meta({
    description: 'workers whose disks are lost: collects them without their pictures, for good',
    placeholder: 'number',
  }),
  sweep: toggle('remove from S3 the pictures that workers left over which were killed a day ago or more'),
});
export type CollectFlags = z.output<typeof collectFlags>;

export const extractFlags = z.strictObject({ again: toggle('read every kept page once more') });
export type ExtractFlags = z.output<typeof extractFlags>;

export const reportFlags = z.strictObject({
  out: text('file to write (default: report.html in the corpus)', 'file'),
});
export type ReportFlags = z.output<typeof reportFlags>;

export const viewFlags = z.strictObject({
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .meta({ description: 'port on 127.0.0.1; 0 takes a free one', placeholder: 'number' }),
  edit: toggle('let the page change lait.yaml and label pairs; without it nothing can be changed'),
});
export type ViewFlags = z.output<typeof viewFlags>;

export const embedFlags = z.strictObject({
  relevance: text(
    'model that embeds: a CLIP or SigLIP (a folder or hf://OWNER/NAME), a file of `lait train-relevance` or a run that learned contrast (default: the one of the last time, then filter.relevance of lait.yaml)',
    'name',
  ),
  follow: toggle('stay, and embed what comes new until Ctrl-C'),
});
export type EmbedFlags = z.output<typeof embedFlags>;

/** How the pairs to label are drawn. */
const drawing = {
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(1)
    .meta({ description: 'seed that the sample is drawn by', placeholder: 'number' }),
  each: z.int().min(1).max(1_000).default(50).meta({ description: 'pairs of each verdict', placeholder: 'number' }),
};

export const labelsExportFlags = z.strictObject({
  ...drawing,
  out: text('file to write (default: labels.jsonl in the corpus)', 'file'),
});
export type LabelsExportFlags = z.output<typeof labelsExportFlags>;

export const labelsPrecisionFlags = z.strictObject(drawing);
export type LabelsPrecisionFlags = z.output<typeof labelsPrecisionFlags>;

export const takedownFlags = z.strictObject({
  url: list('URLs of images, or of pages for everything found on them', 'url'),
  host: list('everything from these hosts and their subdomains', 'name'),
  sha256: list('SHA-256 of original image files', 'hash'),
  md5: list('MD5 of original image files', 'hash'),
  phash: list('perceptual hashes of pictures, as in the column phash', 'hash'),
  distance: z.int().min(0).optional().meta({ description: 'bits of --phash that may differ (default: 0)' }),
  list: list('files with URLs, hosts and hashes, one a line', 'file'),
  export: list('further folders with exports of this corpus; those that lait wrote are remembered', 'dir'),
  gone: list(
    'buckets and stores, as named where not reached, that are gone for good: no takedown looks there again',
    'place',
  ),
  undo: toggle('take a takedown back: what was erased stays erased, and may be crawled again'),
  note: text('who asked, or why', 'text'),
});
export type TakedownFlags = z.output<typeof takedownFlags>;

export const exportFlags = z.strictObject({
  out: text(
    'folder to write (default: shards in the corpus), or s3://BUCKET/PREFIX that these are published to',
    'dir|place',
  ),
  subset: text('only the ids in this file: npy (DataComp), parquet or text', 'file'),
  rebuild: toggle('write a growing export anew from its first shard, under new keys'),
  share: toggle(
    'have the shards written by `lait work --only export` on other machines, too: lait.yaml names the store',
  ),
});
export type ExportFlags = z.output<typeof exportFlags>;

export const importFlags = z.strictObject({
  split: z
    .string()
    .regex(splitName, 'Expected a name of letters, digits and dashes')
    .optional()
    .meta({ description: 'split of all samples (default: train, or what the file says)', placeholder: 'name' }),
  splitFile: z
    .array(
      z
        .string()
        .regex(/^\w[\w-]*=./, 'Expected a split of letters, digits and dashes, and a file, as in train=list.txt'),
    )
    .optional()
    .meta({ description: 'flickr: the official list of each split', placeholder: 'split=file' }),
  imageColumn: text('parquet: column of the images (default: the usual names)', 'name'),
  textColumn: text('parquet, webdataset: column of the captions (default: the usual names)', 'name'),
  merge: toggle('add to splits that another import has made'),
});
export type ImportFlags = z.output<typeof importFlags>;

export const verifyFlags = z.strictObject({
  out: text(
    'folder of an export, as with lait export --out, or s3://BUCKET/PREFIX (default: shards in the corpus)',
    'dir',
  ),
  repair: toggle('save what can be read of a damaged database, queue what is lost, write faulty shards again'),
});
export type VerifyFlags = z.output<typeof verifyFlags>;

export const pushFlags = z.strictObject({
  out: text('folder of the export, as with lait export --out (default: shards in the corpus)', 'dir'),
  run: text('the run to push (default: pretrain)', 'name'),
  checkpoint: z.enum(['best', 'last']).optional().meta({ description: 'which checkpoint of the run (default: best)' }),
  license: text('Hugging Face’s word for the licence of the weights (default: other)', 'word'),
  public: toggle('make a new repository public; without it one is private'),
});
export type PushFlags = z.output<typeof pushFlags>;

export const trainRelevanceFlags = z.strictObject({
  shards: list('captioned images: folders, files, globs, brace ranges, in S3 too', 'path'),
  labels: list(
    'corpora with labels of `lait view`: learns from pairs that fit, and is tried on those that do not',
    'dir',
  ),
  out: z.string().default('relevance.safetensors').meta({ description: 'file to write', placeholder: 'file' }),
});
export type TrainRelevanceFlags = z.output<typeof trainRelevanceFlags>;

/** Of commands that learn or are judged by what lies in the shards. */
const reading = {
  shards: text(
    'shards elsewhere than in the corpus: a folder or s3://BUCKET/PREFIX with a folder for each split; regions lie beside it',
    'place',
  ),
};

/** Of commands that go on with a run. */
const resuming = {
  dataChanged: z.enum(['ok']).optional().meta({
    description: 'go on although the data or the first weights are no longer those that the run was made from: ok',
  }),
};

export const pretrainFlags = z.strictObject({
  ...reading,
  ...resuming,
  devices: z.int().min(1).max(64).default(1).meta({
    description: 'GPUs of this machine that share each batch; without a GPU, devices that the CPU is made into',
  }),
  rank: z.int().min(0).optional().meta({ description: 'which of several processes this is, from 0 on; rank 0 writes' }),
  ranks: z.int().min(1).max(4096).optional().meta({ description: 'how many processes share each batch' }),
  coordinator: text('an address of rank 0’s machine at which all processes meet', 'host:port'),
  stages: text('YAML list of stages (name, corpora, steps, …) instead of those in lait.yaml', 'file'),
  dryRun: toggle('print the parameters, the FLOPs and the memory of a step, and stop'),
});
export type PretrainFlags = z.output<typeof pretrainFlags>;

export const regionsFlags = z.strictObject({
  shards: text(
    'shards elsewhere than in the corpus: a folder with a folder for each split; regions lie beside it',
    'dir',
  ),
  share: toggle(
    'have regions detected by `lait work --only regions` on other machines, too: lait.yaml names the store',
  ),
});
export type RegionsFlags = z.output<typeof regionsFlags>;

export const finetuneFlags = z.strictObject({ ...reading, ...resuming });
export type FinetuneFlags = z.output<typeof finetuneFlags>;

export const evaluateFlags = z.strictObject(reading);
export type EvaluateFlags = z.output<typeof evaluateFlags>;

export const doctorFlags = z.strictObject({
  gpu: toggle('train twenty steps on the GPU and print one page about it: placement, numbers, speed, memory'),
  cpu: toggle('the same on the CPU'),
  preset: z.enum(['tiny', 'mini', 'base']).optional().meta({
    description: 'size of the model whose speed is measured (default: base, on the CPU tiny)',
  }),
  batchSize: z.int().min(2).optional().meta({ description: 'its pairs in a batch (default: 48, on the CPU 8)' }),
});
export type DoctorFlags = z.output<typeof doctorFlags>;

export const demoFlags = z.strictObject({
  corpus: z.string().default('demo').meta({ description: 'corpus directory', placeholder: 'dir' }),
  // Of fewer too few are left to learn which texts fit.
  pictures: z.int().min(80).optional().meta({ description: 'how many pictures the website has (default: all)' }),
  steps: z.int().min(1).optional().meta({ description: 'training steps (default: 150)' }),
});
export type DemoFlags = z.output<typeof demoFlags>;
