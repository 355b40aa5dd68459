/** What a takedown does to reports, which show pictures, and to files of labels, which name them: those that it finds are deleted. */
import { closeSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { temporariesOf } from '../atomic-file.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { reportFiles } from '../ledger/reports.ts';

/** Stands in the head of every report, so that no other file of its name is taken for one. */
export const reportMark = '<meta name="generator" content="lait report">';

/** How every file of `lait labels export` begins: its lines have the id of the pair first. */
export const labelsMark = '{"uid":"';

const headBytes = 4096;

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
    if (isThere && (file === report || isReport(file))) there.push(isOwn ? join(corpusDir, basename(file)) : file);
    else if (!isOwn) unreached.push(file);
  }
  return { there, unreached };
}

/** Whether a file begins as a report does, or as labels: with a line that names a pair and what was said of it. */
function isReport(file: string): boolean {
  const head = Buffer.alloc(headBytes);
  const fd = openSync(file, 'r');
  try {
    const text = head.toString('utf8', 0, readSync(fd, head, 0, headBytes, 0));
    return text.includes(reportMark) || text.startsWith(labelsMark);
  } finally {
    closeSync(fd);
  }
}
