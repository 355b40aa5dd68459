/** `lait crawl`: finds pages, images and texts, and stores them in a corpus. */
import { crawl as walk } from '../crawler/crawl.ts';
import { Ledger } from '../dataset/ledger.ts';
import { openRawStore } from '../dataset/raw-store.ts';
import { UserError } from '../dataset/user-error.ts';
import type { CommandContext } from './command.ts';
import { startProgress } from './progress.ts';
import { browserAdvice, findBrowser, sandbox } from './setup/browser.ts';
import { count, table } from './table.ts';

export async function crawl({ corpusDir, settings, args, signal }: CommandContext<'crawl'>): Promise<void> {
  const { contact, ...rest } = settings;
  const seeds = args.length > 0 ? args : settings.seeds;
  const browserPath = settings.render === 'never' ? undefined : await findBrowser();
  if (settings.render === 'always' && !browserPath) throw new UserError(`Expected a browser but ${browserAdvice}.`);
  const ledger = Ledger.open(corpusDir);
  const raw = openRawStore(corpusDir);
  const progress = startProgress('Crawling');
  try {
    const summary = await walk(
      {
        ...rest,
        seeds,
        corpusDir,
        browserSandbox: sandbox(),
        ...(contact === undefined ? {} : { contact }),
        ...(browserPath === undefined ? {} : { browserPath }),
      },
      {
        ledger,
        raw,
        signal,
        onProgress: ({ pages, images, refused, failed, queued, bytes }) =>
          progress.update({
            done: pages,
            detail: `pages, ${count(images)} images, ${count(queued)} queued, ${count(refused)} refused, ${count(failed)} failed, ${megabytes(bytes)}`,
          }),
      },
    );
    progress.stop();
    const list = (counts: Readonly<Record<string, number>>): string =>
      Object.entries(counts)
        .sort(([, a], [, b]) => b - a)
        .map(([word, n]) => `${word} ${count(n)}`)
        .join(', ');
    const rows = [
      ['pages', list(summary.pages)],
      ['images', list(summary.images)],
      ['reasons', list(summary.reasons)],
      ['rendered', `${count(summary.rendered)} pages in Chromium`],
      ['pairs', `${count(summary.pairs)} in the corpus`],
    ];
    console.log(
      table(
        rows.filter(([, cell]) => cell !== ''),
        [0, 1],
      ),
    );
    if (summary.unrendered > 0) {
      console.log(`${count(summary.unrendered)} pages need scripts and were read without: ${browserAdvice}`);
    }
    if (summary.queued > 0)
      console.log(`${count(summary.queued)} URLs are still queued (${whyStopped[summary.stoppedBy]})`);
  } finally {
    progress.stop();
    raw.close();
    ledger.close();
  }
}

const whyStopped = {
  finished: 'they wait for a later run',
  'page-limit': 'maxPages was reached; run the command again to go on',
  signal: 'stopped; run the command again to go on',
  'waiting-hosts': 'their hosts asked for a longer pause; run the command again later',
} as const;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
