/** Where the pictures of a shared crawl lie in S3: their workers have put them there, and other machines read them there. */
import type { Ledger } from './ledger.ts';

/** `PART/raw/` has the segment, and that the picture's bytes: the original ones, or a smaller JPEG. */
export interface WorkPlace {
  /** `s3://BUCKET/PREFIX/work`, whatever `blobs` has become since; '' where it was not noted, by an earlier lait. */
  readonly place: string;
  readonly part: string;
  readonly segment: number;
  readonly offset: number;
  readonly byteLength: number;
}

/** A place, and the SHA-256 of the original. */
export interface WorkPicture extends WorkPlace {
  readonly sha256: string;
}

/**
 * To be called within the transaction that has recorded the pictures, by their URLs: those that it refused as taken down are to be
 * erased there too.
 */
export function noteWorkPictures(
  ledger: Ledger,
  pictures: readonly { readonly url: string; readonly picture: WorkPicture }[],
): void {
  const note = ledger.statement(
    `INSERT INTO work_pictures (sha256, place, part, segment, offset, byte_length, refused)
     VALUES (?, ?, ?, ?, ?, ?, EXISTS (SELECT 1 FROM images WHERE url = ? AND status = 'refused' AND reason = 'taken-down'))
     ON CONFLICT DO UPDATE SET refused = max(refused, excluded.refused)`,
  );
  for (const { url, picture } of pictures) {
    const { sha256, place, part, segment, offset, byteLength } = picture;
    note.run(sha256, place, part, segment, offset, byteLength, url);
  }
}

/** What a takedown has to erase where workers have put it; what was refused by its URL alone stays while another URL has the same bytes. */
export const takenDownWorkPictures = (ledger: Ledger): WorkPicture[] =>
  ledger.db
    .prepare(
      `SELECT sha256, place, part, segment, offset, byte_length AS byteLength FROM work_pictures w
         WHERE refused = 1 AND NOT EXISTS (SELECT 1 FROM images i WHERE i.sha256 = w.sha256 AND i.segment IS NOT NULL)
       UNION SELECT w.sha256, place, part, segment, offset, byte_length
         FROM (SELECT DISTINCT value FROM tombstones WHERE kind = 'sha256') t CROSS JOIN work_pictures w ON w.sha256 = t.value
       ORDER BY place, part, segment, offset`,
    )
    .all() as WorkPicture[];

/** To be called when their bytes are gone. */
export function forgetWorkPictures(ledger: Ledger, pictures: readonly WorkPicture[]): void {
  const forget = ledger.statement(
    'DELETE FROM work_pictures WHERE sha256 = ? AND place = ? AND part = ? AND segment = ? AND offset = ?',
  );
  for (const { sha256, place, part, segment, offset } of pictures) forget.run(sha256, place, part, segment, offset);
}

/** Where pictures were put; '' where that was not noted. */
export const workPlaces = (ledger: Ledger): string[] =>
  ledger.db.prepare('SELECT DISTINCT place FROM work_pictures ORDER BY place').pluck().all() as string[];

/** To be called when a place is gone for good. */
export function forgetWorkPlace(ledger: Ledger, place: string): void {
  ledger.statement('DELETE FROM work_pictures WHERE place = ?').run(place);
}

/** All places of a picture. */
export const workPlacesOf = (ledger: Ledger, sha256: string): WorkPlace[] =>
  ledger
    .statement(
      'SELECT place, part, segment, offset, byte_length AS byteLength FROM work_pictures WHERE sha256 = ? ORDER BY place, part, segment, offset',
    )
    .all(sha256) as WorkPlace[];
