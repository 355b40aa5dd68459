/** Where the pictures of a shared crawl lie in S3, below `work/`: their workers have put them there, and other machines read them there. */
import type { Ledger } from './ledger.ts';

/** `work/PART/raw/` has the segment, and that the picture's bytes: the original ones, or a smaller JPEG. */
export interface WorkPlace {
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
    `INSERT INTO work_pictures (sha256, part, segment, offset, byte_length, refused)
     VALUES (?, ?, ?, ?, ?, EXISTS (SELECT 1 FROM images WHERE url = ? AND status = 'refused' AND reason = 'taken-down'))
     ON CONFLICT DO UPDATE SET refused = max(refused, excluded.refused)`,
  );
  for (const { url, picture } of pictures) {
    const { sha256, part, segment, offset, byteLength } = picture;
    note.run(sha256, part, segment, offset, byteLength, url);
  }
}

/** What a takedown has to erase where workers have put it; what was refused by its URL alone stays while another URL has the same bytes. */
export const takenDownWorkPictures = (ledger: Ledger): WorkPicture[] =>
  ledger.db
    .prepare(
      `SELECT sha256, part, segment, offset, byte_length AS byteLength FROM work_pictures w
         WHERE refused = 1 AND NOT EXISTS (SELECT 1 FROM images i WHERE i.sha256 = w.sha256 AND i.segment IS NOT NULL)
       UNION SELECT w.sha256, part, segment, offset, byte_length
         FROM (SELECT DISTINCT value FROM tombstones WHERE kind = 'sha256') t CROSS JOIN work_pictures w ON w.sha256 = t.value
       ORDER BY part, segment, offset`,
    )
    .all() as WorkPicture[];

/** To be called when their bytes are gone. */
export function forgetWorkPictures(ledger: Ledger, pictures: readonly WorkPicture[]): void {
  const forget = ledger.statement(
    'DELETE FROM work_pictures WHERE sha256 = ? AND part = ? AND segment = ? AND offset = ?',
  );
  for (const { sha256, part, segment, offset } of pictures) forget.run(sha256, part, segment, offset);
}

/** All places of a picture. */
export const workPlacesOf = (ledger: Ledger, sha256: string): WorkPlace[] =>
  ledger
    .statement(
      'SELECT part, segment, offset, byte_length AS byteLength FROM work_pictures WHERE sha256 = ? ORDER BY part, segment, offset',
    )
    .all(sha256) as WorkPlace[];
