/** What the ledger already says of a page: for conditional requests, and for texts that come after the page was read. */
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { PageRecord } from '../../dataset/ledger/records.ts';

/** The page's row as it was recorded; null when there is none. */
export function knownPage(ledger: Ledger, url: string): PageRecord | null {
  const row = ledger
    .statement(
      `SELECT url, status, reason, title, text, fetched_at_ms AS fetchedAtMs, etag, last_modified AS lastModified,
         rendered, license_url AS licenseUrl, rights FROM pages WHERE url = ?`,
    )
    .get(url) as (Omit<PageRecord, 'rendered' | 'rights'> & { rendered: number; rights: string | null }) | undefined;
  if (!row) return null;
  const { rendered, rights, ...rest } = row;
  return { ...rest, rendered: rendered === 1, ...(rights === null ? {} : { rights: JSON.parse(rights) }) };
}
