/** `lait work`: crawls with other machines on one PostgreSQL. */

import { crawl as walk } from '../crawler/crawl.ts';
import type { Signing } from '../crawler/fetch/request-signature.ts';
import { checkSeeds } from '../crawler/input/seeds.ts';
import type { ScheduledRun } from '../crawler/shared/queue-due.ts';
import { sharedWork } from '../crawler/shared/shared-work.ts';
import { type Defer, withCleanup } from '../dataset/cleanup.ts';
import { makeFolder } from '../dataset/make-folder.ts';
import type { WorkFlags } from './call-flags.ts';
import type { CommandContext, Nothing } from './command.ts';
import { crawlLine, crawlOptions, noLivingSeed, seedsOf, summaryTable } from './crawl.ts';
import type { CrawlMetrics } from './crawl-metrics.ts';
import { crawlPace } from './crawl-pace.ts';
import { startProgress } from './progress.ts';
import { signingOf } from './signing.ts';
import { storeOf } from './store.ts';

export async function work(context: CommandContext<'crawl', WorkFlags>): Promise<void> {
  const { metricsPort, only, ...others } = context.flags;
  others satisfies Nothing;
  if (only !== undefined) return (await import('./work-jobs.ts')).workOnJobs(context, { only, metricsPort });
  await crawlTogether(context, { metricsPort });
}

/** The store and the signing of a shared crawl. Throws what is wrong with its settings, before anything is asked for. */
export function checkTogether({ corpusDir, config, settings, args }: Together): {
  readonly url: string;
  readonly signing: Signing | undefined;
} {
  const url = storeOf(config, corpusDir);
  const { contact, allowPrivate } = settings;
  checkSeeds({ seeds: seedsOf({ settings, args }), allowPrivate, ...(contact === undefined ? {} : { contact }) });
  return { url, signing: signingOf(settings) };
}

type Together = Omit<CommandContext<'crawl'>, 'flags'>;

/** Crawls with the other machines until nothing is left; with `run` what is due is visited again. */
export async function crawlTogether(
  context: Together,
  { metricsPort, run }: { readonly metricsPort?: string | undefined; readonly run?: ScheduledRun },
): Promise<void> {
  const { corpusDir, config, settings, args, signal, print } = context;
  const { url, signing } = checkTogether(context);
  const options = await crawlOptions({ corpusDir, settings, args }, signing);
  makeFolder(corpusDir);
  const pace = crawlPace(settings);
  await withCleanup(async (defer) => {
    const progress = startProgress('Crawling');
    defer(() => progress.stop());
    const say = (line: string): void => progress.line(line);
    const observe = metricsPort === undefined ? undefined : await told(metricsPort, say, defer);
    const summary = await walk(options, {
      openWork: sharedWork({ url, corpusDir, blobs: config.blobs, signal, run, say, observe }),
      signal,
      onProgress: (state) => progress.update({ done: state.pages, detail: crawlLine(state, pace(state)) }),
    });
    progress.stop();
    const next = '`lait collect` brings what all workers have found into a corpus folder.';
    print(summary, () => `${summaryTable(summary)}\n${next}`);
    if (summary.isNoSeedRead) throw noLivingSeed(summary.deadSeeds);
  });
}

/** Serves the metrics of a crawl until the end. */
async function told(port: string, say: (line: string) => void, defer: Defer): Promise<CrawlMetrics['observe']> {
  const [{ serveMetrics }, { crawlMetrics }] = await Promise.all([
    import('./metrics.ts'),
    import('./crawl-metrics.ts'),
  ]);
  const { tell, observe } = crawlMetrics();
  await serveMetrics(port, { tell, say }, defer);
  return observe;
}
