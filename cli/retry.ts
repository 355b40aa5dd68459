/** `lait retry`: queues again what failed for a reason. */
import { join } from 'node:path';
import { retry as requeue } from '../crawler/retry.ts';
import { Ledger } from '../dataset/ledger.ts';
import { requirePath, type ToolContext } from './command.ts';
import { count } from './table.ts';

export async function retry({ corpusDir, options }: ToolContext): Promise<void> {
  requirePath(join(corpusDir, 'ledger.db'), 'a crawled corpus', 'run `lait crawl` first');
  const ledger = Ledger.open(corpusDir);
  try {
    const reasons = (options.reason as string[] | undefined) ?? [];
    const { pages, images } = requeue({ corpusDir, reasons }, { ledger });
    console.log(`Queued again: ${count(pages)} pages and ${count(images)} images; \`lait crawl\` fetches them.`);
  } finally {
    ledger.close();
  }
}
