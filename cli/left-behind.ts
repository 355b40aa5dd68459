/** A command that fails leaves no corpus behind that it made and recorded nothing in. */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { lockPart } from '../dataset/corpus-lock.ts';

/** The folders on the way to a corpus that are not there, the innermost first. */
export function missingFolders(corpusDir: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(corpusDir); !existsSync(at); at = dirname(at)) missing.push(at);
  return missing;
}

/**
 * Removes folders that a command made for its corpus (see `missingFolders`), where all that lies in the corpus are databases without a row and what goes
 * with them. Whatever else is there stays, and so does all of it while another process works on the corpus.
 */
export function removeLeftBehind(missing: readonly string[]): void {
  const [corpusDir] = missing;
  if (corpusDir === undefined || !existsSync(corpusDir)) return;
  try {
    if (readdirSync(corpusDir).length > 0) {
      if (!isUnused(corpusDir)) return;
      const unlock = lockPart(corpusDir, 'crawl');
      try {
        if (!isUnused(corpusDir)) return;
        for (const name of readdirSync(corpusDir).filter((one) => databaseFile.test(one)))
          rmSync(join(corpusDir, name), { force: true });
      } finally {
        unlock();
      }
      rmSync(join(corpusDir, 'locks'), { recursive: true, force: true });
      for (const name of readdirSync(corpusDir)) rmdirSync(join(corpusDir, name));
    }
    for (const folder of missing) rmdirSync(folder);
  } catch {
    // Somebody else has come meanwhile, or it may not be removed: the command's own error is what is told.
  }
}

const databaseFile = /^(ledger|frontier)\.db(-wal|-shm)?$/;

/** Whether nothing was recorded: databases whose tables of what was found are empty, locks, and empty folders. */
function isUnused(corpusDir: string): boolean {
  const entries = readdirSync(corpusDir, { withFileTypes: true });
  return (
    entries.every(
      (entry) =>
        databaseFile.test(entry.name) ||
        (entry.isDirectory() && (entry.name === 'locks' || readdirSync(join(corpusDir, entry.name)).length === 0)),
    ) &&
    isEmpty(join(corpusDir, 'ledger.db'), ['pages', 'images', 'pairs', 'tombstones', 'exports']) &&
    isEmpty(join(corpusDir, 'frontier.db'), ['urls', 'seeds'])
  );
}

function isEmpty(path: string, tables: readonly string[]): boolean {
  if (!existsSync(path)) return true;
  const db = new Database(path, { readonly: true });
  try {
    return tables.every((table) => db.prepare(`SELECT 1 FROM ${table} LIMIT 1`).get() === undefined);
  } finally {
    db.close();
  }
}
