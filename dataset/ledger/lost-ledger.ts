/**
 * Whether the files of a corpus belong together. A ledger that is missing is never taken for a new one while other files of the
 * corpus are there: what they hold would be cut off, or counted as done and lost.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../user-error.ts';

/** Whether a file is there and has a content. */
export const hasContent = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;

/** What of a corpus is there without its ledger, by name; nothing where the ledger is there, or never was. */
export function leftWithoutLedger(corpusDir: string): string[] {
  if (hasContent(join(corpusDir, 'ledger.db'))) return [];
  return [
    ...['ledger.db-wal', 'frontier.db', 'frontier.db-wal'].filter((name) => hasContent(join(corpusDir, name))),
    ...['raw', 'pages'].filter((name) => hasFiles(join(corpusDir, name))),
  ];
}

/** Throws a UserError when a new ledger would be made in a corpus that had one. */
export function refuseLostLedger(corpusDir: string): void {
  const left = leftWithoutLedger(corpusDir);
  if (left.length === 0) return;
  throw new UserError(
    `Expected ledger.db in corpus ${corpusDir} beside ${left.join(', ')} but there is none, or an empty one; nothing was changed: ` +
      `put it back from a copy (with its -wal file, if it has one), or move ${left.join(', ')} away to begin anew.`,
  );
}

const hasFiles = (folder: string): boolean =>
  existsSync(folder) &&
  readdirSync(folder).some((name) => /\.(tar|warc\.gz)$/.test(name) && hasContent(join(folder, name)));
