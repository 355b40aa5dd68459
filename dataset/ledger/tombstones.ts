/** Takedowns in the ledger: tombstones, which images a request means, and the removal of their pairs and scores. */
import type { Ledger } from './ledger.ts';

/** What somebody asked to have removed: URLs and hosts of pages or images, hashes of images. */
export interface TakedownRequest {
  readonly urls: readonly string[];
  readonly hosts: readonly string[];
  readonly sha256s: readonly string[];
}

/** Says that these are not to be stored again; returns how many tombstones are new. */
export function raiseTombstones(
  ledger: Ledger,
  { urls, hosts, sha256s, note }: TakedownRequest & { note: string },
): number {
  const raise = ledger.db.prepare(
    'INSERT INTO tombstones (kind, value, note, taken_down_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const now = Date.now();
  const all = [
    ...urls.map((url) => ['url', url] as const),
    ...hosts.map((host) => ['host', host.toLowerCase()] as const),
    ...sha256s.map((sha256) => ['sha256', sha256] as const),
  ];
  return ledger.write(() => all.reduce((sum, [kind, value]) => sum + raise.run(kind, value, note, now).changes, 0));
}

/** Everything that a takedown removes. */
export interface RemovedImages {
  readonly urls: ReadonlySet<string>;
  readonly sha256s: ReadonlySet<string>;
  readonly pairs: ReadonlySet<string>;
}

/**
 * Every image named by its URL, its host, its bytes or a page it was found on, and every other URL with the same bytes; and
 * their pairs. A tombstone for each hash is raised at once, so that the same bytes do not come back under a new URL.
 */
export function imagesToRemove(ledger: Ledger, { urls, hosts, sha256s }: TakedownRequest): RemovedImages {
  const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).hostname : '');
  const wantedHosts = new Set(hosts.map((host) => host.toLowerCase()));
  const wantedUrls = new Set(urls);
  const isWanted = (url: string) => wantedUrls.has(url) || (wantedHosts.size > 0 && wantedHosts.has(hostOf(url)));
  const imageIds = new Set<number>();
  const hashes = new Set(sha256s);
  const images = ledger.db.prepare('SELECT id, url, sha256 FROM images').iterate() as Iterable<{
    id: number;
    url: string;
    sha256: string | null;
  }>;
  for (const { id, url, sha256 } of images) {
    if (!isWanted(url)) continue;
    imageIds.add(id);
    if (sha256 !== null) hashes.add(sha256);
  }
  const replaced = ledger.db.prepare('SELECT sha256 FROM replaced_images WHERE image_id = ?').pluck();
  const ofPage = ledger.db.prepare(
    `SELECT DISTINCT i.id, i.sha256 FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.page_id = @id
       OR p.id IN (SELECT pair_id FROM other_origins WHERE page_id = @id)`,
  );
  const pages = ledger.db.prepare('SELECT id, url FROM pages').all() as { id: number; url: string }[];
  for (const { id } of pages.filter(({ url }) => isWanted(url))) {
    for (const image of ofPage.all({ id }) as { id: number; sha256: string | null }[]) {
      imageIds.add(image.id);
      if (image.sha256 !== null) hashes.add(image.sha256);
    }
  }
  for (const id of imageIds) for (const hash of replaced.all(id) as string[]) hashes.add(hash);
  const sameBytes = ledger.db.prepare('SELECT id FROM images WHERE sha256 = ?').pluck();
  for (const hash of hashes) for (const id of sameBytes.all(hash) as number[]) imageIds.add(id);
  const pairIds = ledger.db.prepare('SELECT id FROM pairs WHERE image_id = ?').pluck();
  const urlOf = ledger.db.prepare('SELECT url FROM images WHERE id = ?').pluck();
  const raise = ledger.db.prepare(
    `INSERT INTO tombstones (kind, value, note, taken_down_at_ms) VALUES ('sha256', ?, 'bytes of what was taken down', ?)
     ON CONFLICT DO NOTHING`,
  );
  ledger.write(() => {
    for (const hash of hashes) raise.run(hash, Date.now());
  });
  return {
    urls: new Set([...imageIds].map((id) => urlOf.get(id) as string)),
    sha256s: hashes,
    pairs: new Set([...imageIds].flatMap((id) => pairIds.all(id) as string[])),
  };
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

/** Removes pairs and scores; an image's row stays and says why there is nothing. */
export function removePairs(ledger: Ledger, { urls, sha256s, pairs }: RemovedImages): number {
  const removePair = ledger.db.prepare('DELETE FROM pairs WHERE id = ?');
  const removeScores = ledger.db.prepare('DELETE FROM scores WHERE subject = ?');
  const removeReplaced = ledger.db.prepare('DELETE FROM replaced_images WHERE sha256 = ?');
  const blank = ledger.db.prepare(
    `UPDATE images SET status = 'refused', reason = 'taken-down', etag = NULL, last_modified = NULL, format = NULL,
       width = NULL, height = NULL, frames = NULL, byte_length = NULL, sha256 = NULL, phash = NULL, segment = NULL,
       offset = NULL WHERE url = ?`,
  );
  ledger.db.pragma('secure_delete = ON'); // overwrites what is deleted instead of only forgetting where it was
  const pairsRemoved = ledger.write(() => {
    let removed = 0;
    for (const id of pairs) {
      removed += removePair.run(id).changes;
      removeScores.run(id);
    }
    for (const sha256 of sha256s) removeScores.run(sha256);
    for (const url of urls) blank.run(url);
    for (const sha256 of sha256s) removeReplaced.run(sha256);
    return removed;
  });
  ledger.db.pragma('wal_checkpoint(TRUNCATE)');
  return pairsRemoved;
}
