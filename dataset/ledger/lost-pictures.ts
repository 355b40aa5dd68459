/** Pictures that the ledger has and `raw/` has not: a segment that is gone, or ends before. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from './ledger.ts';
import { committedSegmentEnds, NoSegments, segmentName, segments } from './raw-store.ts';

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

/** The reason for which a pair is dropped whose picture is gone. */
export const rawMissing = 'raw-missing';

/** Tells whether `raw/` has the bytes of a picture that lies here, as far as the sizes of its segments say. Throws a NoSegments where it has none. */
export function storedPlaces(
  ledger: Ledger,
  corpusDir: string,
): (place: { readonly segment: number; readonly offset: number; readonly byteLength: number }) => boolean {
  const cuts = cutSegments(ledger, corpusDir);
  const folder = join(corpusDir, 'raw');
  const isThere = cuts.length === 0 || segments(folder).length > 0;
  const cut = new Map(cuts.map(({ segment, bytes }) => [segment, bytes ?? -1]));
  return ({ segment, offset, byteLength }) => {
    if (!isThere) throw new NoSegments(folder);
    return offset + byteLength <= (cut.get(segment) ?? Number.POSITIVE_INFINITY);
  };
}

/** Has the pairs judged again that were dropped for want of a picture which `raw/` has now. */
export function judgeFoundPictures(ledger: Ledger, corpusDir: string): void {
  const missing = ledger.db
    .prepare(
      `SELECT p.rowid AS row, i.segment, i.offset, i.byte_length AS byteLength FROM pairs p JOIN images i ON i.id = p.image_id
       WHERE p.drop_reason = ? AND p.judged_by IS NOT NULL AND i.segment IS NOT NULL`,
    )
    .all(rawMissing) as { row: number; segment: number; offset: number; byteLength: number }[];
  if (missing.length === 0) return;
  const isStored = storedPlaces(ledger, corpusDir);
  const forget = ledger.db.prepare('UPDATE pairs SET judged_by = NULL WHERE rowid = ?');
  ledger.write(() => {
    for (const { row, ...place } of missing) if (isStored(place)) forget.run(row);
  });
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
