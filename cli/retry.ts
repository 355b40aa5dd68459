/** `lait retry`: queues again what failed for a reason. */
import { retry as requeue } from '../crawler/retry.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import type { ToolContext } from './command.ts';
import { count } from './table.ts';

export async function retry({ corpusDir, options }: ToolContext): Promise<void> {
  const ledger = Ledger.openExisting(corpusDir);
  try {
    const reasons = (options.reason as string[] | undefined) ?? [];
    const { pages, images } = await requeue({ corpusDir, reasons }, { ledger });
    console.log(`Queued again: ${count(pages)} pages and ${count(images)} images; \`lait crawl\` fetches them.`);
  } finally {
    ledger.close();
  }
}
