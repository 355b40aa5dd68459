/**
 * Reads all kept pages once more, without a request: what a better extractor finds in them now is what the ledger has
 * afterwards. Pairs that are no longer found end, new ones appear, and images that are new are queued for the next crawl.
 */
import { withCleanup } from '../dataset/cleanup.ts';
import { atomically, knownPage, makeDurable } from '../dataset/ledger/crawled.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { keptPages, openPageStore } from '../dataset/ledger/page-store.ts';
import type { FoundImage, PageRecord } from '../dataset/ledger/records.ts';
import { inlineLicences } from './fetch/licences.ts';
import { readPageRecords } from './fetch/page-records.ts';
import { openFrontier } from './frontier/open.ts';
import { removeRepeatedImages } from './frontier/repeated-images.ts';
import { pairEndOf } from './frontier/revisit.ts';
import { lockCorpus } from './frontier/run-lock.ts';
import { withSitemapTexts } from './frontier/sitemap-texts.ts';
import { extractPage } from './page/extract.ts';
import { priority } from './policy/priority.ts';
import { headerReferrerPolicy } from './policy/referrer.ts';
import { rightsOf } from './policy/rights.ts';

export interface ExtractSummary {
  readonly pages: number;
  /** Images that were not known. */
  readonly queued: number;
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
    defer(lockCorpus(corpusDir));
    const frontier = openFrontier(corpusDir, ledger);
    defer(() => frontier.close());
    const store = openPageStore(corpusDir);
    defer(() => store.close());
    makeDurable(ledger);
    let pages = 0;
    let queued = 0;
    let batch: { readonly page: PageRecord; readonly found: readonly FoundImage[] }[] = [];
    const flush = (): void => {
      atomically(ledger, () => {
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
          found.map(({ texts: _, ...address }) => ({ ...address, kind: 'image', depth: 1, priority: priority.image })),
        );
      });
      pages += batch.length;
      batch = [];
      onProgress?.(pages);
    };
    for (const kept of keptPages(ledger)) {
      if (signal?.aborted) break;
      const recorded = await readPageRecords(store.read(kept));
      const known = knownPage(ledger, kept.url);
      if (recorded === null || known === null) continue;
      const { hasOrigins: _, ...before } = known;
      const { url, html, headers } = recorded;
      const { images, meta, title, text, licenseUrl, rslInline } = extractPage(
        html,
        url,
        headerReferrerPolicy(headers['referrer-policy']),
      );
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
      if (batch.length >= batchPages) flush();
    }
    flush();
    removeRepeatedImages(ledger, frontier);
    return { pages, queued };
  });
}
