/** The record of a shared crawl as it is read: each worker's batches by their number, those of all workers by when they were committed. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { PageRecord } from '../../dataset/ledger/records.ts';
import type { RecordedOutcome } from './batch.ts';
import type { Store } from './store.ts';

const unpack = promisify(gunzip);

/** Of a batch, unpacked: far more than 64 outcomes have. */
const maxBatchBytes = 512_000_000;

const keysPerRead = 1000;
const batchesPerRead = 16;

/** A worker's batches after `from`, and up to `to`. */
export interface BatchSpan {
  readonly worker: string;
  readonly from: number;
  readonly to: number;
}

export interface Batch {
  readonly worker: string;
  readonly batch: number;
  readonly outcomes: readonly RecordedOutcome[];
}

interface Key {
  readonly worker: string;
  readonly batch: number;
  readonly atMs: number;
}

/** In the order in which they were committed: of two visits to a page the later one counts. `isWanted` is asked of each right before it is read. */
export async function* batchesInOrder(
  store: Store,
  spans: readonly BatchSpan[],
  isWanted: (worker: string) => boolean = () => true,
): AsyncGenerator<Batch> {
  let some: Key[] = [];
  for await (const key of keysInOrder(store, spans)) {
    if (isWanted(key.worker)) some.push(key);
    if (some.length < batchesPerRead) continue;
    yield* read(store, some);
    some = [];
  }
  yield* read(store, some);
}

async function* keysInOrder(store: Store, spans: readonly BatchSpan[]): AsyncGenerator<Key> {
  const open = spans.map((span) => ({ keys: keysOf(store, span), next: undefined as Key | undefined }));
  for (const one of open) one.next = (await one.keys.next()).value ?? undefined;
  for (;;) {
    let first: (typeof open)[number] | undefined;
    for (const one of open) {
      if (one.next !== undefined && (first === undefined || one.next.atMs < first.next!.atMs)) first = one;
    }
    if (first === undefined) return;
    yield first.next!;
    first.next = (await first.keys.next()).value ?? undefined;
  }
}

async function* keysOf(store: Store, { worker, from, to }: BatchSpan): AsyncGenerator<Key, undefined> {
  for (let after = from; after < to; ) {
    const rows = await store.query<{ batch: number; ms: number }>(
      `SELECT batch::float8 AS batch, extract(epoch FROM at)::float8 * 1000 AS ms FROM lait.batches
       WHERE worker = $1 AND batch > $2 AND batch <= $3 ORDER BY batch LIMIT $4`,
      [worker, after, to, keysPerRead],
    );
    for (const { batch, ms } of rows) yield { worker, batch, atMs: ms };
    if (rows.length < keysPerRead) return undefined;
    after = rows.at(-1)!.batch;
  }
  return undefined;
}

async function* read(store: Store, keys: readonly Key[]): AsyncGenerator<Batch> {
  if (keys.length === 0) return;
  const rows = await store.query<{ worker: string; batch: number; outcomes: Buffer }>(
    `SELECT b.worker, b.batch::float8 AS batch, b.outcomes
     FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY k (worker, batch, n) JOIN lait.batches b USING (worker, batch) ORDER BY k.n`,
    [keys.map(({ worker }) => worker), keys.map(({ batch }) => batch)],
  );
  for (const { worker, batch, outcomes } of rows) {
    const json = await unpack(outcomes, { maxOutputLength: maxBatchBytes });
    yield { worker, batch, outcomes: JSON.parse(json.toString('utf8')) as RecordedOutcome[] };
  }
}

/** What the whole record says of pages, by URL; for records that are known to be small. */
export async function recordedPages(store: Store): Promise<ReadonlyMap<string, Pick<PageRecord, 'status' | 'reason'>>> {
  const workers = await store.query<{ worker: string; to: number }>(
    'SELECT id AS worker, batch::float8 AS "to" FROM lait.workers WHERE batch > 0',
  );
  const pages = new Map<string, Pick<PageRecord, 'status' | 'reason'>>();
  for await (const { outcomes } of batchesInOrder(
    store,
    workers.map((one) => ({ ...one, from: 0 })),
  )) {
    for (const { page, redirected } of outcomes) {
      for (const one of [redirected, page]) if (one) pages.set(one.url, one);
    }
  }
  return pages;
}
