/**
 * One crawl at a time on a corpus: an exclusive SQLite transaction on `crawl.lock`, which the operating system ends with the
 * process, however that ends, so that no stale lock can be left behind.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { UserError } from '../dataset/user-error.ts';

/** Takes the lock and returns the function that gives it back; throws a UserError when another crawl holds it. */
export function lockCorpus(corpusDir: string): () => void {
  mkdirSync(corpusDir, { recursive: true });
  const db = new Database(join(corpusDir, 'crawl.lock'), { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new UserError(
      `Expected no other crawl to be running on ${corpusDir} but received one; wait for it to end or use another corpus.`,
    );
  }
  return () => db.close();
}
