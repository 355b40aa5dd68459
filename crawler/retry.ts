/**
 * Queues again what failed for certain reasons, and nothing else (`lait retry --reason timeout-whole`); the next crawl
 * fetches it, pages whole, also where they have not changed. What a site or its owner refused is never retried.
 */
import { withCleanup } from '../dataset/cleanup.ts';
import { readWhole, reasonsGiven, urlsWithReasons } from '../dataset/ledger/crawled.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { expected } from '../dataset/user-error.ts';
import { holdFrontier } from './frontier/open.ts';
import type { UrlKind } from './frontier/schema.ts';
import { meaningOf } from './policy/reasons.ts';

/** Returns how many pages and images were queued. Throws a UserError for a reason that is never retried, or that nothing has. */
export async function retry(
  { corpusDir, reasons }: { readonly corpusDir: string; readonly reasons: readonly string[] },
  { ledger }: { readonly ledger: Ledger },
): Promise<{ readonly pages: number; readonly images: number }> {
  const { pages, images } = urlsToRetry(ledger, reasons);
  return withCleanup(async (defer) => {
    const frontier = holdFrontier(corpusDir, ledger, defer);
    await ledger.writeWhenFree(() => readWhole(ledger, pages));
    const again = (url: string, kind: UrlKind): boolean => frontier.requeue(url, kind, { isRetry: true });
    return frontier.atomically(() => {
      frontier.forgetFailures();
      return {
        pages: pages.filter((url) => again(url, 'page') || again(url, 'sitemap')).length,
        images: images.filter((url) => again(url, 'image')).length,
      };
    });
  });
}

/** What has one of these reasons. Throws as `retry` does. */
export function urlsToRetry(ledger: Ledger, reasons: readonly string[]): ReturnType<typeof urlsWithReasons> {
  const given = reasonsGiven(ledger);
  for (const reason of reasons) {
    if (isFinal(reason)) {
      throw expected('a reason of failure', 'reason', reason, 'refusals are kept; choose what went wrong on the way');
    }
  }
  for (const reason of reasons) {
    if (given.includes(reason)) continue;
    const choices = given.filter((other) => !isFinal(other)).sort();
    throw expected(
      'a reason that the ledger has',
      'reason',
      reason,
      `choose among: ${choices.join(', ') || 'none, nothing failed'}`,
    );
  }
  return urlsWithReasons(ledger, reasons);
}

const isFinal = (reason: string): boolean => meaningOf(reason)?.again === 'never';
