/** How a crawl is doing, by what it has written: its newest pages and pictures, and what became of all URLs. */
import { type BrowsedPair, browsedColumns } from './browse.ts';
import type { Ledger } from './ledger.ts';

/** What came last. */
export interface CrawledLately {
  /** New pages of the last minute, and pictures that were stored in it; of more than `maxRows` so many. */
  readonly pagesAMinute: number;
  readonly picturesAMinute: number;
  /** Pairs of the pictures that were stored last, one a picture. */
  readonly newest: readonly BrowsedPair[];
}

const minuteMs = 60_000;
/** Rows that are looked at for a rate: 160 a second. */
const maxRows = 10_000;

export function crawledLately(ledger: Ledger, { nowMs = Date.now(), pictures = 12 } = {}): CrawledLately {
  const since = nowMs - minuteMs;
  const pagesAMinute = ledger
    .statement(
      `SELECT count(*) FROM (SELECT fetched_at_ms AS at FROM pages ORDER BY id DESC LIMIT ${maxRows}) WHERE at > ?`,
    )
    .pluck()
    .get(since) as number;
  const picturesAMinute = ledger
    .statement(
      `SELECT count(*) FROM (SELECT fetched_at_ms AS at FROM images WHERE segment IS NOT NULL
         ORDER BY segment DESC, offset DESC LIMIT ${maxRows}) WHERE at > ?`,
    )
    .pluck()
    .get(since) as number;
  const newest = ledger
    .statement(
      `SELECT ${browsedColumns} FROM (SELECT id FROM images WHERE segment IS NOT NULL
         ORDER BY segment DESC, offset DESC LIMIT ?) n JOIN images i ON i.id = n.id
       JOIN pairs p ON p.rowid = (SELECT rowid FROM pairs WHERE image_id = i.id ORDER BY source_rank, id LIMIT 1)
       ORDER BY i.segment DESC, i.offset DESC`,
    )
    .all(pictures) as BrowsedPair[];
  return { pagesAMinute, picturesAMinute, newest };
}

/** URLs that ended alike. */
export interface OutcomeCount {
  readonly of: 'page' | 'image';
  readonly status: string;
  readonly reason: string | null;
  readonly count: number;
}

/** What became of all pages and images, most first. Reads both tables. */
export const crawlOutcomes = (ledger: Ledger): OutcomeCount[] =>
  ledger.db
    .prepare(
      `SELECT * FROM (SELECT 'page' AS of, status, reason, count(*) AS count FROM pages GROUP BY status, reason
         UNION ALL SELECT 'image', status, reason, count(*) FROM images GROUP BY status, reason)
       ORDER BY of DESC, count DESC, status, reason`,
    )
    .all() as OutcomeCount[];
