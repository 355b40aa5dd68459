/**
 * Reads all kept pages once more, without a request: what a better extractor finds in them now is what the ledger has
 * afterwards. Pairs that are no longer found end, new ones appear, and images that are new are queued for the next crawl.
 */
import { join } from 'node:path';
import { withCleanup } from '../dataset/cleanup.ts';
import { asVisited, knownPage, makeDurable } from '../dataset/ledger/crawled.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { type KeptPage, keptPages, openPageStore } from '../dataset/ledger/page-store.ts';
import { inlineLicences } from './fetch/licences.ts';
import { type RecordedPage, readPageRecords } from './fetch/page-records.ts';
import { beginArchive } from './frontier/archives.ts';
import { holdFrontier } from './frontier/open.ts';
import { openPageBatches } from './frontier/page-batches.ts';
import { refuseRepeatedImages } from './frontier/repeated-images.ts';
import { pairEndOf } from './frontier/revisit.ts';
import { withSitemapTexts } from './frontier/sitemap-texts.ts';
import { headerReferrerPolicy } from './policy/referrer.ts';
import { type Headers, rightsOf } from './policy/rights.ts';
import { inOrder } from './workers/in-order.ts';
import type { ReadPage } from './workers/tasks.ts';
import { workersUntil } from './workers/workers.ts';

export interface ExtractSummary {
  readonly pages: number;
  /** Images that were not known. */
  readonly queued: number;
  /**
   * Pages that stay as they were: they were read later and not kept then, their record is no page, reading them costs too much now, or has
   * ended the process again and again.
   */
  readonly unread: number;
}

/** What a kept page has now. */
interface ReadAgain {
  readonly url: string;
  readonly headers: Headers;
  readonly readAtMs: number;
  readonly page: ReadPage;
}

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
    // What ends the process is found as in an archive of others.
    const archive = beginArchive(frontier.db, join(corpusDir, 'pages'));
    let isWhole = false;
    defer(() => archive.end(isWhole));
    const store = openPageStore(corpusDir);
    defer(() => store.close());
    makeDurable(ledger);
    let pages = 0;
    let queued = 0;
    let unread = 0;
    const batches = openPageBatches(
      { ledger, frontier },
      {
        // Whatever came of the last visit, what is kept was read.
        endOf: (page) => pairEndOf({ ...page, status: page.status === 'refused' ? 'refused' : 'fetched' }),
        onCommit(committed) {
          pages += committed.pages.length;
          unread += committed.older;
          queued += committed.queued;
          onProgress?.(pages);
        },
      },
    );
    const workers = workersUntil(signal, defer);
    const readPage = async ({ url, html, headers, readAtMs }: RecordedPage): Promise<ReadAgain | null> => {
      const referrerPolicy = headerReferrerPolicy(headers['referrer-policy']);
      const read = await workers.run('renderedPage', { html, url, referrerPolicy });
      if (read.done) return { url, headers, readAtMs, page: read.value };
      if (read.reason === 'too-costly') unread += 1;
      return null;
    };
    const readAgain = async (kept: KeptPage): Promise<{ readonly kept: KeptPage; readonly read: ReadAgain | null }> => {
      if (archive.isGivenUp(kept.url)) {
        unread += 1;
        return { kept, read: null };
      }
      if (archive.isAlone) archive.open(kept.url);
      const recorded = await readPageRecords(store.read(kept));
      if (recorded === null) unread += 1;
      const read = recorded && (await readPage(recorded));
      if (archive.isAlone) archive.close(kept.url);
      return { kept, read };
    };
    for await (const { kept, read } of inOrder(keptPages(ledger), readAgain, archive.isAlone ? 1 : workers.ahead)) {
      if (signal?.aborted) break;
      const known = knownPage(ledger, kept.url);
      if (read === null || known === null) continue;
      const before = asVisited(known);
      const { url, headers, readAtMs, page } = read;
      const { images, meta, title, text, licenseUrl, rslInline } = page;
      const rights = rightsOf({ headers, meta, url, tdmrep: [], robotsUsage: [], licences: inlineLicences(rslInline) });
      await batches.add({
        page: {
          ...before,
          ...(rights.refused ? { status: 'refused', reason: rights.refused } : {}),
          title,
          text,
          readAtMs,
          licenseUrl,
          rights: { ...before.rights, ...rights.evidence },
        },
        found: rights.refused ? [] : withSitemapTexts(images, frontier.sitemapTexts(kept.url)),
      });
    }
    await batches.flush();
    await ledger.writeWhenFree(() => refuseRepeatedImages(ledger, frontier));
    isWhole = !signal?.aborted;
    return { pages, queued, unread };
  });
}
