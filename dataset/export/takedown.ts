/**
 * `lait takedown`: removes images from everything: the shards that hold them (and only those) are rewritten, their bytes
 * in `raw/` are overwritten, their pairs and scores leave the ledger, and a tombstone stays, so that a later crawl does not
 * bring them back. The tombstone comes first and the ledger rows go last: whatever a kill leaves undone, running it again does.
 * A picture that other URLs have as well is removed under those too.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger } from '../ledger/ledger.ts';
import { forgetPlaces, openPageStore, placesOfPages } from '../ledger/page-store.ts';
import { openRawStore } from '../ledger/raw-store.ts';
import { imagesToRemove, placesOf, raiseTombstones, removePairs } from '../ledger/tombstones.ts';
import { findInShards } from '../shards/find-in-shards.ts';
import { finishedShards } from '../shards/indexes.ts';
import { manifestName, readManifest } from '../shards/manifest.ts';
import { expected } from '../user-error.ts';
import { type ExportConfiguration, finishExport } from './finish.ts';
import { finishImport, type ImportConfiguration, importColumns } from './finish-import.ts';
import { type ListColumns, tableColumnsWith } from './list-columns.ts';
import { readStats, rewriteShard, shardFormat } from './rewrite.ts';
import { indexExport, removedSince } from './shard-index.ts';
import { splits } from './split.ts';
import { discardStaged, settle } from './staging.ts';
import { eraseFromColumns } from './takedown-columns.ts';
import { takenDown } from './versions.ts';

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
  /** Kept versions of pages whose HTML was removed. */
  readonly pages: number;
  readonly pairs: number;
  readonly samples: number;
  /** `train/00000.tar`, `train/00000.parquet` or `train/00000.jsonl`, … */
  readonly shardsRewritten: readonly string[];
  /** Shards that a killed export had not finished, which were deleted: export again to have the rest of them. */
  readonly shardsRemoved: readonly string[];
}

/** Removes everything that the options name. Throws a UserError when they name nothing, or what is no URL, host or hash. */
export async function takedown(
  options: TakedownOptions,
  { onProgress, signal }: { onProgress?: (shard: string) => void; signal?: AbortSignal } = {},
): Promise<TakedownSummary> {
  const { corpusDir, shardsDir = join(corpusDir, 'shards'), urls = [], sha256s = [], note = '' } = options;
  const hosts = (options.hosts ?? []).map(hostName);
  if (urls.length + hosts.length + sha256s.length === 0) {
    throw expected('a URL, a host or a SHA-256', 'takedown', 'none', 'say what to remove');
  }
  for (const url of urls) {
    if (!URL.canParse(url))
      throw expected('a URL', 'url', url, 'write it in full, as in https://example.org/photo.jpg');
  }
  for (const sha256 of sha256s) {
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw expected('64 hexadecimal digits', 'sha256', sha256, 'see a shard’s parquet');
  }
  const ledger = Ledger.openExisting(corpusDir);
  try {
    const tombstones = raiseTombstones(ledger, { urls, hosts, sha256s, note });
    const removed = imagesToRemove(ledger, { urls, hosts, sha256s });
    const shardsRewritten: string[] = [];
    let samples = 0;
    const isRemoved = (row: Readonly<Record<string, unknown>>) =>
      removed.urls.has(row.url as string) ||
      removed.sha256s.has(row.sha256 as string) ||
      removed.pairs.has(row.uid as string);
    if (existsSync(shardsDir)) removeTemporaries(shardsDir);
    const found = existsSync(shardsDir) ? await findInShards(shardsDir, isRemoved) : [];
    const configuration = existsSync(join(shardsDir, manifestName)) ? readManifest(shardsDir).configuration : null;
    const isImport = configuration?.source === 'import';
    const columns = isImport ? importColumns : tableColumnsWith(configuration?.listColumns as ListColumns | undefined);
    const shardsRemoved: string[] = [];
    // Before anything is rewritten the ledger knows what the export has, and afterwards what has left it.
    const exportId =
      configuration === null || isImport
        ? null
        : await indexExport(ledger, corpusDir, shardsDir, readManifest(shardsDir), { mayLack: true });
    if (found.length > 0 || removed.sha256s.size > 0) await eraseFromColumns(corpusDir, isRemoved);
    for (const { split, name, rows } of found) {
      signal?.throwIfAborted();
      const base = join(shardsDir, split, name);
      if (!existsSync(`${base}_stats.json`)) {
        removeUnfinished(base);
        shardsRemoved.push(`${split}/${name}`);
        continue;
      }
      const keys = new Set(rows.flatMap(({ key }) => (typeof key === 'string' ? [key] : [])));
      const format = shardFormat(readStats(base));
      await rewriteShard({ base, columns, isRemoved });
      samples += keys.size;
      const file = `${split}/${name}.${format === 'webdataset' ? 'tar' : format}`;
      shardsRewritten.push(file);
      onProgress?.(file);
    }
    const bytes = eraseRaw(ledger, corpusDir, removed.sha256s);
    const pages = erasePages(ledger, corpusDir, { urls, hosts });
    const pairs = removePairs(ledger, removed);
    if (isImport) {
      const shards = finishedShards(shardsDir, Object.keys(readManifest(shardsDir).samples));
      finishImport(shardsDir, shards, configuration as ImportConfiguration);
    } else if (exportId !== null) {
      const shards = finishedShards(shardsDir, splits);
      const removed = await removedSince(ledger, exportId, shardsDir, shards, takenDown);
      const manifest = finishExport(ledger, shardsDir, shards, configuration as ExportConfiguration, { removed });
      await indexExport(ledger, corpusDir, shardsDir, manifest);
    }
    return { tombstones, images: removed.sha256s.size, bytes, pages, pairs, samples, shardsRewritten, shardsRemoved };
  } finally {
    ledger.close();
  }
}

/** The name as it stands in URLs: lower case, ASCII. */
function hostName(host: string): string {
  const url = URL.canParse(`https://${host}`) ? new URL(`https://${host}`) : null;
  if (url !== null && url.href === `https://${url.hostname}/`) return url.hostname;
  throw expected('a host name', 'host', host, 'write the name alone, as in photos.example');
}

/**
 * What an export had not taken over yet, and what a killed takedown was writing: it may hold what has to go. An export that was killed
 * while it took its files over is finished first.
 */
function removeTemporaries(shardsDir: string): void {
  settle(shardsDir);
  discardStaged(shardsDir);
  const temporary = /^(train|validation|test)[\\/]\d+\.(tar|parquet|jsonl|files)\.tmp$/;
  for (const path of readdirSync(shardsDir, { recursive: true, encoding: 'utf8' })) {
    if (temporary.test(path)) rmSync(join(shardsDir, path), { recursive: true });
  }
}

/** A shard of a killed export that has a table and no stats. */
function removeUnfinished(base: string): void {
  for (const ending of ['', '.tar', '.jsonl', '.parquet']) rmSync(base + ending, { recursive: true, force: true });
}

/** Overwrites the pictures' bytes in `raw/` and returns how many bytes those were. */
function eraseRaw(ledger: Ledger, corpusDir: string, sha256s: ReadonlySet<string>): number {
  const raw = openRawStore(corpusDir);
  let bytes = 0;
  for (const sha256 of sha256s) {
    for (const place of placesOf(ledger, sha256)) {
      raw.erase(place);
      bytes += place.byteLength;
    }
  }
  raw.close();
  return bytes;
}

/** Blanks the kept HTML of pages by their URL or host, every version, and returns how many those were. */
function erasePages(
  ledger: Ledger,
  corpusDir: string,
  { urls, hosts }: { readonly urls: readonly string[]; readonly hosts: readonly string[] },
): number {
  const wantedUrls = new Set(urls);
  const wantedHosts = new Set(hosts.map((host) => host.toLowerCase()));
  const isWanted = (url: string): boolean =>
    wantedUrls.has(url) || (URL.canParse(url) && wantedHosts.has(new URL(url).hostname));
  const places = placesOfPages(ledger, isWanted);
  const store = openPageStore(corpusDir);
  for (const place of places) store.erase(place);
  store.close();
  forgetPlaces(ledger, places);
  return places.length;
}
