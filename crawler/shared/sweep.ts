/**
 * Removes from S3 what workers have put there and no batch names: one was killed in between, or an answer was lost and the same was put
 * under the next number.
 */
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
 * Sweeps the parts of workers that have ended a day ago, each once in each place: where they have put pictures, and below `work` of `blobs` those
 * of which that is not known. Throws a UserError where there is no shared
 * corpus, and where S3 refuses.
 */
export async function sweepLeftOver(
  { url, blobs }: { readonly url: string; readonly blobs: string },
  signal?: AbortSignal,
): Promise<Swept> {
  const store = await openStore({ url });
  try {
    const { id: corpusId } = await openSharedCorpus(store, { create: false });
    return await sweepParts(store, within(blobs, 'work'), { corpusId, signal });
  } catch (error) {
    throw storeFault(error, store.place, { isRunning: true });
  } finally {
    await store.close();
  }
}

async function sweepParts(
  store: Store,
  work: string,
  { corpusId, signal }: { readonly corpusId: string; readonly signal: AbortSignal | undefined },
): Promise<Swept> {
  const workers = await store.query<{ worker: string; to: number; place: string }>(
    `SELECT id AS worker, batch::float8 AS "to", coalesce(pictures, $2) AS place FROM lait.workers
     WHERE ended_at < now() - $1 * interval '1 day' AND swept IS DISTINCT FROM coalesce(pictures, $2) ORDER BY id`,
    [endedForDays, work],
  );
  let [segments, bytes] = [0, 0];
  for (const { worker, to, place } of workers) {
    const blobs = await openBlobs(place);
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
    await store.query(`UPDATE lait.workers SET swept = $2 WHERE id = $1`, [worker, place]);
    segments += there.size;
    for (const byteLength of there.values()) bytes += byteLength;
  }
  return { segments, bytes };
}
