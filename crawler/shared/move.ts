/** What both ways between a folder's frontier and a store need: who holds them, and rows by the thousand. */
import { inBatches } from '../../dataset/in-batches.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { Query, Store } from './store.ts';
import { openStore } from './store.ts';

/** What was moved. */
export interface Moved {
  /** It had been moved before. */
  readonly isKnown: boolean;
  readonly hosts: number;
  readonly urls: number;
  /** URLs that wait, those of origins that are put off among them. */
  readonly queued: number;
  /** Files of origins (robots.txt and what says how pictures may be used) that are known. */
  readonly origins: number;
}

/** What a move is told beside its places. */
export interface MoveWatch {
  readonly ledger: Ledger;
  readonly onProgress?: (urls: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** How long a statement may take, and the transaction may stand still meanwhile, in ms: nobody else uses the store. */
const longMs = 3_600_000;

/** Rows of a statement. */
const some = 5000;

/** A store for one long transaction. */
export const openForMove = (url: string): Promise<Store> =>
  openStore({ url, connections: 1, statementMs: longMs, standstillMs: longMs });

/** The lock of who queues URLs again, by a connection; of two who do it at once the second sees what became of the first's. */
export const retryLockKey = 5_236_825;

/** Nobody enters, and nobody queues URLs again, until the end of the transaction. */
export async function keepWorkersOut(query: Query): Promise<void> {
  await query('SELECT pg_advisory_xact_lock($1)', [retryLockKey]);
  await query('LOCK TABLE lait.workers IN EXCLUSIVE MODE');
}

/** The same until the signal comes: what the next statement throws then undoes the move. */
export const stoppable =
  (query: Query, signal: AbortSignal | undefined): Query =>
  async (text, values) => {
    signal?.throwIfAborted();
    return query(text, values);
  };

/** The rows in arrays of a statement's size. */
export const inParts = <Row>(rows: Iterable<Row>): Generator<readonly Row[]> => inBatches(rows, some);

/** The rows of a query, by a cursor of this name, within a transaction. */
export async function* rowsOf<Row extends object>(query: Query, name: string, sql: string): AsyncGenerator<Row> {
  await query(`DECLARE ${name} NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const rows = await query<Row>(`FETCH ${some} FROM ${name}`);
    yield* rows;
    if (rows.length < some) break;
  }
  await query(`CLOSE ${name}`);
}
