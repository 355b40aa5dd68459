/** What the crawler asks of the ledger and writes to it, beyond recording a page or an image. */
import type { Ledger } from './ledger.ts';
import { type ImageRecord, type PageRecord, resizedFrom, type StoredImage } from './records.ts';

/** From now on a commit to the ledger is on the disk when it returns, before anything is finished in the frontier. */
export function makeDurable(ledger: Ledger): void {
  ledger.db.pragma('synchronous = FULL');
}

/** A page as it was recorded. */
export interface KnownPage extends PageRecord {
  /** It was read wholly, so that every pair that it gives is known. False for what an earlier version of lait recorded, and for lists. */
  readonly hasOrigins: boolean;
  /** When something last said for certain what stands there; null where that is not known. */
  readonly readAtMs: number | null;
}

/** A page's row as it was recorded; null when there is none. */
export function knownPage(ledger: Ledger, url: string): KnownPage | null {
  const row = ledger
    .statement(
      `SELECT url, status, reason, title, text, fetched_at_ms AS fetchedAtMs, etag, last_modified AS lastModified,
         rendered, license_url AS licenseUrl, rights, has_origins AS hasOrigins, read_at_ms AS readAtMs FROM pages WHERE url = ?`,
    )
    .get(url) as
    | (Omit<KnownPage, 'rendered' | 'rights' | 'hasOrigins'> & {
        rendered: number;
        rights: string | null;
        hasOrigins: number;
      })
    | undefined;
  if (!row) return null;
  const { rendered, rights, hasOrigins, ...rest } = row;
  return {
    ...rest,
    rendered: rendered === 1,
    hasOrigins: hasOrigins === 1,
    ...(rights === null ? {} : { rights: JSON.parse(rights) }),
  };
}

/** The row as a visit that read nothing records it once more: when the page was read stays as it is. */
export function asVisited({ hasOrigins: _, readAtMs: __, ...page }: KnownPage): PageRecord {
  return page;
}

/** Makes the next visits of these pages read them whole, also when their servers say that they have not changed. */
export function readWhole(ledger: Ledger, urls: readonly string[]): void {
  const mark = ledger.statement('UPDATE pages SET has_origins = 0 WHERE url = ?');
  for (const url of urls) mark.run(url);
}

/** An image that was downloaded. */
export type KnownImage = ImageRecord & { readonly stored: StoredImage };

/** An image's row as it was recorded; null when it was never downloaded, or its bytes were removed. */
export function knownImage(ledger: Ledger, url: string): KnownImage | null {
  const row = ledger
    .statement(
      `SELECT reason, fetched_at_ms AS fetchedAtMs, etag, last_modified AS lastModified, rights, format, width, height,
         frames, byte_length AS byteLength, sha256, phash, damaged, segment, offset, resized
       FROM images WHERE url = ? AND status = 'success' AND segment IS NOT NULL`,
    )
    .get(url) as
    | ({ reason: string | null; fetchedAtMs: number; etag: string | null; lastModified: string | null } & {
        rights: string | null;
        damaged: number;
        resized: string | null;
      } & Omit<StoredImage, 'damaged' | 'resized'>)
    | undefined;
  if (!row) return null;
  const { reason, fetchedAtMs, etag, lastModified, rights, damaged, resized, ...stored } = row;
  return {
    url,
    status: 'success',
    reason,
    fetchedAtMs,
    etag,
    lastModified,
    ...(rights === null ? {} : { rights: JSON.parse(rights) }),
    stored: { ...stored, damaged: damaged === 1, resized: resizedFrom(resized) },
  };
}

/** What the last visit to an image came to; null for one that no visit has told of. */
export function knownImageVisit(
  ledger: Ledger,
  url: string,
): { readonly reason: string | null; readonly fetchedAtMs: number } | null {
  const row = ledger
    .statement('SELECT reason, fetched_at_ms AS fetchedAtMs FROM images WHERE url = ? AND fetched_at_ms IS NOT NULL')
    .get(url) as { reason: string | null; fetchedAtMs: number } | undefined;
  return row ?? null;
}

/** The images of all pairs that a page gives, and whether nothing became of them yet. */
export function imagesOfPage(ledger: Ledger, pageUrl: string): { readonly url: string; readonly isPending: boolean }[] {
  const rows = ledger
    .statement(
      `SELECT i.url, i.status FROM pages g JOIN pairs p ON p.page_id = g.id AND p.gone IS NULL JOIN images i ON i.id = p.image_id
         WHERE g.url = @pageUrl
       UNION SELECT i.url, i.status FROM pages g JOIN other_origins o ON o.page_id = g.id JOIN pairs p ON p.id = o.pair_id
         JOIN images i ON i.id = p.image_id WHERE g.url = @pageUrl`,
    )
    .all({ pageUrl }) as { url: string; status: string }[];
  return rows.map(({ url, status }) => ({ url, isPending: status === 'pending' }));
}

/** Whether the image was downloaded, and not asked for since `ms`, in ms since 1970. */
export function isImageOlderThan(ledger: Ledger, url: string, ms: number): boolean {
  const found = ledger.statement(`SELECT 1 FROM images WHERE url = ? AND status = 'success' AND fetched_at_ms < ?`);
  return found.get(url, ms) !== undefined;
}

/** The web page that an image was found on first; undefined for one of a list, or of no pair. */
export function pageOfImage(ledger: Ledger, imageUrl: string): string | undefined {
  return ledger
    .statement(
      `SELECT p.page_url FROM pairs p JOIN images i ON i.id = p.image_id
       WHERE i.url = ? AND p.page_url LIKE 'http%' ORDER BY p.rowid LIMIT 1`,
    )
    .pluck()
    .get(imageUrl) as string | undefined;
}

/** Records a page that is not fetched, unless its URL has a row already. */
export function skipPage(ledger: Ledger, url: string, reason: string, atMs: number): void {
  ledger
    .statement(
      `INSERT INTO pages (url, status, reason, title, text, fetched_at_ms, rendered)
       VALUES (?, 'skipped', ?, '', '', ?, 0) ON CONFLICT DO NOTHING`,
    )
    .run(url, reason, atMs);
}

/** Records an image that is not downloaded, unless its URL has a row already. */
export function refuseNewImage(ledger: Ledger, url: string, reason: string, atMs: number): void {
  ledger
    .statement(
      `INSERT INTO images (url, status, reason, fetched_at_ms) VALUES (?, 'refused', ?, ?) ON CONFLICT DO NOTHING`,
    )
    .run(url, reason, atMs);
}

/** Marks images that are there, or still to be downloaded, as refused for a reason. Their bytes and pairs stay, for `readmitImages`. */
export function refuseImages(ledger: Ledger, urls: readonly string[], reason: string): void {
  const refuse = ledger.statement(
    `UPDATE images SET status = 'refused', reason = ? WHERE url = ? AND (status = 'pending' OR (status = 'success' AND reason IS NOT 'gone'))`,
  );
  for (const url of urls) refuse.run(reason, url);
}

/** Makes images that were refused for a reason what they were before, and gives those of them that were never downloaded. */
export function readmitImages(ledger: Ledger, urls: readonly string[], reason: string): string[] {
  const readmit = ledger
    .statement(
      `UPDATE images SET status = iif(segment IS NULL, 'pending', 'success'), reason = NULL
       WHERE url = ? AND status = 'refused' AND reason = ? RETURNING segment IS NULL`,
    )
    .pluck();
  return urls.filter((url) => readmit.get(url, reason) === 1);
}

/** Removes the pairs of all images that were refused for one of these reasons. */
export function removePairsOfRefused(ledger: Ledger, reasons: readonly string[]): void {
  ledger
    .statement(
      `DELETE FROM pairs WHERE image_id IN
         (SELECT id FROM images WHERE status = 'refused' AND reason IN (SELECT value FROM json_each(?)))`,
    )
    .run(JSON.stringify(reasons));
}

/** Every reason that some page or image has, each once. */
export function reasonsGiven(ledger: Ledger): string[] {
  return ledger
    .statement(
      'SELECT reason FROM pages WHERE reason IS NOT NULL UNION SELECT reason FROM images WHERE reason IS NOT NULL',
    )
    .pluck()
    .all() as string[];
}

/** The URLs of pages and of images that have one of these reasons, sorted. */
export function urlsWithReasons(
  ledger: Ledger,
  reasons: readonly string[],
): { readonly pages: string[]; readonly images: string[] } {
  const of = (table: 'pages' | 'images'): string[] =>
    ledger
      .statement(`SELECT url FROM ${table} WHERE reason IN (SELECT value FROM json_each(?)) ORDER BY url`)
      .pluck()
      .all(JSON.stringify(reasons)) as string[];
  return { pages: of('pages'), images: of('images') };
}

/** Pairs that some page gives, those of pictures that repeat over a site apart, whatever the filters say of them. */
export function countPairs(ledger: Ledger): number {
  return ledger
    .statement(
      `SELECT (SELECT count(*) FROM pairs) - (SELECT count(*) FROM pairs WHERE gone IS NOT NULL)
         - (SELECT count(*) FROM images i CROSS JOIN pairs p ON p.image_id = i.id AND p.gone IS NULL
            WHERE i.status = 'refused' AND i.reason = 'decoration-repeated')`,
    )
    .pluck()
    .get() as number;
}

/** A URL of the web, and whether what was to be fetched there was: it was read, or refused. */
export interface UrlState {
  readonly url: string;
  readonly isDone: boolean;
}

const statesOf = (ledger: Ledger, sql: string): UrlState[] =>
  (ledger.db.prepare(sql).all() as { url: string; done: number }[]).map(({ url, done }) => ({
    url,
    isDone: done === 1,
  }));

/** All pages of the web. */
export const pageStates = (ledger: Ledger): UrlState[] =>
  statesOf(ledger, `SELECT url, 1 AS done FROM pages WHERE url >= 'http' AND url < 'httq'`);

/** All images; those that were found and not fetched yet are not done. */
export const imageStates = (ledger: Ledger): UrlState[] =>
  statesOf(ledger, `SELECT url, status <> 'pending' AS done FROM images`);
