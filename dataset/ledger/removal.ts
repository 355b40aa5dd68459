/** What a takedown removes from the ledger: which images a request means, where their bytes lie, their pairs, scores and pages. */
import type { Ledger } from './ledger.ts';
import { causesFor, raiseDerived, type TakedownRequest, type TombstoneKind } from './tombstones.ts';

/** Everything that a takedown removes, each with the requests that it falls under. */
export interface Removed {
  readonly imageIds: ReadonlySet<number>;
  /** By URL. */
  readonly urls: ReadonlyMap<string, ReadonlySet<string>>;
  readonly sha256s: ReadonlyMap<string, ReadonlySet<string>>;
  readonly pairs: ReadonlySet<string>;
  /** Pages that were asked for. */
  readonly pageIds: ReadonlySet<number>;
  /** Pages that show what is removed. */
  readonly showing: ReadonlySet<number>;
}

/** A picture that only tables of shards know. */
export interface FoundElsewhere {
  readonly url: string;
  readonly sha256: string | null;
  readonly causes: readonly string[];
}

/**
 * Every image named by its URL, its host, its bytes, its looks or a page it was found on, and every other URL with the same bytes; and
 * their pairs. Changes nothing.
 */
export function whatToRemove(ledger: Ledger, request: TakedownRequest, elsewhere: readonly FoundElsewhere[]): Removed {
  const { ofUrl, ofImage } = causesFor(request);
  const images = new Map<number, Set<string>>();
  const hashes = new Map<string, Set<string>>();
  const urls = new Map<string, Set<string>>();
  for (const sha256 of request.sha256s) add(hashes, sha256, [`sha256 ${sha256}`]);
  for (const { url, sha256, causes } of elsewhere) {
    if (url !== '') add(urls, url, causes);
    if (sha256 !== null) add(hashes, sha256, causes);
  }
  interface Row {
    readonly id: number;
    readonly url: string;
    readonly sha256: string | null;
    readonly phash: string | null;
  }
  for (const { id, url, sha256, phash } of ledger.db
    .prepare('SELECT id, url, sha256, phash FROM images')
    .iterate() as Iterable<Row>) {
    const causes = [...ofUrl(url), ...ofImage({ sha256, phash })];
    if (causes.length === 0) continue;
    add(images, id, causes);
    if (sha256 !== null) add(hashes, sha256, causes);
  }
  const pageIds = new Set<number>();
  const ofPage = ledger.db.prepare(
    `SELECT DISTINCT i.id, i.sha256 FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.page_id = @id
       OR p.id IN (SELECT pair_id FROM other_origins WHERE page_id = @id)`,
  );
  const pages = ledger.db.prepare('SELECT id, url FROM pages').all() as { id: number; url: string }[];
  for (const { id, url } of pages) {
    const causes = ofUrl(url);
    if (causes.length === 0) continue;
    pageIds.add(id);
    for (const image of ofPage.all({ id }) as { id: number; sha256: string | null }[]) {
      add(images, image.id, causes);
      if (image.sha256 !== null) add(hashes, image.sha256, causes);
    }
  }
  const replaced = ledger.db.prepare('SELECT sha256 FROM replaced_images WHERE image_id = ?').pluck();
  for (const [id, causes] of images) for (const hash of replaced.all(id) as string[]) add(hashes, hash, causes);
  const sameBytes = ledger.db.prepare('SELECT id FROM images WHERE sha256 = ?').pluck();
  for (const [hash, causes] of hashes) for (const id of sameBytes.all(hash) as number[]) add(images, id, causes);
  const urlOf = ledger.db.prepare('SELECT url FROM images WHERE id = ?').pluck();
  for (const [id, causes] of images) add(urls, urlOf.get(id) as string, causes);
  const pairIds = ledger.db.prepare('SELECT id FROM pairs WHERE image_id = ?').pluck();
  const showing = ledger.db
    .prepare(
      `SELECT page_id FROM pairs WHERE image_id = @id
       UNION SELECT o.page_id FROM pairs p JOIN other_origins o ON o.pair_id = p.id WHERE p.image_id = @id`,
    )
    .pluck();
  return {
    imageIds: new Set(images.keys()),
    urls,
    sha256s: hashes,
    pairs: new Set([...images.keys()].flatMap((id) => pairIds.all(id) as string[])),
    pageIds,
    showing: new Set([...images.keys()].flatMap((id) => showing.all({ id }) as number[])),
  };
}

/** Raises tombstones for URLs and hashes of what is removed, so that nothing of it comes back under another name. */
export function raiseFollowing(ledger: Ledger, { urls, sha256s }: Removed): void {
  raiseDerived(ledger, [...derived('url', urls), ...derived('sha256', sha256s)]);
}

function* derived(
  kind: TombstoneKind,
  found: ReadonlyMap<string, ReadonlySet<string>>,
): Generator<readonly [TombstoneKind, string, string]> {
  for (const [value, causes] of found) for (const cause of causes) yield [kind, value, cause];
}

function add<Key>(map: Map<Key, Set<string>>, key: Key, causes: Iterable<string>): void {
  const known = map.get(key) ?? new Set();
  for (const cause of causes) known.add(cause);
  map.set(key, known);
}

/** Where these bytes lie in `raw/`, those of pictures that have been replaced too. */
export function placesOf(
  ledger: Ledger,
  sha256: string,
): { readonly segment: number; readonly offset: number; readonly byteLength: number }[] {
  return ledger.db
    .prepare(
      `SELECT segment, offset, byte_length AS byteLength FROM images WHERE sha256 = @sha256 AND segment IS NOT NULL
       UNION SELECT segment, offset, byte_length FROM replaced_images WHERE sha256 = @sha256`,
    )
    .all({ sha256 }) as { segment: number; offset: number; byteLength: number }[];
}

/**
 * Removes pairs and scores, and what a page that was asked for says; rows of images and pages stay and say why there is nothing. A
 * page that shows what was removed is read whole at its next visit, also when it has not changed: the takedown may be undone by then.
 */
export async function removeFromLedger(
  ledger: Ledger,
  { urls, sha256s, pairs, pageIds, showing }: Removed,
): Promise<number> {
  const removePair = ledger.db.prepare('DELETE FROM pairs WHERE id = ?');
  const removeScores = ledger.db.prepare('DELETE FROM scores WHERE subject = ?');
  const removeReplaced = ledger.db.prepare('DELETE FROM replaced_images WHERE sha256 = ?');
  const blank = ledger.db.prepare(
    `UPDATE images SET status = 'refused', reason = 'taken-down', etag = NULL, last_modified = NULL, format = NULL,
       width = NULL, height = NULL, frames = NULL, byte_length = NULL, sha256 = NULL, phash = NULL, segment = NULL,
       offset = NULL, resized = NULL WHERE url = ?`,
  );
  const blankPage = ledger.db.prepare(
    `UPDATE pages SET status = 'refused', reason = 'taken-down', title = '', text = '', etag = NULL, last_modified = NULL,
       license_url = NULL, rights = NULL WHERE id = ?`,
  );
  const removePlaces = ledger.db.prepare('DELETE FROM places WHERE image_id IN (SELECT id FROM images WHERE url = ?)');
  const removePlacesOnPage = ledger.db.prepare('DELETE FROM places WHERE page_id = ?');
  const readWhole = ledger.db.prepare('UPDATE pages SET has_origins = 0 WHERE id = ?');
  ledger.db.pragma('secure_delete = ON'); // overwrites what is deleted instead of only forgetting where it was
  const pairsRemoved = await ledger.writeWhenFree(() => {
    let removed = 0;
    for (const id of pairs) {
      removed += removePair.run(id).changes;
      removeScores.run(id);
    }
    for (const sha256 of sha256s.keys()) removeScores.run(sha256);
    for (const url of urls.keys()) {
      blank.run(url);
      removePlaces.run(url);
    }
    for (const sha256 of sha256s.keys()) removeReplaced.run(sha256);
    for (const id of pageIds) {
      blankPage.run(id);
      removePlacesOnPage.run(id);
    }
    for (const id of showing) readWhole.run(id);
    return removed;
  });
  await ledger.emptyLog();
  return pairsRemoved;
}
