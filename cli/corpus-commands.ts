/** The commands that make and keep a corpus. */

import { numbersOf } from '../filters/presets.ts';
import { type AddCommand, callFlags, corpusCommand, plainCommand, settingsCommand } from './add-command.ts';

const init = plainCommand({
  name: 'init',
  summary: 'write a lait.yaml with every setting, its default and its meaning',
  example: 'lait init birds',
  arguments: '[dir]',
  load: async () => {
    const { init: write } = await import('./init.ts');
    return async ({ args }) => console.log(`Wrote ${write(args[0] ?? 'corpus')}`);
  },
});

const crawl = settingsCommand({
  name: 'crawl',
  takesTurns: true,
  section: 'crawl',
  summary: 'find pages, images and texts from these URLs on; run it again to go on where it stopped',
  example: 'lait crawl https://example.org/ --corpus birds --contact you@example.org',
  arguments: '[urls...]',
  flags: async () => (await callFlags()).crawlFlags,
  needs: {
    seeds: ({ args, flags }) =>
      (args.length > 0 && 'beside URLs as arguments') ||
      (flags.urls !== undefined && 'beside --urls') ||
      (flags.warc !== undefined && 'beside --warc'),
    urlColumn: ({ flags }) => flags.urls === undefined && 'without --urls',
    captionColumn: ({ flags }) => flags.urls === undefined && 'without --urls',
    storeQuality: ({ settings }) => settings.storeSide === undefined && 'without --store-side',
  },
  hasResult: true,
  load: async () => (await import('./crawl.ts')).crawl,
});

const schedule = settingsCommand({
  name: 'schedule',
  section: 'crawl',
  summary: 'crawl by a cron pattern, visiting pages again when they are due',
  example: 'lait schedule https://example.org/ --corpus birds --cron "0 3 * * *" --contact you@example.org',
  arguments: '[urls...]',
  flags: async () => (await callFlags()).scheduleFlags,
  needs: {
    seeds: ({ args }) => args.length > 0 && 'beside URLs as arguments',
    recrawl: ({ settings }) => settings.recrawl === 'never' && 'as never: a schedule visits pages again',
    storeQuality: ({ settings }) => settings.storeSide === undefined && 'without --store-side',
  },
  load: async () => (await import('./schedule.ts')).schedule,
});

const work = settingsCommand({
  name: 'work',
  section: 'crawl',
  summary: 'work with other machines: lait.yaml names the PostgreSQL store that all of them use',
  example:
    'lait work https://example.org/ --corpus birds --contact you@example.org\n' +
    'lait work --only export --corpus birds',
  arguments: '[urls...]',
  flags: async () => (await callFlags()).workFlags,
  heeds: ({ flags }) =>
    flags.only !== undefined && { flags: ['only', 'metricsPort'], why: 'with --only, which crawls nothing' },
  needs: {
    seeds: ({ args }) => args.length > 0 && 'beside URLs as arguments',
    keepPages: () => 'in a crawl by many machines, which keeps none',
    recrawl: () => 'in a crawl by many machines, which visits no page again',
    storeQuality: ({ settings }) => settings.storeSide === undefined && 'without --store-side',
  },
  hasResult: true,
  load: async () => (await import('./work.ts')).work,
});

const workers = corpusCommand({
  name: 'workers',
  summary: 'show who crawls a shared corpus, which hosts they hold and what waits',
  example: 'lait workers --corpus birds',
  hasResult: true,
  load: async () => (await import('./workers.ts')).workers,
});

const collect = corpusCommand({
  name: 'collect',
  takesTurns: true,
  summary: 'bring what workers have found into a corpus folder, where it is filtered and exported',
  example: 'lait collect --corpus birds',
  flags: async () => (await callFlags()).collectFlags,
  hasResult: true,
  load: async () => (await import('./collect.ts')).collect,
});

const storeMove = corpusCommand({
  name: 'move',
  takesTurns: true,
  summary: 'move what is still to be crawled from the folder to the store of lait.yaml (shared), or back (embedded)',
  example: 'lait store move shared --corpus birds',
  arguments: '<shared|embedded>',
  hasResult: true,
  load: async () => (await import('./store-move.ts')).storeMove,
});

const store: AddCommand = (program, isCalled) =>
  storeMove(program.command('store').description('the store of a shared crawl: `lait store move`'), isCalled);

const filter = settingsCommand({
  name: 'filter',
  takesTurns: true,
  section: 'filter',
  summary: 'judge every pair by the recipe and print the funnel; a moved threshold needs no new crawl',
  example: 'lait filter --corpus birds --min-side-px 256',
  flags: async () => (await callFlags()).filterFlags,
  needs: {
    vocabulary: ({ settings: { preset } }) =>
      numbersOf(preset).maxRareShare.value === null && `with --preset ${preset}, which has no rule on rare words`,
    minPhoto: ({ settings }) => !settings.photo && 'without --photo',
    relevanceHead: ({ settings }) => settings.relevance === undefined && 'without --relevance',
    likelyRight: ({ settings }) => settings.relevance === undefined && 'without --relevance',
  },
  hasResult: true,
  load: async () => (await import('./filter.ts')).filter,
});

const judge = corpusCommand({
  name: 'judge',
  summary: 'help another machine filter: judges the pairs that its `lait filter --share` hands out',
  example: 'lait judge --corpus birds',
  flags: async () => (await callFlags()).judgeFlags,
  hasResult: true,
  load: async () => (await import('./judge.ts')).judge,
});

const report = corpusCommand({
  name: 'report',
  summary: 'write the funnel with pictures, scores and languages as one page of HTML',
  example: 'lait report --corpus birds',
  flags: async () => (await callFlags()).reportFlags,
  load: async () => (await import('./report.ts')).report,
});

const view = corpusCommand({
  name: 'view',
  summary: 'look at a corpus in the browser: pairs, their stories, and what another threshold would keep',
  example: 'lait view --corpus birds',
  flags: async () => (await callFlags()).viewFlags,
  load: async () => (await import('./view.ts')).view,
});

const embed = corpusCommand({
  name: 'embed',
  takesTurns: true,
  summary: 'make a vector of every picture and text, by which `lait view` searches by meaning',
  example: 'lait embed --corpus birds --relevance hf://Xenova/clip-vit-base-patch32',
  flags: async () => (await callFlags()).embedFlags,
  hasResult: true,
  load: async () => (await import('./embed.ts')).embed,
});

const labelsExport = corpusCommand({
  name: 'export',
  summary: 'write what people said of pairs in `lait view` as JSON lines',
  example: 'lait labels export --corpus birds',
  flags: async () => (await callFlags()).labelsExportFlags,
  hasResult: true,
  load: async () => (await import('./labels.ts')).exportLabels,
});

const labelsPrecision = corpusCommand({
  name: 'precision',
  summary: 'tell how often each rule is right, by the labels of a sample',
  example: 'lait labels precision --corpus birds',
  flags: async () => (await callFlags()).labelsPrecisionFlags,
  hasResult: true,
  load: async () => (await import('./labels.ts')).labelsPrecision,
});

const labels: AddCommand = async (program, isCalled) => {
  const group = program
    .command('labels')
    .description('what people said of pairs: `lait labels export`, `lait labels precision`');
  await labelsExport(group, isCalled);
  await labelsPrecision(group, isCalled);
};

const extract = corpusCommand({
  name: 'extract',
  takesTurns: true,
  summary: 'read all kept pages once more, without a request: a better extractor improves an old corpus',
  example: 'lait extract --again --corpus birds',
  flags: async () => (await callFlags()).extractFlags,
  hasResult: true,
  load: async () => (await import('./extract.ts')).extract,
});

const retry = corpusCommand({
  name: 'retry',
  takesTurns: true,
  summary: 'queue again what failed for a reason; refusals stay refused',
  example: 'lait retry --corpus birds --reason http-503',
  flags: async () => (await callFlags()).retryFlags,
  hasResult: true,
  load: async () => (await import('./retry.ts')).retry,
});

const takedown = corpusCommand({
  name: 'takedown',
  summary: 'remove pictures from ledger, raw images and shards for good',
  example: 'lait takedown --corpus birds --url https://example.org/photo.jpg --note "owner asked"',
  flags: async () => (await callFlags()).takedownFlags,
  takesS3: ['gone'],
  hasResult: true,
  load: async () => (await import('./takedown.ts')).takedown,
});

const explain = corpusCommand({
  name: 'explain',
  summary: 'tell the whole story of a pair: where it was found, what each rule said, which shard has it',
  example: 'lait ledger explain 06843ab490b8 --corpus birds',
  arguments: '<id|url|sha256>',
  hasResult: true,
  load: async () => (await import('./explain.ts')).explain,
});

const ledger: AddCommand = (program, isCalled) =>
  explain(program.command('ledger').description('look into the ledger: `lait ledger explain`'), isCalled);

export const corpusCommands = [
  init,
  crawl,
  schedule,
  work,
  workers,
  collect,
  store,
  extract,
  filter,
  judge,
  view,
  embed,
  labels,
  report,
  retry,
  takedown,
  ledger,
];
