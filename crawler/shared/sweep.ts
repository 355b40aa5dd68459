/**
 * Removes from S3 what workers have put there and no batch names: one was killed in between, or an answer was lost and the same was put
 * under the next number.
 */
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { openBlobs } from '../../dataset/blobs/open.ts';
import { within } from '../../dataset/blobs/place.ts';
import { partName } from './names.ts';
import { segmentKey } from './parts.ts';
import { batchesInOrder } from './record.ts';
import { openSharedCorpus } from './schema.ts';
import { openStore, type Store, storeFault } from './store.ts';

export interface Swept {
  readonly segments: number;
  readonly bytes: number;
}

/** Whoever ended before that has nothing under way, however wrong its clock. */
const endedForDays = 1;

/**
 * Sweeps the parts of workers that have ended a day ago, each once in each place; below `work` of `blobs`. Throws a UserError where there is no shared
 * corpus, and where S3 refuses.
 */
export async function sweepLeftOver(
  { url, blobs }: { readonly url: string; readonly blobs: string },
  signal?: AbortSignal,
): Promise<Swept> {
  const store = await openStore({ url });
  try {
    const { id: corpusId } = await openSharedCorpus(store, { create: false });
    return await sweepParts(store, await openBlobs(within(blobs, 'work')), { corpusId, signal });
  } catch (error) {
    throw storeFault(error, store.place, { isRunning: true });
  } finally {
    await store.close();
  }
}

async function sweepParts(
  store: Store,
  blobs: Blobs,
  { corpusId, signal }: { readonly corpusId: string; readonly signal: AbortSignal | undefined },
): Promise<Swept> {
  const workers = await store.query<{ worker: string; to: number }>(
    `SELECT id AS worker, batch::float8 AS "to" FROM lait.workers
     WHERE ended_at < now() - $1 * interval '1 day' AND swept IS DISTINCT FROM $2 ORDER BY id`,
    [endedForDays, blobs.place],
  );
  let [segments, bytes] = [0, 0];
  for (const { worker, to } of workers) {
    const part = partName(corpusId, worker);
    const there = new Map<string, number>();
    for await (const { key, byteLength } of blobs.list(`${part}/raw/`, signal)) there.set(key, byteLength);
    if (there.size > 0) {
      for await (const { outcomes } of batchesInOrder(store, [{ worker, from: 0, to }])) {
        signal?.throwIfAborted();
        for (const { stored } of outcomes) if (stored) there.delete(segmentKey(part, stored.place.segment));
      }
    }
    await blobs.remove([...there.keys()], signal);
    await store.query(`UPDATE lait.workers SET swept = $2 WHERE id = $1`, [worker, blobs.place]);
    segments += there.size;
    for (const byteLength of there.values()) bytes += byteLength;
  }
  return { segments, bytes };
}
