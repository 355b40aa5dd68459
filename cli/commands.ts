/** Every sub-command in the order of the work: its words here, its code loaded only when it runs. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { corpusCommand } from './command.ts';
import { toNumber } from './flags.ts';
import { table } from './table.ts';

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

const crawl = corpusCommand({
  name: 'crawl',
  section: 'crawl',
  summary: 'find pages, images and texts from these URLs on; run it again to go on where it stopped',
  example: 'lait crawl https://example.org/ --corpus birds --contact you@example.org',
  arguments: '[urls...]',
  load: async () => (await import('./crawl.ts')).crawl,
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
  load: async () => (await import('./pretrain.ts')).pretrain,
});

const evaluate = corpusCommand({
  name: 'evaluate',
  section: 'evaluate',
  summary: 'retrieve held-out images by text and texts by image; recall@1, 5 and 10 beside chance',
  example: 'lait evaluate --corpus birds --run pretrain',
  load: async () => (await import('./evaluate.ts')).evaluate,
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
  filter,
  exportShards,
  regions,
  pretrain,
  evaluate,
  demo,
  doctor,
  setup,
];
