/** `lait retry`: queues again what failed for a reason. */
import { retry as requeue } from '../crawler/retry.ts';
import { retryShared } from '../crawler/shared/retry.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import type { RetryFlags } from './call-flags.ts';
import type { CorpusContext, Nothing } from './command.ts';
import { readConfig } from './config-file.ts';
import { count } from './table.ts';

export async function retry({ corpusDir, flags, print }: CorpusContext<RetryFlags>): Promise<void> {
  const { reason: reasons, ...others } = flags;
  others satisfies Nothing;
  const { store } = readConfig(corpusDir);
  const ledger = Ledger.openExisting(corpusDir);
  try {
    const queued =
      store === undefined
        ? await requeue({ corpusDir, reasons }, { ledger })
        : await retryShared({ url: store, reasons }, { ledger });
    const { pages, images } = queued;
    const command = store === undefined ? 'crawl' : 'work';
    print(
      { pages, images },
      () => `Queued again: ${count(pages)} pages and ${count(images)} images; \`lait ${command}\` fetches them.`,
    );
  } finally {
    ledger.close();
  }
}
