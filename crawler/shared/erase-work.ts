/** Erases taken-down pictures where workers have put them into S3: zeros in their place, so that all other places stay true. */
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { openBlobs, readBlob } from '../../dataset/blobs/open.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { forgetWorkPictures, takenDownWorkPictures, type WorkPicture } from '../../dataset/ledger/work-pictures.ts';
import { blockBytes, tarHeader } from '../../dataset/shards/tar-header.ts';
import { UserError } from '../../dataset/user-error.ts';
import { segmentKey } from './parts.ts';

/** Larger than any segment: one has 64 MiB, or one picture. */
const maxSegmentBytes = 2 ** 31 - 1;

/** How a place is called that was not noted. No bucket has such a name. */
export const unnoted = 'unknown-blobs/work';

export interface EraseOptions {
  /** `work` of what `blobs` is now: pictures of which nobody has noted where they were put are looked for there. */
  readonly work: string | undefined;
  /** Does it for one place, which may be away. */
  readonly at: (place: string, work: () => Promise<unknown>) => Promise<unknown>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Erases all that a ledger has a tombstone for and knows a place of, wherever that is, and then forgets it: killed, it is done by the next
 * call. Returns how many pictures there were.
 */
export async function eraseTakenDown(ledger: Ledger, { work, at, signal }: EraseOptions): Promise<number> {
  let erased = 0;
  for (const [place, pictures] of grouped(takenDownWorkPictures(ledger), ({ place: one }) => one)) {
    await at(place || unnoted, async () => {
      const blobs = place || work ? await openBlobs(place || work!) : null;
      const missing = new Set<string>();
      for (const [key, some] of grouped(pictures, ({ part, segment }) => segmentKey(part, segment))) {
        signal?.throwIfAborted();
        const isThere = blobs !== null && (await eraseInSegment(blobs, key, some, signal));
        // What is not where it was put has been removed. Where it was put elsewhere, nothing is known of it.
        if (!isThere && place === '') {
          missing.add(key);
          continue;
        }
        await ledger.writeWhenFree(() => forgetWorkPictures(ledger, some));
        erased += some.length;
      }
      if (missing.size > 0) throw notFound(missing, work);
    });
  }
  return erased;
}

function grouped(pictures: readonly WorkPicture[], by: (one: WorkPicture) => string): Map<string, WorkPicture[]> {
  const groups = new Map<string, WorkPicture[]>();
  for (const one of pictures) {
    const group = groups.get(by(one));
    if (group === undefined) groups.set(by(one), [one]);
    else group.push(one);
  }
  return groups;
}

function notFound(missing: ReadonlySet<string>, work: string | undefined): UserError {
  const [first] = missing;
  const where = work === undefined ? 'lait.yaml names no blobs' : `${work} does not have it`;
  return new UserError(
    `Expected ${first} (${missing.size} segments in all) where an earlier lait has collected workers' pictures but ${where}; name the blobs that it was collected from.`,
  );
}

/** Whether there is such a segment. */
async function eraseInSegment(
  blobs: Blobs,
  key: string,
  places: readonly WorkPicture[],
  signal?: AbortSignal,
): Promise<boolean> {
  for (;;) {
    const facts = await blobs.facts(key, signal);
    if (facts === null) return false;
    const bytes = await readBlob(blobs, key, { maxBytes: maxSegmentBytes, signal });
    if (bytes === null) return false;
    for (const { offset, byteLength } of places) {
      if (offset + byteLength > bytes.length) continue;
      tarHeader('removed', byteLength).copy(bytes, offset - blockBytes);
      bytes.fill(0, offset, offset + byteLength);
    }
    // Another takedown may have written it meanwhile.
    const condition = { ifVersion: facts.version };
    if ((await blobs.put(key, bytes, { condition, signal })) !== null) return true;
  }
}
