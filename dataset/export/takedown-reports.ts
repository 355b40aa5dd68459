/** What a takedown does to reports, which show pictures: those that it finds are deleted. */
import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Ledger } from '../ledger/ledger.ts';
import { reportFiles } from '../ledger/reports.ts';

/** Stands in the head of every report, so that no other file of its name is taken for one. */
export const reportMark = '<meta name="generator" content="lait report">';

const headBytes = 4096;

/** Deletes all reports that can be reached; `unreached` are files that a report went to and that are gone, or are something else. */
export function deleteReports(
  ledger: Ledger,
  corpusDir: string,
): { readonly deleted: string[]; readonly unreached: string[] } {
  const deleted: string[] = [];
  const unreached: string[] = [];
  const own = resolve(corpusDir, 'report.html');
  for (const file of reportFiles(ledger, corpusDir)) {
    const isThere = statSync(file, { throwIfNoEntry: false })?.isFile() === true;
    if (isThere && (file === own || isReport(file))) {
      rmSync(file);
      deleted.push(file === own ? join(corpusDir, 'report.html') : file);
    } else if (file !== own) unreached.push(file);
  }
  return { deleted, unreached };
}

function isReport(file: string): boolean {
  const head = Buffer.alloc(headBytes);
  const fd = openSync(file, 'r');
  try {
    return head.toString('utf8', 0, readSync(fd, head, 0, headBytes, 0)).includes(reportMark);
  } finally {
    closeSync(fd);
  }
}
