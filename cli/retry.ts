/** `lait retry`: queues again what failed for a reason. */
import { retry as requeue } from '../crawler/retry.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import type { RetryFlags } from './call-flags.ts';
import type { CorpusContext, Nothing } from './command.ts';
import { refuseShared } from './store.ts';
import { count } from './table.ts';

export async function retry({ corpusDir, flags, print }: CorpusContext<RetryFlags>): Promise<void> {
  const { reason: reasons, ...others } = flags;
  others satisfies Nothing;
  refuseShared(corpusDir, 'collect it, take store out of lait.yaml, then run `lait retry` again');
  const ledger = Ledger.openExisting(corpusDir);
  try {
    const { pages, images } = await requeue({ corpusDir, reasons }, { ledger });
    print(
      { pages, images },
      () => `Queued again: ${count(pages)} pages and ${count(images)} images; \`lait crawl\` fetches them.`,
    );
  } finally {
    ledger.close();
  }
}
