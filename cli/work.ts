/** `lait work`: crawls with other machines on one PostgreSQL. */

import { crawl as walk } from '../crawler/crawl.ts';
import { checkSeeds } from '../crawler/input/seeds.ts';
import { sharedWork } from '../crawler/shared/shared-work.ts';
import { makeFolder } from '../dataset/make-folder.ts';
import type { CommandContext } from './command.ts';
import { crawlLine, crawlOptions, seedsOf, summaryTable } from './crawl.ts';
import { crawlPace } from './crawl-pace.ts';
import { startProgress } from './progress.ts';
import { signingOf } from './signing.ts';
import { storeOf } from './store.ts';

export async function work(context: CommandContext<'crawl'>): Promise<void> {
  const { corpusDir, config, settings, signal, print } = context;
  const url = storeOf(config, corpusDir);
  const { contact, allowPrivate } = settings;
  checkSeeds({ seeds: seedsOf(context), allowPrivate, ...(contact === undefined ? {} : { contact }) });
  const options = await crawlOptions(context, signingOf(settings));
  makeFolder(corpusDir);
  const pace = crawlPace(settings);
  const progress = startProgress('Crawling');
  try {
    const summary = await walk(options, {
      openWork: sharedWork({ url, corpusDir }),
      signal,
      onProgress: (state) => progress.update({ done: state.pages, detail: crawlLine(state, pace(state)) }),
    });
    progress.stop();
    const next = '`lait collect` brings what all workers have found into a corpus folder.';
    print(summary, () => `${summaryTable(summary)}\n${next}`);
  } finally {
    progress.stop();
  }
}
