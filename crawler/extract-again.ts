/**
 * Reads all kept pages once more, without a request: what a better extractor finds in them now is what the ledger has
 * afterwards. Pairs that are no longer found end, new ones appear, and images that are new are queued for the next crawl.
 */
import { withCleanup } from '../dataset/cleanup.ts';
import { knownPage, makeDurable } from '../dataset/ledger/crawled.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { type KeptPage, keptPages, openPageStore } from '../dataset/ledger/page-store.ts';
import type { FoundImage, PageRecord } from '../dataset/ledger/records.ts';
import { inlineLicences } from './fetch/licences.ts';
import { readPageRecords } from './fetch/page-records.ts';
import { holdFrontier } from './frontier/open.ts';
import { removeRepeatedImages } from './frontier/repeated-images.ts';
import { pairEndOf } from './frontier/revisit.ts';
import { withSitemapTexts } from './frontier/sitemap-texts.ts';
import { priority } from './policy/priority.ts';
import { headerReferrerPolicy } from './policy/referrer.ts';
import { type Headers, rightsOf } from './policy/rights.ts';
import { inOrder } from './workers/in-order.ts';
import type { ReadPage } from './workers/tasks.ts';
import { openWorkers } from './workers/workers.ts';

export interface ExtractSummary {
  readonly pages: number;
  /** Images that were not known. */
  readonly queued: number;
}

/** What a kept page has now. */
interface ReadAgain {
  readonly url: string;
  readonly headers: Headers;
  readonly page: ReadPage;
}

/** Pages are committed together: so many cost one sync of the disk. */
const batchPages = 50;

/** Returns how many pages were read. Stopped or killed, it may be run again. */
export async function extractAgain(
  { corpusDir }: { readonly corpusDir: string },
  {
    ledger,
    onProgress,
    signal,
  }: { readonly ledger: Ledger; readonly onProgress?: (pages: number) => void; readonly signal?: AbortSignal },
): Promise<ExtractSummary> {
  return withCleanup(async (defer) => {
    const frontier = holdFrontier(corpusDir, ledger, defer);
    const store = openPageStore(corpusDir);
    defer(() => store.close());
    makeDurable(ledger);
    let pages = 0;
    let queued = 0;
    let batch: { readonly page: PageRecord; readonly found: readonly FoundImage[] }[] = [];
    const flush = async (): Promise<void> => {
      await ledger.writeWhenFree(() => {
        for (const { page, found } of batch)
          ledger.recordPage(
            page,
            found,
            pairEndOf({ ...page, status: page.status === 'refused' ? 'refused' : 'fetched' }),
          );
      });
      frontier.atomically(() => {
        const found = batch.flatMap((one) => one.found);
        queued += frontier.add(
          found.map(({ texts: _, dominance: __, ...address }) => ({
            ...address,
            kind: 'image',
            depth: 1,
            priority: priority.image,
          })),
        );
      });
      pages += batch.length;
      batch = [];
      onProgress?.(pages);
    };
    const workers = openWorkers();
    defer(() => workers.close());
    const readAgain = async (kept: KeptPage): Promise<{ readonly kept: KeptPage; readonly read: ReadAgain | null }> => {
      const recorded = await readPageRecords(store.read(kept));
      if (recorded === null) return { kept, read: null };
      const { url, html, headers } = recorded;
      const referrerPolicy = headerReferrerPolicy(headers['referrer-policy']);
      const read = await workers.run('renderedPage', { html, url, referrerPolicy });
      return { kept, read: read.done ? { url, headers, page: read.value } : null };
    };
    for await (const { kept, read } of inOrder(keptPages(ledger), readAgain, workers.ahead)) {
      if (signal?.aborted) break;
      const known = knownPage(ledger, kept.url);
      if (read === null || known === null) continue;
      const { hasOrigins: _, ...before } = known;
      const { url, headers, page } = read;
      const { images, meta, title, text, licenseUrl, rslInline } = page;
      const rights = rightsOf({ headers, meta, url, tdmrep: [], robotsUsage: [], licences: inlineLicences(rslInline) });
      batch.push({
        page: {
          ...before,
          ...(rights.refused ? { status: 'refused', reason: rights.refused } : {}),
          title,
          text,
          licenseUrl,
          rights: { ...before.rights, ...rights.evidence },
        },
        found: rights.refused ? [] : withSitemapTexts(images, frontier.sitemapTexts(kept.url)),
      });
      if (batch.length >= batchPages) await flush();
    }
    await flush();
    await ledger.writeWhenFree(() => removeRepeatedImages(ledger, frontier));
    return { pages, queued };
  });
}
