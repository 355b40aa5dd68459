/** By what the other files of a corpus know their ledger. */
import type { Ledger } from './ledger.ts';

/** What tells this ledger from all others, and how many batches of a crawl it has. */
export function corpusMark(ledger: Ledger): { readonly id: string; readonly commits: number } {
  return ledger.statement('SELECT id, commits FROM corpus').get() as { id: string; commits: number };
}

/** Counts one more batch of a crawl, within its transaction, and returns how many those are. */
export function countCommit(ledger: Ledger): number {
  return ledger.statement('UPDATE corpus SET commits = commits + 1 RETURNING commits').pluck().get() as number;
}

/** Whether pages of the web were read into it. */
export const hasWebPages = (ledger: Ledger): boolean =>
  ledger.statement(`SELECT 1 FROM pages WHERE url >= 'http' AND url < 'httq' LIMIT 1`).get() !== undefined;
