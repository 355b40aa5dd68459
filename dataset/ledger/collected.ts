/** What a corpus folder has brought in of a shared crawl: the last batch of each worker. */
import type { Ledger } from './ledger.ts';

/** By worker, how many of its batches of this store are here. */
export function collectedBatches(ledger: Ledger, store: string): ReadonlyMap<string, number> {
  const rows = ledger.statement('SELECT worker, batch FROM collected WHERE store = ?').all(store) as {
    worker: string;
    batch: number;
  }[];
  return new Map(rows.map(({ worker, batch }) => [worker, batch]));
}

/** To be called within the transaction that records the batch. */
export function noteCollected(ledger: Ledger, store: string, worker: string, batch: number): void {
  ledger
    .statement(
      'INSERT INTO collected (store, worker, batch) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET batch = excluded.batch',
    )
    .run(store, worker, batch);
}
