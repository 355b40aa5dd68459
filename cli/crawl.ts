/** `lait crawl`: finds pages, images and texts, and stores them in a corpus. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { crawl as walk } from '../crawler/crawl.ts';
import type { CrawlOptions } from '../crawler/crawl-options.ts';
import type { CrawlProgress, CrawlSummary } from '../crawler/crawl-summary.ts';
import type { Signing } from '../crawler/fetch/request-signature.ts';
import { tellBreak } from '../crawler/input/broken-archive.ts';
import { checkSeeds, seedExpected } from '../crawler/input/seeds.ts';
import { queueUrlList } from '../crawler/input/url-list.ts';
import { importWarc } from '../crawler/input/warc.ts';
import { meaningOf } from '../crawler/policy/reasons.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { printable } from '../dataset/escape.ts';
import { urlsWithReasons } from '../dataset/ledger/crawled.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { UserError } from '../dataset/user-error.ts';
import type { CrawlFlags } from './call-flags.ts';
import { type CommandContext, type KnownTo, type Nothing, sayWaiting } from './command.ts';
import { crawlPace } from './crawl-pace.ts';
import { expressions } from './expressions.ts';
import { startProgress } from './progress.ts';
import { browserAdvice, findBrowser, rootAdvice, rootNeedsNoSandbox, sandbox } from './setup/browser.ts';
import { signingOf } from './signing.ts';
import { refuseShared } from './store.ts';
import { count, megabytes, table } from './table.ts';

export async function crawl(context: CommandContext<'crawl', CrawlFlags>): Promise<void> {
  const { corpusDir, signal, print } = context;
  const { urls = [], urlColumn, captionColumn, warc = [], ...others } = context.flags;
  others satisfies Nothing;
  const columns = {
    ...(urlColumn === undefined ? {} : { urlColumn }),
    ...(captionColumn === undefined ? {} : { captionColumn }),
  };
  checkStart(context);
  const signing = signingOf(context.settings);
  await withCleanup(async (defer) => {
    const ledger = Ledger.open(corpusDir, { signal, onWait: sayWaiting });
    defer(() => ledger.close());
    const progress = startProgress('Crawling');
    defer(() => progress.stop());
    for (const file of urls) {
      const list = await queueUrlList(
        { corpusDir, file, ...columns },
        { ledger, signal, onProgress: (rows) => progress.update({ done: rows, detail: `rows of ${file}` }) },
      );
      progress.line(
        [
          `${printable(file)}: ${count(list.queued)} of ${count(list.rows)} rows queued`,
          ...Object.entries(list.unusable)
            .filter(([, rows]) => rows > 0)
            .map(([reason, rows]) => `${count(rows)} ${reason}`),
          ...(list.withoutCaption > 0
            ? [`${count(list.withoutCaption)} without a caption: kept, but no recipe that judges texts takes them`]
            : []),
        ].join(', '),
      );
    }
    const { contact, allowPrivate } = context.settings;
    for (const source of warc) {
      const onProgress = ({ records }: { records: number }): void =>
        progress.update({ done: records, detail: `records of ${source}` });
      const archive = await importWarc(
        { corpusDir, source, contact, allowPrivate, signing },
        { ledger, signal, onProgress },
      );
      progress.line(
        [
          `${printable(source)}: ${count(archive.pages)} pages, ${count(archive.images)} images, ${archive.refused} refused`,
          ...Object.entries(archive.unusable).map(([reason, records]) => `${count(records)} ${reason}`),
          ...(archive.broken === null ? [] : [`${tellBreak(archive.broken)}; what came before is kept`]),
        ].join(', '),
      );
    }
    const pace = crawlPace(context.settings);
    const summary = await walk(await crawlOptions(context, signing), {
      ledger,
      signal,
      onProgress: (state) => progress.update({ done: state.pages, detail: crawlLine(state, pace(state)) }),
    });
    progress.stop();
    const unrendered = withoutBrowser(ledger, { hasBrowser: (await findBrowser()) !== undefined });
    print(summary, () => [summaryTable(summary), ...(unrendered === '' ? [] : [unrendered])].join('\n'));
    if (summary.isNoSeedRead) throw noLivingSeed(summary.deadSeeds);
  });
}

/** What a crawl has done so far; it begins with a unit, since the number of pages stands before it. */
export function crawlLine({ images, refused, failed, queued, bytes }: CrawlProgress, pace: string): string {
  const parts = [
    'pages',
    `${count(images)} images`,
    `${count(queued)} queued`,
    `${count(refused)} refused`,
    `${count(failed)} failed`,
    megabytes(bytes),
    pace,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** Throws for what no crawl could begin with, before a corpus is made. */
export function checkStart(context: CommandContext<'crawl', CrawlFlags>): void {
  const { corpusDir, config, settings, flags } = context;
  if (config.store !== undefined) refuseShared(corpusDir, 'run `lait work`');
  const { contact, allowPrivate } = settings;
  const seeds = checkSeeds({ seeds: seedsOf(context), allowPrivate, ...(contact === undefined ? {} : { contact }) });
  signingOf(settings);
  if (seeds.length > 0 || hasLists(flags) || existsSync(join(corpusDir, 'frontier.db'))) return;
  throw seedExpected();
}

const hasLists = ({ urls = [], warc = [] }: CrawlFlags): boolean => urls.length + warc.length > 0;

/** Without seeds of its own a crawl from lists leaves the seeds of `lait.yaml` alone. */
export function seedsOf({
  settings,
  args,
  flags = {},
}: Pick<CommandContext<'crawl', CrawlFlags>, 'settings' | 'args'> & { flags?: CrawlFlags }): readonly string[] {
  if (args.length > 0) return args;
  return hasLists(flags) ? [] : settings.seeds;
}

/** The settings as the crawl has them. Throws a UserError where it needs a browser and there is none. */
export async function crawlOptions(
  context: Pick<CommandContext<'crawl', CrawlFlags>, 'corpusDir' | 'settings' | 'args'> & { flags?: CrawlFlags },
  signing: Signing | undefined,
) {
  const { corpusDir, settings } = context;
  const {
    seeds: _,
    contact,
    signatureKey: __,
    signatureAgent: ___,
    recrawl,
    allow,
    deny,
    storeSide,
    ...rest
  } = settings;
  rest satisfies KnownTo<CrawlOptions, typeof rest>;
  const browserPath = settings.render === 'never' ? undefined : await findBrowser();
  if (settings.render === 'always' && !browserPath) throw new UserError(`Expected a browser but ${browserAdvice}.`);
  return {
    ...rest,
    seeds: seedsOf(context),
    corpusDir,
    browserSandbox: sandbox(),
    ...(contact === undefined ? {} : { contact }),
    ...(storeSide === undefined ? {} : { storeSide }),
    ...(signing === undefined ? {} : { signing }),
    ...(browserPath === undefined ? {} : { browserPath }),
    ...(recrawl === 'never' ? {} : { recrawl }),
    ...(allow.length === 0 ? {} : { allow: expressions(allow) }),
    ...(deny.length === 0 ? {} : { deny: expressions(deny) }),
  };
}

/** An operator's mistake as a rule: a name misspelt, a page that has moved, a site that wants no crawler. */
export function noLivingSeed(seeds: CrawlSummary['deadSeeds']): UserError {
  return new UserError(
    `Expected a seed that can be read but received ${namesOfSeeds(seeds)}; correct it, or run the command again later.`,
  );
}

function namesOfSeeds(seeds: CrawlSummary['deadSeeds']): string {
  const shown = seeds.slice(0, 3).map(({ url, reason }) => {
    const meaning = reason === null ? 'its host could not be reached yet' : (meaningOf(reason)?.text ?? '');
    return `${printable(url)} (${reason ?? 'waiting'}: ${meaning})`;
  });
  const rest = seeds.length > shown.length ? ` and ${count(seeds.length - shown.length)} more` : '';
  return `${shown.join(', ')}${rest}`;
}

/** What a run did, for a person. */
export function summaryTable(summary: CrawlSummary): string {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([word, n]) => `${word} ${count(n)}`)
      .join(', ');
  const rows = [
    ['pages', list(summary.pages)],
    ['images', list(summary.images)],
    ['reasons', list(summary.reasons)],
    ['rendered', summary.rendered > 0 ? `${count(summary.rendered)} pages in Chromium` : ''],
    ['pairs', summary.pairs === null ? '' : `${count(summary.pairs)} in the corpus`],
    ['not read', summary.deadSeeds.length > 0 ? `of the seeds: ${namesOfSeeds(summary.deadSeeds)}` : ''],
    ['still queued', summary.queued > 0 ? `${count(summary.queued)} URLs: ${whyStopped[summary.stoppedBy]}` : ''],
  ];
  return table(
    rows.filter(([, cell]) => cell !== ''),
    [0, 1],
  );
}

const unrenderedShown = 5;

/** Which pages need a browser and did not get one, or broke it, and what to do. */
export function withoutBrowser(ledger: Ledger, { hasBrowser }: { readonly hasBrowser: boolean }): string {
  const urls = urlsWithReasons(ledger, ['needs-browser', 'render-failed']).pages;
  if (urls.length === 0) return '';
  const failed = 'they are read as plain HTML: `lait retry --reason render-failed needs-browser` tries them again';
  const rest = urls.length > unrenderedShown ? [`… and ${count(urls.length - unrenderedShown)} more`] : [];
  const missing = `${browserAdvice}, then \`lait retry --reason needs-browser\``;
  const advice = rootNeedsNoSandbox() ? rootAdvice : hasBrowser ? failed : missing;
  return [
    `${count(urls.length)} ${urls.length === 1 ? 'page needs' : 'pages need'} scripts and could not be rendered (${advice}):`,
    ...[...urls.slice(0, unrenderedShown).map(printable), ...rest].map((line) => `  ${line}`),
  ].join('\n');
}

const whyStopped = {
  finished: 'they wait for a later run',
  'page-limit': 'maxPages was reached; run the command again to go on',
  signal: 'stopped; run the command again to go on',
  'waiting-hosts': 'their hosts asked for a longer pause; run the command again later',
} as const;
