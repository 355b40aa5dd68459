/**
 * Queues again what failed for certain reasons, and nothing else (`lait retry --reason timeout-whole`); the next crawl
 * fetches it. What a site or its owner refused is never retried.
 */
import { withCleanup } from '../dataset/cleanup.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { expected } from '../dataset/user-error.ts';
import { Frontier } from './frontier/frontier.ts';
import { lockCorpus } from './frontier/run-lock.ts';

const final = /^(?:rights-|robots$|taken-down|decoration-|private-address|trap-)/;

/** Returns how many pages and images were queued. Throws a UserError for a reason that is never retried, or that nothing has. */
export async function retry(
  { corpusDir, reasons }: { readonly corpusDir: string; readonly reasons: readonly string[] },
  { ledger }: { readonly ledger: Ledger },
): Promise<{ readonly pages: number; readonly images: number }> {
  for (const reason of reasons) {
    if (final.test(reason)) {
      throw expected('a reason of failure', 'reason', reason, 'refusals are kept; choose what went wrong on the way');
    }
  }
  const known = ledger.db
    .prepare(
      'SELECT reason FROM pages WHERE reason IS NOT NULL UNION SELECT reason FROM images WHERE reason IS NOT NULL',
    )
    .pluck()
    .all() as string[];
  for (const reason of reasons) {
    if (known.includes(reason)) continue;
    const choices = known
      .filter((other) => !final.test(other))
      .sort()
      .join(', ');
    throw expected(
      'a reason that the ledger has',
      'reason',
      reason,
      `choose among: ${choices || 'none, nothing failed'}`,
    );
  }
  return withCleanup((defer) => {
    defer(lockCorpus(corpusDir));
    const frontier = Frontier.open(corpusDir);
    defer(() => frontier.close());
    const urls = (table: 'pages' | 'images'): string[] =>
      ledger.db
        .prepare(`SELECT url FROM ${table} WHERE reason IN (SELECT value FROM json_each(?))`)
        .pluck()
        .all(JSON.stringify(reasons)) as string[];
    return frontier.atomically(() => {
      frontier.forgetFailures();
      return {
        pages: urls('pages').filter((url) => frontier.requeue(url, 'page')).length,
        images: urls('images').filter((url) => frontier.requeue(url, 'image')).length,
      };
    });
  });
}
