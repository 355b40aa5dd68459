/**
 * What of an outcome goes into the ledger: rows of pages, pairs and images, the bytes of pictures into the raw store, and pages into
 * theirs. Recording twice changes nothing.
 */
import { createHash } from 'node:crypto';
import { countCommit } from '../../dataset/ledger/corpus-mark.ts';
import { knownPage, refuseNewImage, skipPage } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { keepPage, type PageStore } from '../../dataset/ledger/page-store.ts';
import type { RawStore } from '../../dataset/ledger/raw-store.ts';
import type { StoredImage } from '../../dataset/ledger/records.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import type { Reason } from '../policy/reasons.ts';
import type { Claim } from './claim.ts';
import type { DecodedImage, FetchOutcome } from './outcome.ts';
import { rememberIn } from './remember.ts';
import { pairEndOf } from './revisit.ts';

/** What is recorded of an outcome. */
export type Recordable = Pick<
  FetchOutcome,
  'page' | 'redirected' | 'found' | 'refused' | 'trapped' | 'image' | 'decoded' | 'records' | 'sitemapTexts'
> & { readonly claim: Pick<Claim, 'writtenUrl' | 'depth'> };

export interface Recorded {
  /** What sitemaps say of pages that were read before, and how many links from a seed the sitemap is. */
  readonly late: readonly { readonly text: SitemapTexts; readonly depth: number }[];
  /** How many batches the ledger has now. */
  readonly commits: number;
}

/** Returns the function that records a batch. To be called within a transaction, which commits after it: its bytes are on the disk then. */
export function openRecord({
  ledger,
  raw,
  pages,
}: {
  readonly ledger: Ledger;
  readonly raw: RawStore;
  readonly pages?: PageStore;
}): (outcomes: readonly Recordable[]) => Recorded {
  let appended = false;
  // Decoration that is found on every page costs nothing.
  const refusedBefore = new Set<string>();

  const store = ({ bytes, measured, smaller }: DecodedImage): StoredImage => {
    const known = ledger.storedAt(measured.sha256, smaller?.resized ?? null);
    if (known) return { ...measured, ...known };
    appended = true;
    const { sha256 } = measured;
    const format = smaller === null ? measured.format : 'jpg';
    const stored = smaller?.bytes ?? bytes;
    const place = raw.append({ sha256, format, bytes: stored });
    return { ...measured, ...place, byteLength: stored.length, resized: smaller?.resized ?? null };
  };

  /** Asked before its bytes are appended: a row without a picture would leave them where no takedown finds them. */
  const isRemoved = (url: string, { bytes, measured: { sha256, phash }, smaller }: DecodedImage): boolean => {
    const md5 = (): string => smaller?.resized.originalMd5 ?? createHash('md5').update(bytes).digest('hex');
    return ledger.isTakenDown({ url, sha256, phash, md5 });
  };

  /** A page that was read before its sitemap gets the sitemap's texts now. Returns whether there is such a page. */
  const addToKnownPage = ({ pageUrl, imageUrl, text }: SitemapTexts): boolean => {
    const known = knownPage(ledger, pageUrl);
    if (known?.status !== 'fetched' && known?.status !== 'unchanged') return false;
    const { hasOrigins: _, ...page } = known;
    // The same reading with one more image.
    ledger.recordPage(page, [{ url: imageUrl, texts: [{ source: 'sitemap', text }] }]);
    return true;
  };

  return (outcomes) => {
    for (const { claim, page, redirected, found, refused, trapped, image: became, decoded, records } of outcomes) {
      if (redirected) ledger.recordPage(redirected, [], pairEndOf(redirected));
      if (page) ledger.recordPage(page, found, pairEndOf(page));
      if (page && records && pages && !ledger.isTakenDown({ url: page.url }))
        keepPage(ledger, page.url, pages.append(records));
      for (const { url, reason } of refused ?? []) {
        if (refusedBefore.has(url)) continue;
        refuseNewImage(ledger, url, reason, page?.fetchedAtMs ?? Date.now());
        rememberIn(refusedBefore, url);
      }
      for (const { url, reason } of trapped ?? []) skipPage(ledger, url, reason, Date.now());
      if (!became) continue;
      const image = { ...became, writtenUrl: claim.writtenUrl ?? null };
      if (!decoded) ledger.recordImage(image);
      else if (isRemoved(image.url, decoded)) {
        ledger.recordImage({ ...image, status: 'refused', reason: 'taken-down' satisfies Reason });
      } else ledger.recordImage({ ...image, stored: store(decoded) });
    }
    // After the pages of the batch, so that the order in which page and sitemap came does not matter.
    const late = outcomes.flatMap(({ claim: { depth }, sitemapTexts = [] }) =>
      sitemapTexts.filter(addToKnownPage).map((text) => ({ text, depth })),
    );
    if (appended) raw.sync();
    pages?.sync();
    appended = false;
    return { late, commits: countCommit(ledger) };
  };
}
