/** Where reports and labels went: they show pictures, or name them and have their texts, so a takedown has to find them. */
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fullPath, storedPath } from './exports.ts';
import type { Ledger } from './ledger.ts';

/** Remembers that a report or labels are about to be written to this file, or where it leads as a link. What is no file keeps nothing. */
export function rememberReport(ledger: Ledger, corpusDir: string, path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isFile() === false) return;
  const file = there !== undefined && lstatSync(path).isSymbolicLink() ? realpathSync(path) : path;
  ledger.db.prepare('INSERT INTO reports (file) VALUES (?) ON CONFLICT DO NOTHING').run(storedPath(corpusDir, file));
}

/** Where older reports and labels lie that nobody remembered. */
const ownFiles = ['report.html', 'labels.jsonl'];

/** Every file that a report or labels of this corpus were written to, and its own. */
export function reportFiles(ledger: Ledger, corpusDir: string): string[] {
  const files = ledger.db.prepare('SELECT file FROM reports ORDER BY file').pluck().all() as string[];
  return [...new Set([...ownFiles, ...files].map((file) => resolve(fullPath(corpusDir, file))))];
}

/** How many pictures and pages were taken down: what was read from the ledger before may show one of them when this has changed. */
export const countTakenDown = (ledger: Ledger): number =>
  ledger.db
    .prepare(
      `SELECT (SELECT count(*) FROM images WHERE reason = 'taken-down') + (SELECT count(*) FROM pages WHERE reason = 'taken-down')`,
    )
    .pluck()
    .get() as number;
