/** Every sub-command in the order of the work: its words here, its code loaded only when it runs. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { preferWholeOps } from '../model/runtime/threads.ts';
import { corpusCommand, toolCommand } from './command.ts';
import { toNumber } from './flags.ts';
import { table } from './table.ts';

/** Loads a command whose work is batches through the model, with TensorFlow set up for them. */
const onWholeOps =
  <T>(load: () => Promise<T>) =>
  (): Promise<T> => {
    preferWholeOps();
    return load();
  };

const init = (program: Command): void => {
  program
    .command('init')
    .description('write a commented lait.yaml')
    .argument('[dir]', 'corpus directory', 'corpus')
    .addHelpText('after', '\nExample:\n  $ lait init birds')
    .action(async (dir: string) => {
      const { init: write } = await import('./init.ts');
      console.log(`Wrote ${write(dir)}`);
    });
};

const addLists = (command: Command): void => {
  command.option(
    '--urls <file...>',
    'lists of image URLs with captions instead of pages: txt, csv, tsv, jsonl, parquet',
  );
  command.option('--url-column <name>', 'of the lists (default: url)');
  command.option('--caption-column <name>', 'of the lists (default: caption)');
  command.option(
    '--warc <file|url...>',
    'archives of pages, as Common Crawl has them, instead of fetching pages; a URL is read as it comes',
  );
};

const crawl = corpusCommand({
  name: 'crawl',
  section: 'crawl',
  summary: 'find pages, images and texts from these URLs on; run it again to go on where it stopped',
  example: 'lait crawl https://example.org/ --corpus birds --contact you@example.org',
  arguments: '[urls...]',
  extra: addLists,
  load: async () => (await import('./crawl.ts')).crawl,
});

const schedule = corpusCommand({
  name: 'schedule',
  section: 'crawl',
  summary: 'crawl by a cron pattern, visiting pages again when their time has come',
  example: 'lait schedule https://example.org/ --corpus birds --cron "0 3 * * *" --contact you@example.org',
  arguments: '[urls...]',
  extra: (command) => {
    command.option('--cron <pattern>', 'five or six fields: "0 3 * * *" is every night at three');
    command.option('--timezone <name>', 'IANA name (default: the system’s)');
  },
  load: async () => (await import('./schedule.ts')).schedule,
});

const retry = toolCommand({
  name: 'retry',
  summary: 'queue again what failed for a reason; refusals stay refused',
  example: 'lait retry --corpus birds --reason http-503',
  extra: (command) => command.requiredOption('--reason <reason...>', 'as the ledger has them'),
  load: async () => (await import('./retry.ts')).retry,
});

const report = toolCommand({
  name: 'report',
  summary: 'write the funnel with pictures, scores and languages as one page of HTML',
  example: 'lait report --corpus birds',
  extra: (command) => command.option('--out <file>', 'where to (default: report.html in the corpus)'),
  load: async () => (await import('./report.ts')).report,
});

const trainRelevance = toolCommand({
  name: 'train-relevance',
  summary: 'learn from captioned images how well a text fits an image, for `lait filter --relevance`',
  example: 'lait train-relevance --shards flickr8k/shards/train --out relevance.safetensors',
  extra: (command) => {
    command.requiredOption('--shards <path...>', 'captioned images: folders, files, globs, brace ranges');
    command.option('--out <file>', 'the model', 'relevance.safetensors');
  },
  load: async () => (await import('./train-relevance.ts')).trainRelevance,
});

const explain = toolCommand({
  name: 'explain',
  summary: 'the whole story of a pair: where found, what each rule said, which shard it is in',
  example: 'lait ledger explain 06843ab490b8 --corpus birds',
  arguments: '<id|url|sha256>',
  extra: (command) => command.option('--json', 'everything, for machines'),
  load: async () => (await import('./explain.ts')).explain,
});

const ledger = (program: Command): void => explain(program.command('ledger').description('look into the ledger'));

const takedown = toolCommand({
  name: 'takedown',
  summary: 'remove pictures from ledger, raw images and shards for good',
  example: 'lait takedown --corpus birds --url https://example.org/photo.jpg --note "owner asked"',
  extra: (command) => {
    command.option('--url <url...>', 'of images, or of pages for all that was found on them');
    command.option('--host <name...>', 'everything of these hosts');
    command.option('--sha256 <hash...>', 'of original images');
    command.option('--note <text>', 'who asked, or why');
  },
  load: async () => (await import('./takedown.ts')).takedown,
});

const verify = toolCommand({
  name: 'verify',
  summary: 'check every file of the export against its manifest',
  example: 'lait verify --corpus birds --repair',
  extra: (command) => command.option('--repair', 'write faulty shards again from the raw images'),
  load: async () => (await import('./verify.ts')).verify,
});

const importSet = corpusCommand({
  name: 'import',
  section: 'export',
  summary: 'bring COCO, Flickr, WebDataset or parquet sets, or lists of URLs, into a corpus',
  example:
    'lait import coco captions_val2017.json val2017/ --corpus coco\n' +
    'lait import flickr Flickr8k.token.txt images/ --split-file train=Flickr_8k.trainImages.txt --corpus flickr8k\n' +
    'lait import webdataset "shards/{00000..00099}.tar" --corpus laion\n' +
    'lait import urls Train_GCC-training.tsv --corpus cc3m',
  arguments: '<form> <paths...>',
  extra: (command) => {
    command.option('--split <name>', 'that all samples belong to (default: train, or what the file says)');
    command.option('--split-file <split=file...>', 'flickr: the official list of each split');
  },
  load: async () => (await import('./import.ts')).importSet,
});

const filter = corpusCommand({
  name: 'filter',
  section: 'filter',
  summary: 'judge every pair by the recipe and print the funnel; a moved threshold needs no new crawl',
  example: 'lait filter --corpus birds --min-side-px 256',
  load: async () => (await import('./filter.ts')).filter,
});

const exportShards = corpusCommand({
  name: 'export',
  section: 'export',
  summary: 'write the kept pairs as WebDataset shards; unchanged shards are left alone',
  example: 'lait export --corpus birds --samples-per-shard 1000',
  extra: (command) => {
    command.option('--out <dir>', 'where to (default: shards in the corpus)');
    command.option('--subset <file>', 'only these ids: npy (DataComp), parquet or text');
  },
  load: async () => (await import('./export.ts')).exportCorpus,
});

const regions = corpusCommand({
  name: 'regions',
  section: 'regions',
  summary: 'detect regions in the images of the shards and write their features beside them',
  example: 'lait regions --corpus birds --top-k 36',
  load: async () => (await import('./regions.ts')).regions,
});

const pretrain = corpusCommand({
  name: 'pretrain',
  section: 'pretrain',
  summary: 'train ImageBERT on the shards and their regions; a run that exists goes on',
  example: 'lait pretrain --corpus birds --preset mini --from minilm --steps 20000',
  extra: (command) => {
    command.option('--stages <file>', 'YAML list of stages (name, corpora, steps, …), instead of those in lait.yaml');
    command.option('--dry-run', 'print parameters and FLOPs of the preset and stop');
  },
  load: onWholeOps(async () => (await import('./pretrain.ts')).pretrain),
});

const finetune = corpusCommand({
  name: 'finetune',
  section: 'finetune',
  summary: 'go on from a pretrained run with image-text matching alone, for retrieval',
  example: 'lait finetune --corpus birds --from pretrain --loss binary',
  load: onWholeOps(async () => (await import('./finetune.ts')).finetune),
});

const match = corpusCommand({
  name: 'match',
  section: 'evaluate',
  summary: 'how well each text fits an image, by a trained run',
  example: 'lait match photo.jpg "a wren on a branch" "a red bus" --corpus birds',
  arguments: '<image> <texts...>',
  load: async () => (await import('./match.ts')).match,
});

const evaluate = corpusCommand({
  name: 'evaluate',
  section: 'evaluate',
  summary: 'retrieve held-out images by text and texts by image; recall@1, 5 and 10 beside chance',
  example:
    'lait evaluate --corpus birds --run pretrain\n' +
    'lait evaluate --corpus coco --split test --images 5000 --folds 5 --method rerank',
  extra: (command) => command.option('--json', 'print the result for machines; it is in the run either way'),
  load: onWholeOps(async () => (await import('./evaluate.ts')).evaluate),
});

const demo = (program: Command): void => {
  program
    .command('demo')
    .description('the whole line on a website of its own: crawl, filter, export, regions, pretrain, evaluate')
    .option('--corpus <dir>', 'corpus directory', 'demo')
    .option('--pictures <number>', 'pictures of the website at most (default: all)', toNumber)
    .option('--steps <number>', 'training steps (default: 1500)', toNumber)
    .addHelpText('after', '\nExample:\n  $ npx lait demo')
    .action(async ({ corpus, ...options }: { corpus: string; pictures?: number; steps?: number }) => {
      const { demo: play } = await import('./demo/demo.ts');
      process.exitCode = await play({ corpusDir: resolve(corpus), ...options });
    });
};

const doctor = (program: Command): void => {
  program
    .command('doctor')
    .description('say what is there, what is missing and how to get it')
    .addHelpText('after', '\nExample:\n  $ npx lait doctor')
    .action(async () => {
      const { examine } = await import('./setup/doctor.ts');
      const marks = { ok: '✔', missing: '✘', later: '○' } as const;
      const findings = await examine();
      const rows = findings.map(({ name, state, detail }) => [`${marks[state]} ${name}`, detail]);
      console.log(table(rows, [0, 1]));
      if (findings.some(({ state }) => state === 'missing')) process.exitCode = 2;
    });
};

const setup = (program: Command): void => {
  program
    .command('setup')
    .description('build the native parts and fetch TensorFlow; does nothing when all is there')
    .addHelpText('after', '\nExample:\n  $ LAIT_TENSORFLOW=gpu npx lait setup')
    .action(async () => {
      const { setUp } = await import('./setup/setup.ts');
      await setUp((line) => console.log(line));
    });
};

export const commands: readonly ((program: Command) => void)[] = [
  init,
  crawl,
  schedule,
  retry,
  filter,
  report,
  ledger,
  trainRelevance,
  exportShards,
  importSet,
  verify,
  takedown,
  regions,
  pretrain,
  finetune,
  evaluate,
  match,
  demo,
  doctor,
  setup,
];
