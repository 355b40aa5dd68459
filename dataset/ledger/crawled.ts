/** What the crawler asks of the ledger and writes to it, beyond recording a page or an image. */
import type { Ledger } from './ledger.ts';
import type { PageRecord } from './records.ts';

/** Runs several writes as one transaction; what it throws undoes all of them. */
export function atomically<T>(ledger: Ledger, work: () => T): T {
  return ledger.db.transaction(work)();
}

/** From now on a commit to the ledger is on the disk when it returns, before anything is finished in the frontier. */
export function makeDurable(ledger: Ledger): void {
  ledger.db.pragma('synchronous = FULL');
}

/** A page's row as it was recorded; null when there is none. */
export function knownPage(ledger: Ledger, url: string): PageRecord | null {
  const row = ledger
    .statement(
      `SELECT url, status, reason, title, text, fetched_at_ms AS fetchedAtMs, etag, last_modified AS lastModified,
         rendered, license_url AS licenseUrl, rights FROM pages WHERE url = ?`,
    )
    .get(url) as (Omit<PageRecord, 'rendered' | 'rights'> & { rendered: number; rights: string | null }) | undefined;
  if (!row) return null;
  const { rendered, rights, ...rest } = row;
  return { ...rest, rendered: rendered === 1, ...(rights === null ? {} : { rights: JSON.parse(rights) }) };
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

/** Marks images as refused for a reason, whatever they were before. */
export function refuseImages(ledger: Ledger, urls: readonly string[], reason: string): void {
  const refuse = ledger.statement(`UPDATE images SET status = 'refused', reason = ? WHERE url = ?`);
  for (const url of urls) refuse.run(reason, url);
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

/** Pairs in the corpus, whatever the filters say of them. */
export function countPairs(ledger: Ledger): number {
  return ledger.statement('SELECT count(*) FROM pairs').pluck().get() as number;
}
