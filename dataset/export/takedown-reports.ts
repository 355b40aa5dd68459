/** What a takedown does to reports, which show pictures, and to files of labels, which name them: those that it finds are deleted. */
import { rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { temporariesOf } from '../atomic-file.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { reportFiles } from '../ledger/reports.ts';
import { headOf, isLabels, isReport } from './own-files.ts';

/** Deletes all reports and labels that can be reached; `unreached` are files that one of them went to and that are gone, or are something else. */
export function deleteReports(
  ledger: Ledger,
  corpusDir: string,
): { readonly deleted: string[]; readonly unreached: string[] } {
  const { there, unreached } = findReports(ledger, corpusDir);
  for (const file of there) rmSync(file, { force: true });
  return { deleted: there, unreached };
}

/** All reports and labels that can be reached, and those that are gone or something else. */
export function findReports(
  ledger: Ledger,
  corpusDir: string,
): { readonly there: string[]; readonly unreached: string[] } {
  const there: string[] = [];
  const unreached: string[] = [];
  const [report, labels] = ['report.html', 'labels.jsonl'].map((name) => resolve(corpusDir, name));
  for (const file of reportFiles(ledger, corpusDir)) {
    const isOwn = file === report || file === labels;
    there.push(...temporariesOf(file));
    const isThere = statSync(file, { throwIfNoEntry: false })?.isFile() === true;
    if (isThere && (file === report || isOurs(file))) there.push(isOwn ? join(corpusDir, basename(file)) : file);
    else if (!isOwn) unreached.push(file);
  }
  return { there, unreached };
}

function isOurs(file: string): boolean {
  const head = headOf(file);
  return isReport(head) || isLabels(head);
}
