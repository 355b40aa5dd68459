/** What is asked of the table of pages. */
import type { Ledger } from './ledger.ts';

/** The URLs of all pages with one of these reasons, sorted. */
export function pageUrlsByReason(ledger: Ledger, reasons: readonly string[]): string[] {
  return ledger.db
    .prepare('SELECT url FROM pages WHERE reason IN (SELECT value FROM json_each(?)) ORDER BY url')
    .pluck()
    .all(JSON.stringify(reasons)) as string[];
}
