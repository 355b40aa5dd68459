/** By what a file that lait wrote is known, before another replaces it and before a takedown deletes it. */
import { closeSync, openSync, readSync } from 'node:fs';

/** Stands in the head of every report, so that no other file of its name is taken for one. */
export const reportMark = '<meta name="generator" content="lait report">';

/** How every file of `lait labels export` begins: its lines have the id of the pair first. */
const labelsMark = '{"uid":"';

const headBytes = 4096;

/** How a file begins. */
export function headOf(file: string): string {
  const head = Buffer.alloc(headBytes);
  const fd = openSync(file, 'r');
  try {
    return head.toString('utf8', 0, readSync(fd, head, 0, headBytes, 0));
  } finally {
    closeSync(fd);
  }
}

/** Whether a file begins as a report does. */
export const isReport = (head: string): boolean => head.includes(reportMark);

/** Whether a file begins as labels do: with a line that names a pair and what was said of it. */
export const isLabels = (head: string): boolean => head.startsWith(labelsMark);
