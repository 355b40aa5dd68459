/** Where reports went: they show pictures, so a takedown has to find them. */
import { resolve } from 'node:path';
import { fullPath, storedPath } from './exports.ts';
import type { Ledger } from './ledger.ts';

/** Remembers that a report is about to be written to this file. */
export function rememberReport(ledger: Ledger, corpusDir: string, file: string): void {
  ledger.db.prepare('INSERT INTO reports (file) VALUES (?) ON CONFLICT DO NOTHING').run(storedPath(corpusDir, file));
}

/** Every file that a report of this corpus was written to, and the one where older ones lie that nobody remembered. */
export function reportFiles(ledger: Ledger, corpusDir: string): string[] {
  const files = ledger.db.prepare('SELECT file FROM reports ORDER BY file').pluck().all() as string[];
  return [...new Set(['report.html', ...files].map((file) => resolve(fullPath(corpusDir, file))))];
}

/** How many pictures and pages were taken down: what was read from the ledger before may show one of them when this has changed. */
export const countTakenDown = (ledger: Ledger): number =>
  ledger.db
    .prepare(
      `SELECT (SELECT count(*) FROM images WHERE reason = 'taken-down') + (SELECT count(*) FROM pages WHERE reason = 'taken-down')`,
    )
    .pluck()
    .get() as number;
