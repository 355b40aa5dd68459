/** Pictures that the ledger has and `raw/` has not: a segment that is gone, or ends before. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from './ledger.ts';
import { committedSegmentEnds, segmentName } from './raw-store.ts';

/** A segment that lacks bytes. */
export interface CutSegment {
  /** `raw/000000.tar`. */
  readonly path: string;
  readonly segment: number;
  /** Null when it is gone. */
  readonly bytes: number | null;
  readonly expectedBytes: number;
}

/** Segments that are gone or end before their last picture. Looks at sizes alone. */
export function cutSegments(ledger: Ledger, corpusDir: string): CutSegment[] {
  return committedSegmentEnds(ledger).flatMap(({ segment, end }) => {
    const path = `raw/${segmentName(segment)}`;
    const bytes = statSync(join(corpusDir, path), { throwIfNoEntry: false })?.size ?? null;
    return bytes !== null && bytes >= end ? [] : [{ path, segment, bytes, expectedBytes: end }];
  });
}

/** Tells whether `raw/` has the bytes of a picture that lies here, as far as the sizes of its segments say. */
export function storedPlaces(
  ledger: Ledger,
  corpusDir: string,
): (place: { readonly segment: number; readonly offset: number; readonly byteLength: number }) => boolean {
  const cut = new Map(cutSegments(ledger, corpusDir).map(({ segment, bytes }) => [segment, bytes ?? -1]));
  return ({ segment, offset, byteLength }) => offset + byteLength <= (cut.get(segment) ?? Number.POSITIVE_INFINITY);
}

/** Makes the ledger say that these pictures are still to be fetched, and returns their URLs. */
export function forgetLostPictures(ledger: Ledger, cut: readonly CutSegment[]): string[] {
  const forget = ledger.db
    .prepare(
      `UPDATE images SET status = 'pending', reason = NULL, etag = NULL, last_modified = NULL, sha256 = NULL, phash = NULL, segment = NULL,
         offset = NULL, resized = NULL WHERE segment = ? AND offset + byte_length > ? RETURNING url`,
    )
    .pluck();
  const forgetReplaced = ledger.db.prepare(
    'DELETE FROM replaced_images WHERE segment = ? AND offset + byte_length > ?',
  );
  return ledger.write(() =>
    cut.flatMap(({ segment, bytes }) => {
      const urls = forget.all(segment, bytes ?? -1) as string[];
      forgetReplaced.run(segment, bytes ?? -1); // also what the line above has just put there
      return urls;
    }),
  );
}
