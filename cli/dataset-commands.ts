/** The commands that write, check and bring in shards. */
import { callFlags, corpusCommand, settingsCommand } from './add-command.ts';
import type { CommandContext } from './command.ts';

interface Encoding {
  readonly settings: { readonly encode: string; readonly resize: string };
}

/** Which flags matter to images that are encoded anew, and those only. */
const encodingNeeds = {
  resize: ({ settings }: Encoding) => settings.encode === 'original' && 'with --encode original',
  quality: ({ settings }: Encoding) => settings.encode === 'original' && 'with --encode original',
  sizePx: ({ settings }: Encoding) => settings.resize === 'no' && 'without --resize',
  onlyIfBigger: ({ settings }: Encoding) => settings.resize === 'no' && 'without --resize',
};

const exportShards = settingsCommand({
  name: 'export',
  takesS3: ['out'],
  takesTurns: true,
  section: 'export',
  summary: 'write the kept pairs as WebDataset shards; finished shards stay, new pairs come after them',
  example: 'lait export --corpus birds --samples-per-shard 1000',
  flags: async () => (await callFlags()).exportFlags,
  needs: {
    ...encodingNeeds,
    rebuild: ({ settings }) => settings.layout === 'fixed' && 'with --layout fixed, which is always written anew',
  },
  hasResult: true,
  load: async () => (await import('./export.ts')).exportCorpus,
});

const regions = settingsCommand({
  name: 'regions',
  takesTurns: true,
  section: 'regions',
  summary: 'detect regions in the images of the shards and write their features beside them',
  example: 'lait regions --corpus birds --top-k 36',
  flags: async () => (await callFlags()).regionsFlags,
  needs: {
    share: ({ flags }) => flags.shards !== undefined && 'with --shards, which other machines do not read',
    features: ({ settings: { detector } }) => detector !== 'centernet' && `with --detector ${detector}`,
    inputSidePx: ({ settings: { detector } }) => detector !== 'centernet' && `with --detector ${detector}`,
    topK: ({ settings: { detector } }) => detector === 'patches' && 'with --detector patches, which takes every patch',
  },
  hasResult: true,
  load: async () => (await import('./regions.ts')).regions,
});

const verify = corpusCommand({
  name: 'verify',
  takesS3: ['out'],
  takesTurns: true,
  summary: 'check the databases, the raw images and every file of the export against its manifest',
  example: 'lait verify --corpus birds --repair',
  flags: async () => (await callFlags()).verifyFlags,
  hasResult: true,
  load: async () => (await import('./verify.ts')).verify,
});

const push = corpusCommand({
  name: 'push',
  takesTurns: true,
  summary: 'put the export or a run on the Hugging Face hub, with its card',
  example:
    'lait push hf://datasets/me/birds --corpus birds\n' +
    'lait push hf://me/birds-imagebert --corpus birds --run pretrain --license apache-2.0',
  arguments: '<address>',
  flags: async () => (await callFlags()).pushFlags,
  hasResult: true,
  load: async () => (await import('./push.ts')).push,
});

type ImportContext = CommandContext<'import', { splitFile?: string[] | undefined }>;

/** A list of URLs is read, and its images are not there yet: nothing is written that these could shape. */
const writesShards = ({ args }: ImportContext) => args[0] === 'urls' && 'with the form urls, which writes no shards';

const importSet = settingsCommand({
  name: 'import',
  takesS3: ['arguments'],
  takesTurns: true,
  section: 'import',
  summary: 'bring COCO, Flickr, WebDataset or parquet sets, or lists of URLs, into a corpus',
  example:
    'lait import coco captions_val2017.json val2017/ --corpus coco\n' +
    'lait import flickr Flickr8k.token.txt images/ --split-file train=Flickr_8k.trainImages.txt --corpus flickr8k\n' +
    'lait import webdataset "shards/{00000..00099}.tar" --corpus laion\n' +
    'lait import webdataset s3://bucket/laion/shards --corpus laion\n' +
    'lait import urls Train_GCC-training.tsv --corpus cc3m',
  arguments: '<form> <paths...>',
  flags: async () => (await callFlags()).importFlags,
  needs: {
    samplesPerShard: writesShards,
    shardDigits: writesShards,
    encode: writesShards,
    resize: (context) => writesShards(context) || encodingNeeds.resize(context),
    quality: (context) => writesShards(context) || encodingNeeds.quality(context),
    keepLocation: writesShards,
    sizePx: (context) => writesShards(context) || encodingNeeds.sizePx(context),
    onlyIfBigger: (context) => writesShards(context) || encodingNeeds.onlyIfBigger(context),
    imageColumn: ({ args }) => args[0] !== 'parquet' && `with the form ${args[0]}, it is for parquet`,
    textColumn: ({ args }) =>
      args[0] !== 'parquet' && args[0] !== 'webdataset' && `with the form ${args[0]}, it is for parquet and webdataset`,
    merge: writesShards,
    name: writesShards,
    license: writesShards,
    split: (context) =>
      writesShards(context) || (context.args[0] === 'flickr' && 'with the form flickr, which has --split-file'),
    splitFile: ({ args: [form] }) => form !== 'flickr' && `with the form ${form}, it is for flickr`,
  },
  hasResult: true,
  load: async () => (await import('./import.ts')).importSet,
});

export const datasetCommands = [exportShards, regions, verify, push, importSet];
