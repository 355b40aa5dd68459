/** What `lait ledger explain` asks: everything stored about a pair, an image or a page. */

import { hostAndParents, keyOf } from '../url-key.ts';
import type { Ledger } from './ledger.ts';
import { type Gone, goneColumn } from './origins.ts';

/** A pair with its page, its image and its verdict, as stored. */
export interface StoredPair {
  readonly id: string;
  readonly imageUrl: string;
  readonly pageUrl: string;
  readonly pageTitle: string;
  readonly text: string;
  readonly cleanedText: string | null;
  readonly source: string;
  readonly judgedBy: number | null;
  readonly gone: Gone | null;
  /** When the visit was that did not find it any more, in ms since 1970. */
  readonly goneAtMs: number | null;
  /** Other pages that give it too; JSON list, sorted. */
  readonly otherPages: string;
  readonly droppedBy: string | null;
  readonly reason: string | null;
  readonly pageStatus: string;
  readonly pageReason: string | null;
  readonly pageFetchedAtMs: number;
  readonly pageRights: string | null;
  readonly licenseUrl: string | null;
  readonly imageStatus: string;
  readonly imageReason: string | null;
  readonly imageFetchedAtMs: number | null;
  readonly imageRights: string | null;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  readonly sha256: string | null;
  readonly phash: string;
  readonly segment: number | null;
  readonly offset: number | null;
  /** `Resized` as JSON; null where `raw/` has the original. */
  readonly resized: string | null;
}

/** A page or an image of which no pair was made. */
export interface WithoutPairs {
  readonly kind: 'page' | 'image';
  readonly url: string;
  readonly status: string;
  readonly reason: string | null;
}

/** What was taken down, and when. */
export interface Tombstone {
  readonly kind: string;
  readonly value: string;
  readonly note: string;
  readonly at: string;
}

/** Pairs by id (or its first 6 digits or more), by the URL of their page or image, or by the SHA-256 of their image; by id. */
export function storedPairsAbout(ledger: Ledger, what: string): StoredPair[] {
  const isPrefix = /^[0-9a-f]{6,31}$/.test(what);
  return ledger.db
    .prepare(`SELECT p.id, i.url AS imageUrl, p.page_url AS pageUrl, g.title AS pageTitle, p.text,
           p.cleaned_text AS cleanedText, p.source, ${goneColumn} AS gone,
           coalesce(p.gone_at_ms, i.fetched_at_ms) AS goneAtMs,
           (SELECT json_group_array(url) FROM (SELECT h.url FROM other_origins o JOIN pages h ON h.id = o.page_id
             WHERE o.pair_id = p.id ORDER BY h.url)) AS otherPages, p.judged_by AS judgedBy, p.dropped_by AS droppedBy,
           p.drop_reason AS reason, g.status AS pageStatus, g.reason AS pageReason, g.fetched_at_ms AS pageFetchedAtMs,
           g.rights AS pageRights, g.license_url AS licenseUrl, i.status AS imageStatus, i.reason AS imageReason,
           i.fetched_at_ms AS imageFetchedAtMs, i.rights AS imageRights, i.format, i.width, i.height,
           i.byte_length AS byteLength, i.sha256, i.phash, i.segment, i.offset, i.resized
         FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id
         WHERE p.rowid IN (
           SELECT rowid FROM pairs WHERE id = @what OR (@isPrefix AND id >= @what AND id < @what || 'g')
           UNION SELECT q.rowid FROM pairs q JOIN images j ON j.id = q.image_id WHERE j.url = @what OR j.sha256 = @what
           UNION SELECT q.rowid FROM pairs q JOIN pages h ON h.id = q.page_id WHERE h.url = @what
           UNION SELECT q.rowid FROM pages h JOIN other_origins o ON o.page_id = h.id JOIN pairs q ON q.id = o.pair_id
             WHERE h.url = @what)
         ORDER BY p.id`)
    .all({ what, isPrefix: isPrefix ? 1 : 0 }) as StoredPair[];
}

/** The page or image of this URL, or the images with this SHA-256, where no pair was made of them. */
export function withoutPairs(ledger: Ledger, what: string): WithoutPairs[] {
  return ledger.db
    .prepare(`SELECT 'page' AS kind, url, status, reason FROM pages g WHERE url = @what
           AND NOT EXISTS (SELECT 1 FROM pairs WHERE page_id = g.id)
           AND NOT EXISTS (SELECT 1 FROM other_origins WHERE page_id = g.id)
         UNION ALL SELECT 'image', url, status, reason FROM images i WHERE (url = @what OR sha256 = @what)
           AND NOT EXISTS (SELECT 1 FROM pairs WHERE image_id = i.id)`)
    .all({ what }) as WithoutPairs[];
}

/** Tombstones of this URL, its host, or this SHA-256. */
export function tombstonesAbout(ledger: Ledger, what: string): Tombstone[] {
  const isUrl = URL.canParse(what);
  const hosts = JSON.stringify(hostAndParents(isUrl ? new URL(what).hostname : what));
  const rows = ledger.db
    .prepare(
      `SELECT kind, value, note, min(taken_down_at_ms) AS atMs FROM tombstones
       WHERE (kind = 'url' AND value IN (@what, @key)) OR (kind = 'sha256' AND value = @what)
         OR (kind = 'host' AND value IN (SELECT value FROM json_each(@hosts)))
       GROUP BY kind, value ORDER BY kind, value`,
    )
    .all({ what, key: isUrl ? keyOf(what) : what, hosts }) as {
    kind: string;
    value: string;
    note: string;
    atMs: number;
  }[];
  return rows.map(({ kind, value, note, atMs }) => ({ kind, value, note, at: new Date(atMs).toISOString() }));
}
