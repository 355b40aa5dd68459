/** Opens the ledger of a corpus that was crawled before. Apart from command.ts, which starts without SQLite. */
import { join } from 'node:path';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { requirePath } from './command.ts';

/** Throws a UserError where there is none. */
export function openLedger(corpusDir: string): Ledger {
  requirePath(join(corpusDir, 'ledger.db'), 'a crawled corpus', 'run `lait crawl` first');
  return Ledger.open(corpusDir);
}
