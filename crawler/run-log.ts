/** `runs.jsonl` in a corpus: one line for every crawl that ended, for machines to read. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

/** Appends one line; a line is short enough to be written whole or not at all. */
export function logRun(corpusDir: string, run: Readonly<Record<string, unknown>>): void {
  appendFileSync(join(corpusDir, 'runs.jsonl'), `${JSON.stringify(run)}\n`);
}
