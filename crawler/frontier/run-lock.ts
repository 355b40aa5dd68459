/**
 * One crawl at a time on a corpus: an exclusive SQLite transaction on `crawl.lock`, which the operating system ends with the
 * process, however that ends, so that no stale lock can be left behind. Who holds it stands beside it, for the message only.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { UserError } from '../../dataset/user-error.ts';

/** Another crawl is running on the corpus. */
export class CorpusBusy extends UserError {}

/** Takes the lock and returns the function that releases it; throws a CorpusBusy that names the process which holds it. */
export function lockCorpus(corpusDir: string): () => void {
  mkdirSync(corpusDir, { recursive: true });
  const holder = join(corpusDir, 'crawl.lock.json');
  const db = new Database(join(corpusDir, 'crawl.lock'), { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new CorpusBusy(
      `Expected no other crawl to be running on ${corpusDir} but received ${whoHolds(holder)}; wait for it to end or use another corpus.`,
    );
  }
  try {
    writeFileSync(holder, JSON.stringify({ pid: process.pid, startedAt: new Date().toISOString() }));
  } catch (error) {
    db.close();
    throw error;
  }
  return () => {
    try {
      rmSync(holder, { force: true });
    } finally {
      db.close();
    }
  };
}

/** The holder may have just begun, or be writing the file. */
function whoHolds(holder: string): string {
  try {
    const { pid, startedAt } = JSON.parse(readFileSync(holder, 'utf8')) as { pid: unknown; startedAt: unknown };
    return `process ${pid}, which began at ${startedAt}`;
  } catch {
    return 'another process';
  }
}
