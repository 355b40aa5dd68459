/** What is said where another process holds a database of the corpus, the ledger or the frontier: who that is, and what to do. */
import { CorpusBusy } from '../corpus-lock.ts';
import { writerOf } from './writer-of.ts';

/** Another process is writing to a database. Nothing was written. */
export class DatabaseBusy extends CorpusBusy {
  constructor(path: string) {
    super(`${path} is being written by ${writerOf(path)}; wait for it to end, and run the same command again.`, path);
  }
}

/** Whether SQLite gave up waiting for another process. */
export const isBusy = (error: unknown): boolean => (error as { code?: unknown }).code === 'SQLITE_BUSY';
