/** Erases taken-down pictures where workers have put them into S3: zeros in their place, so that all other places stay true. */
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { readBlob } from '../../dataset/blobs/open.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { forgetWorkPictures, takenDownWorkPictures, type WorkPicture } from '../../dataset/ledger/work-pictures.ts';
import { blockBytes, tarHeader } from '../../dataset/shards/tar-header.ts';
import { segmentKey } from './parts.ts';

/** Larger than any segment: one has 64 MiB, or one picture. */
const maxSegmentBytes = 2 ** 31 - 1;

/**
 * Erases all that a ledger has a tombstone for and knows a place of, and then forgets the places: killed, it is done by the next call. `blobs` is
 * `work` of the place. Returns how many pictures there were. Throws a UserError where S3 refuses.
 */
export async function eraseTakenDown(ledger: Ledger, blobs: Blobs, signal?: AbortSignal): Promise<number> {
  const bySegment = new Map<string, WorkPicture[]>();
  for (const one of takenDownWorkPictures(ledger)) {
    const key = segmentKey(one.part, one.segment);
    bySegment.set(key, [...(bySegment.get(key) ?? []), one]);
  }
  let erased = 0;
  for (const [key, places] of bySegment) {
    signal?.throwIfAborted();
    await eraseInSegment(blobs, key, places, signal);
    await ledger.writeWhenFree(() => forgetWorkPictures(ledger, places));
    erased += places.length;
  }
  return erased;
}

async function eraseInSegment(
  blobs: Blobs,
  key: string,
  places: readonly WorkPicture[],
  signal?: AbortSignal,
): Promise<void> {
  for (;;) {
    const facts = await blobs.facts(key, signal);
    if (facts === null) return;
    const bytes = await readBlob(blobs, key, { maxBytes: maxSegmentBytes, signal });
    if (bytes === null) return;
    for (const { offset, byteLength } of places) {
      if (offset + byteLength > bytes.length) continue;
      tarHeader('removed', byteLength).copy(bytes, offset - blockBytes);
      bytes.fill(0, offset, offset + byteLength);
    }
    // Another takedown may have written it meanwhile.
    const condition = { ifVersion: facts.version };
    if ((await blobs.put(key, bytes, { condition, signal })) !== null) return;
  }
}
