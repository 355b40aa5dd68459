/**
 * `lait takedown`: removes images from everything: the shards that hold them (and only those) are rewritten, their bytes
 * in `raw/` are overwritten, their pairs and scores leave the ledger, and a tombstone stays, so that a later crawl does not
 * bring them back. The tombstone comes first and the ledger rows go last: whatever a kill leaves undone, running it again does.
 * A picture that other URLs have as well is removed under those too.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger } from '../ledger/ledger.ts';
import { openRawStore } from '../ledger/raw-store.ts';
import { findInShards } from '../shards/find-in-shards.ts';
import { finishedShards } from '../shards/indexes.ts';
import { manifestName, readManifest } from '../shards/manifest.ts';
import { shardColumns } from '../shards/parquet.ts';
import { expected } from '../user-error.ts';
import { type ExportConfiguration, finishExport } from './finish.ts';
import { finishImport, type ImportConfiguration, importColumns } from './finish-import.ts';
import { readStats, rewriteShard, shardFormat } from './rewrite.ts';
import { splits } from './split.ts';
import { removeFromColumns } from './takedown-columns.ts';

export interface TakedownOptions {
  readonly corpusDir: string;
  /** Default: `shards` in the corpus. */
  readonly shardsDir?: string;
  /** URLs of images, or of pages for everything found on them. */
  readonly urls?: readonly string[];
  /** Hosts of images or of pages: `photos.example`. */
  readonly hosts?: readonly string[];
  /** Hashes of the original bytes. */
  readonly sha256s?: readonly string[];
  /** Who asked, or why: kept with the tombstone. */
  readonly note?: string;
}

export interface TakedownSummary {
  readonly tombstones: number;
  /** Distinct pictures removed from `raw/`. */
  readonly images: number;
  readonly bytes: number;
  readonly pairs: number;
  readonly samples: number;
  /** `train/00000.tar`, `train/00000.parquet` or `train/00000.jsonl`, … */
  readonly shardsRewritten: readonly string[];
  /** Shards that a killed export had not finished, which were deleted: export again to have the rest of them. */
  readonly shardsRemoved: readonly string[];
}

/** Removes everything that the options name. Throws a UserError when they name nothing. */
export async function takedown(
  options: TakedownOptions,
  { onProgress, signal }: { onProgress?: (shard: string) => void; signal?: AbortSignal } = {},
): Promise<TakedownSummary> {
  const { corpusDir, shardsDir = join(corpusDir, 'shards'), urls = [], hosts = [], sha256s = [], note = '' } = options;
  if (!existsSync(join(corpusDir, 'ledger.db'))) {
    throw expected('a corpus with a ledger.db', 'the corpus', corpusDir, 'name the folder that lait crawl wrote');
  }
  if (urls.length + hosts.length + sha256s.length === 0) {
    throw expected('a URL, a host or a SHA-256', 'takedown', 'none', 'say what to remove');
  }
  for (const sha256 of sha256s) {
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw expected('64 hexadecimal digits', 'sha256', sha256, 'see a shard’s parquet');
  }
  const ledger = Ledger.open(corpusDir);
  try {
    const tombstones = raiseTombstones(ledger, { urls, hosts, sha256s, note });
    const condemned = condemnedImages(ledger, { urls, hosts, sha256s });
    const shardsRewritten: string[] = [];
    let samples = 0;
    const isCondemned = (row: Readonly<Record<string, unknown>>) =>
      condemned.urls.has(row.url as string) ||
      condemned.sha256s.has(row.sha256 as string) ||
      condemned.pairs.has(row.uid as string);
    const found = existsSync(shardsDir) ? await findInShards(shardsDir, isCondemned) : [];
    const configuration = existsSync(join(shardsDir, manifestName)) ? readManifest(shardsDir).configuration : null;
    const isImport = configuration?.source === 'import';
    const columns = isImport ? importColumns : shardColumns;
    const shardsRemoved: string[] = [];
    if (existsSync(shardsDir)) removeTemporaries(shardsDir);
    for (const { split, name, rows } of found) {
      signal?.throwIfAborted();
      const base = join(shardsDir, split, name);
      if (!existsSync(`${base}_stats.json`)) {
        removeUnfinished(base);
        shardsRemoved.push(`${split}/${name}`);
        continue;
      }
      const keys = new Set(rows.flatMap(({ key }) => (typeof key === 'string' ? [key] : [])));
      const beforeTable = await removeFromColumns(corpusDir, `${split}/${name}`, `${base}.tar`, keys);
      const format = shardFormat(readStats(base));
      await rewriteShard({ base, columns, isCondemned, beforeTable });
      samples += keys.size;
      const file = `${split}/${name}.${format === 'webdataset' ? 'tar' : format}`;
      shardsRewritten.push(file);
      onProgress?.(file);
    }
    const bytes = eraseRaw(ledger, corpusDir, condemned.sha256s);
    const pairs = removeRows(ledger, condemned);
    if (isImport) {
      const shards = finishedShards(shardsDir, Object.keys(readManifest(shardsDir).samples));
      finishImport(shardsDir, shards, configuration as ImportConfiguration);
    } else if (configuration !== null) {
      finishExport(ledger, shardsDir, finishedShards(shardsDir, splits), configuration as ExportConfiguration);
    }
    return { tombstones, images: condemned.sha256s.size, bytes, pairs, samples, shardsRewritten, shardsRemoved };
  } finally {
    ledger.close();
  }
}

interface What {
  readonly urls: readonly string[];
  readonly hosts: readonly string[];
  readonly sha256s: readonly string[];
}

function raiseTombstones(ledger: Ledger, { urls, hosts, sha256s, note }: What & { note: string }): number {
  const raise = ledger.db.prepare(
    'INSERT INTO tombstones (kind, value, note, taken_down_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const now = Date.now();
  const all = [
    ...urls.map((url) => ['url', url] as const),
    ...hosts.map((host) => ['host', host.toLowerCase()] as const),
    ...sha256s.map((sha256) => ['sha256', sha256] as const),
  ];
  return ledger.db.transaction(() => {
    return all.reduce((sum, [kind, value]) => sum + raise.run(kind, value, note, now).changes, 0);
  })();
}

interface Condemned {
  readonly urls: ReadonlySet<string>;
  readonly sha256s: ReadonlySet<string>;
  readonly pairs: ReadonlySet<string>;
}

/**
 * Every image named by its URL, its host, its bytes or a page it was found on, and every other URL with the same bytes; and
 * their pairs. A tombstone for each hash is raised at once, so that the same bytes do not come back under a new URL.
 */
function condemnedImages(ledger: Ledger, { urls, hosts, sha256s }: What): Condemned {
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
  const ofPage = ledger.db.prepare(
    'SELECT DISTINCT i.id, i.sha256 FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.page_id = ?',
  );
  const pages = ledger.db.prepare('SELECT id, url FROM pages').all() as { id: number; url: string }[];
  for (const { id } of pages.filter(({ url }) => isWanted(url))) {
    for (const image of ofPage.all(id) as { id: number; sha256: string | null }[]) {
      imageIds.add(image.id);
      if (image.sha256 !== null) hashes.add(image.sha256);
    }
  }
  const sameBytes = ledger.db.prepare('SELECT id FROM images WHERE sha256 = ?').pluck();
  for (const hash of hashes) for (const id of sameBytes.all(hash) as number[]) imageIds.add(id);
  const pairIds = ledger.db.prepare('SELECT id FROM pairs WHERE image_id = ?').pluck();
  const urlOf = ledger.db.prepare('SELECT url FROM images WHERE id = ?').pluck();
  const raise = ledger.db.prepare(
    `INSERT INTO tombstones (kind, value, note, taken_down_at_ms) VALUES ('sha256', ?, 'bytes of what was taken down', ?)
     ON CONFLICT DO NOTHING`,
  );
  ledger.db.transaction(() => {
    for (const hash of hashes) raise.run(hash, Date.now());
  })();
  return {
    urls: new Set([...imageIds].map((id) => urlOf.get(id) as string)),
    sha256s: hashes,
    pairs: new Set([...imageIds].flatMap((id) => pairIds.all(id) as string[])),
  };
}

/** What a killed export or takedown was writing: it may hold what has to go. */
function removeTemporaries(shardsDir: string): void {
  const temporary = /^(train|validation|test)[\\/]\d+\.(tar|parquet|jsonl|files)\.tmp$/;
  for (const path of readdirSync(shardsDir, { recursive: true, encoding: 'utf8' })) {
    if (temporary.test(path)) rmSync(join(shardsDir, path), { recursive: true });
  }
}

/** A shard of a killed export that has a table and no stats. */
function removeUnfinished(base: string): void {
  for (const ending of ['', '.tar', '.jsonl', '.parquet']) rmSync(base + ending, { recursive: true, force: true });
}

function eraseRaw(ledger: Ledger, corpusDir: string, sha256s: ReadonlySet<string>): number {
  const places = ledger.db.prepare(
    'SELECT DISTINCT segment, offset, byte_length AS byteLength FROM images WHERE sha256 = ? AND segment IS NOT NULL',
  );
  const raw = openRawStore(corpusDir);
  let bytes = 0;
  for (const sha256 of sha256s) {
    for (const place of places.all(sha256) as { segment: number; offset: number; byteLength: number }[]) {
      raw.erase(place);
      bytes += place.byteLength;
    }
  }
  raw.close();
  return bytes;
}

/** Removes pairs and scores; an image's row stays and says why there is nothing. */
function removeRows(ledger: Ledger, { urls, sha256s, pairs }: Condemned): number {
  const removePair = ledger.db.prepare('DELETE FROM pairs WHERE id = ?');
  const removeScores = ledger.db.prepare('DELETE FROM scores WHERE subject = ?');
  const blank = ledger.db.prepare(
    `UPDATE images SET status = 'refused', reason = 'taken-down', etag = NULL, last_modified = NULL, format = NULL,
       width = NULL, height = NULL, frames = NULL, byte_length = NULL, sha256 = NULL, phash = NULL, segment = NULL,
       offset = NULL WHERE url = ?`,
  );
  ledger.db.pragma('secure_delete = ON'); // overwrites what is deleted instead of only forgetting where it was
  const pairsRemoved = ledger.db.transaction(() => {
    let removed = 0;
    for (const id of pairs) {
      removed += removePair.run(id).changes;
      removeScores.run(id);
    }
    for (const sha256 of sha256s) removeScores.run(sha256);
    for (const url of urls) blank.run(url);
    return removed;
  })();
  ledger.db.pragma('wal_checkpoint(TRUNCATE)');
  return pairsRemoved;
}
