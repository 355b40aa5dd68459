/**
 * `lait takedown`: removes images from everything: the shards that hold them (and only those) are rewritten, wherever an export of
 * this corpus went; their bytes in `raw/` are overwritten, the pages that show them leave `pages/`, their vectors, pairs and scores leave
 * the databases, and a tombstone stays, so that a later crawl does not bring them back. The tombstone comes first and the ledger rows go last:
 * whatever a kill leaves undone, running it again does. A picture that other URLs have as well is removed under those too.
 *
 * A crawl may run meanwhile: it asks for tombstones in the transaction that stores a picture, so from the first moment on it stores
 * nothing of this. Exports, filters and detections are waited for.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { withCleanup } from '../cleanup.ts';
import {
  CorpusBusy,
  inTurn,
  isOwnShards,
  lockFolder,
  lockPart,
  lockPartsInTurn,
  type Waiting,
} from '../corpus-lock.ts';
import { exportRecords } from '../ledger/exports.ts';
import { Ledger } from '../ledger/ledger.ts';
import { forgetPlaces, openPageStore, placesOfPages } from '../ledger/page-store.ts';
import { committedRawEnd, openRawStore, rawMembers, segmentName, segments } from '../ledger/raw-store.ts';
import {
  type FoundElsewhere,
  placesOf,
  type Removed,
  raiseFollowing,
  removeFromLedger,
  whatToRemove,
} from '../ledger/removal.ts';
import {
  causeOf,
  causesFor,
  hasFollowed,
  lowerTombstones,
  raiseTombstones,
  type TakedownRequest,
  type Undone,
} from '../ledger/tombstones.ts';
import { takeFromVectors } from '../ledger/vector-store.ts';
import { findInShards } from '../shards/find-in-shards.ts';
import { manifestIn } from '../shards/manifest.ts';
import { UserError } from '../user-error.ts';
import { pushedTo } from './pushed.ts';
import { eraseFromColumns } from './takedown-columns.ts';
import { deleteReports } from './takedown-reports.ts';
import { type TakedownNames, takedownRequest } from './takedown-request.ts';
import { runsThatLearned } from './takedown-runs.ts';
import { eraseFromPages, eraseFromRaw, whatIsLeft } from './takedown-search.ts';
import { type IsRemoved, prepareShards, rowsByMd5, takeFromShards } from './takedown-shards.ts';
import { deleteRunTexts } from './takedown-texts.ts';

export interface TakedownOptions extends TakedownNames {
  readonly corpusDir: string;
  /** Default: `shards` in the corpus. */
  readonly shardsDir?: string;
  /** Further folders with exports of this corpus, beside those that the ledger remembers. */
  readonly exports?: readonly string[];
  /** Who asked, or why: kept with the tombstone. */
  readonly note?: string;
}

export interface TakedownSummary {
  readonly tombstones: number;
  /** Whether the corpus has, or had, anything of what was asked for. */
  readonly isKnown: boolean;
  /** Distinct pictures removed from `raw/`. */
  readonly images: number;
  readonly bytes: number;
  /** Kept versions of pages whose HTML was removed. */
  readonly pages: number;
  readonly pairs: number;
  readonly samples: number;
  /** `train/00000.tar`, `train/00000.parquet` or `train/00000.jsonl`, …; of exports elsewhere with their folder. */
  readonly shardsRewritten: readonly string[];
  /** Shards that a killed export had not finished, which were deleted: export again to have the rest of them. */
  readonly shardsRemoved: readonly string[];
  /** Other files that were deleted, since they may show what was removed. */
  readonly deleted: readonly string[];
  /** Where exports and reports went and are no more, or cannot be read or written: a copy may be elsewhere. */
  readonly unreached: readonly string[];
  /** Runs that learned from shards that held what was removed, and stay as they are. */
  readonly learned: readonly string[];
  /** What a search found afterwards all the same. Empty, or something is wrong. */
  readonly left: readonly string[];
}

export interface TakedownTools extends Waiting {
  /**
   * Called once nothing else is asked for: takes back what other machines are to make of this corpus, and removes it. Gives the places that
   * it could not reach.
   */
  readonly withdraw?: () => Promise<readonly string[]>;
  readonly onProgress?: (shard: string) => void;
}

/**
 * Removes everything that the options name. Throws a UserError when they name nothing, or what is no URL, host or hash, and for a damaged
 * `pushed.json`, before anything is removed.
 */
export async function takedown(options: TakedownOptions, tools: TakedownTools = {}): Promise<TakedownSummary> {
  const { corpusDir, shardsDir = join(corpusDir, 'shards'), note = '' } = options;
  const { onProgress, withdraw, ...waiting } = tools;
  const { signal } = waiting;
  const request = takedownRequest(options);
  const pushed = pushedTo(corpusDir);
  return withCleanup(async (defer) => {
    const ledger = openLedger(corpusDir, shardsDir, waiting);
    defer(() => ledger.close());
    const tombstones = await ledger.writeWhenFree(() => raiseTombstones(ledger, request, note));
    defer(await lockPartsInTurn(corpusDir, ['filter', 'shards', 'regions'], waiting));
    const unreached: string[] = [...((await withdraw?.()) ?? [])];
    cutRawTail(corpusDir, ledger);

    // Where to look.
    const records = exportRecords(ledger, corpusDir);
    const exports = [...records.map(({ folder }) => folder), ...(options.exports ?? [])];
    const folders = [...new Set([shardsDir, ...exports].map((folder) => resolve(folder)))];
    const reached: string[] = [];
    const rebuilt = new Map<string, string[]>();
    const failed = new Set<string>();
    const orUnreached = (error: unknown, folder: string): null => {
      if (!isOutOfReach(error) || folder === resolve(shardsDir)) throw error;
      unreached.push(folder);
      failed.add(folder);
      return null;
    };
    for (const folder of folders) {
      if (!existsSync(folder)) {
        if (folder !== resolve(shardsDir)) unreached.push(folder);
        continue;
      }
      if (!isOwnShards(corpusDir, folder)) defer(await inTurn(() => lockFolder(folder), waiting));
      try {
        const prepared = await prepareShards(folder);
        rebuilt.set(folder, prepared.rebuilt);
        unreached.push(...prepared.unreadable.map((shard) => join(folder, shard)));
        reached.push(folder);
        // Nothing of an export: a disk that is not mounted, or the export was moved.
        if (records.some((one) => resolve(one.folder) === folder && one.version > 0) && manifestIn(folder) === null) {
          unreached.push(folder);
        }
      } catch (error) {
        orUnreached(error, folder);
      }
    }

    // What to remove.
    const elsewhere = await foundElsewhere(ledger, corpusDir, reached, request);
    const removed = await ledger.writeWhenFree(() => {
      const found = whatToRemove(ledger, request, elsewhere);
      raiseFollowing(ledger, found);
      return found;
    });
    const isRemoved = removedRow(request, removed);
    let found = elsewhere.length > 0 || removed.imageIds.size > 0 || removed.pageIds.size > 0;
    const result = { samples: 0, rewritten: [] as string[], incomplete: [] as string[] };

    // Files first, the ledger last.
    if (found) await eraseFromColumns(corpusDir, isRemoved);
    for (const folder of reached) {
      const done = await takeFromShards(
        ledger,
        { corpusDir, shardsDir: folder, isRemoved, rebuilt: rebuilt.get(folder) ?? [] },
        { signal, onProgress },
      ).catch((error: unknown) => orUnreached(error, folder));
      if (done === null) continue;
      const named = (names: readonly string[]): string[] =>
        folder === resolve(shardsDir) ? [...names] : names.map((name) => join(folder, name));
      result.samples += done.samples;
      result.rewritten.push(...named(done.rewritten));
      result.incomplete.push(...named(done.removed));
    }
    const { ofUrl } = causesFor(request);
    const isPage = (url: string): boolean => ofUrl(url).length > 0;
    const bytes = eraseKnown(ledger, corpusDir, removed) + eraseFromRaw(corpusDir, removed.sha256s);
    const pages =
      (await erasePages(ledger, corpusDir, removed)) +
      (request.urls.length + request.hosts.length > 0 ? eraseFromPages(corpusDir, isPage) : 0);
    const vectors = { sha256s: [...removed.sha256s.keys()], pairs: removed.pairs };
    await takeFromVectors(corpusDir, vectors, { ledger, ...waiting });
    const pairs = await removeFromLedger(ledger, removed);
    // `lait embed` may have made some meanwhile; from here on it sees what the ledger has lost.
    await takeFromVectors(corpusDir, vectors, { ledger, ...waiting });
    found ||= bytes > 0 || pages > 0 || hasFollowed(ledger, request);
    // Last of all: one that is being written looks into the ledger afterwards.
    const reports = found ? deleteReports(ledger, corpusDir) : { deleted: [], unreached: [] };
    const texts = found ? deleteRunTexts(corpusDir) : [];
    const searched = reached.filter((folder) => !failed.has(folder));
    const left = await whatIsLeft(ledger, corpusDir, searched, { sha256s: removed.sha256s, isPage, isRemoved });
    return {
      tombstones,
      isKnown: found,
      images: removed.sha256s.size,
      bytes,
      pages,
      pairs,
      samples: result.samples,
      shardsRewritten: result.rewritten,
      shardsRemoved: result.incomplete,
      deleted: [...reports.deleted, ...texts],
      unreached: [...new Set([...unreached, ...reports.unreached, ...(found ? pushed : [])])],
      learned: runsThatLearned(corpusDir, [...result.rewritten, ...result.incomplete].map(withoutEnding)),
      left,
    };
  });
}

/** `train/00000` of `train/00000.tar`. */
const withoutEnding = (shard: string): string => shard.replace(/\.\w+$/, '');

/** Codes of what cannot be read or written where it lies: a folder of others, a disk that is read-only or has gone. */
const outOfReach = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EIO', 'ESTALE', 'ENOTCONN', 'ETIMEDOUT']);

const isOutOfReach = (error: unknown): boolean => outOfReach.has((error as NodeJS.ErrnoException).code ?? '');

/** Takes requests back. What was erased stays erased; the pictures may be crawled again. */
export async function undoTakedown(
  options: TakedownNames & { readonly corpusDir: string },
  waiting: Waiting = {},
): Promise<Undone> {
  const request = takedownRequest(options);
  const ledger = Ledger.openExisting(options.corpusDir, waiting);
  try {
    return await ledger.writeWhenFree(() => lowerTombstones(ledger, request));
  } finally {
    ledger.close();
  }
}

/** An imported set has no ledger; from now on one keeps what must not come back. */
function openLedger(corpusDir: string, shardsDir: string, waiting: Waiting): Ledger {
  return existsSync(shardsDir) && !existsSync(join(corpusDir, 'ledger.db'))
    ? Ledger.open(corpusDir, waiting)
    : Ledger.openExisting(corpusDir, waiting);
}

/** What a killed crawl left behind has no row that names it. While a crawl runs there is nothing of the kind. */
function cutRawTail(corpusDir: string, ledger: Ledger): void {
  if (!existsSync(join(corpusDir, 'raw'))) return;
  let unlock: () => void;
  try {
    unlock = lockPart(corpusDir, 'crawl');
  } catch (error) {
    if (error instanceof CorpusBusy) return;
    throw error;
  }
  try {
    openRawStore(corpusDir, { committedEnd: committedRawEnd(ledger) }).close();
  } catch (error) {
    // A ledger that is not the store's: by their hashes pictures are found all the same.
    if (!(error instanceof UserError)) throw error;
  } finally {
    unlock();
  }
}

/** Rows of tables that fall under the request, whether the ledger knows them or not; for MD5 the pictures are read. */
export async function foundElsewhere(
  ledger: Ledger,
  corpusDir: string,
  folders: readonly string[],
  request: TakedownRequest,
): Promise<FoundElsewhere[]> {
  const { ofUrl, ofImage } = causesFor(request);
  const found: FoundElsewhere[] = [];
  const md5s = new Set(request.md5s);
  for (const folder of folders) {
    const byMd5 = md5s.size > 0 ? await rowsByMd5(folder, md5s) : new Map<string, Set<string>>();
    for (const { split, name, rows } of await findInShards(folder, () => true, { onDamaged: () => {} })) {
      for (const row of rows) {
        const [url, sha256] = [textOf(row.url) ?? '', textOf(row.sha256)];
        const isByMd5 = byMd5.get(`${split}/${name}`)?.has(String(row.key)) ?? false;
        const causes = [
          ...ofUrl(url),
          ...ofUrl(textOf(row.page_url) ?? ''),
          ...ofImage({ sha256, phash: textOf(row.phash) }),
          ...(isByMd5 ? request.md5s.map((md5) => causeOf('md5', md5)) : []),
        ];
        if (causes.length > 0) found.push({ url, sha256, causes });
      }
    }
  }
  if (md5s.size > 0) found.push(...rawByMd5(corpusDir, md5s), ...resizedByMd5(ledger, md5s));
  return found;
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Pictures of which `raw/` has a smaller one, by the hash of their original. */
function resizedByMd5(ledger: Ledger, md5s: ReadonlySet<string>): FoundElsewhere[] {
  const rows = ledger.db
    .prepare<[], { sha256: string; md5: string }>(
      `SELECT sha256, resized ->> 'originalMd5' AS md5 FROM images WHERE resized IS NOT NULL
       UNION SELECT sha256, resized ->> 'originalMd5' FROM replaced_images WHERE resized IS NOT NULL`,
    )
    .iterate();
  const found: FoundElsewhere[] = [];
  for (const { sha256, md5 } of rows) if (md5s.has(md5)) found.push({ url: '', sha256, causes: [causeOf('md5', md5)] });
  return found;
}

/** Pictures in `raw/` with one of these hashes. Reads all of it. */
function rawByMd5(corpusDir: string, md5s: ReadonlySet<string>): FoundElsewhere[] {
  const found: FoundElsewhere[] = [];
  const folder = join(corpusDir, 'raw');
  for (const segment of segments(folder)) {
    const fd = openSync(join(folder, segmentName(segment)), 'r');
    try {
      for (const { name, offset, byteLength } of rawMembers(fd)) {
        const bytes = Buffer.alloc(byteLength);
        readSync(fd, bytes, 0, byteLength, offset);
        const md5 = createHash('md5').update(bytes).digest('hex');
        if (md5s.has(md5)) found.push({ url: '', sha256: name.slice(0, 64), causes: [causeOf('md5', md5)] });
      }
    } finally {
      closeSync(fd);
    }
  }
  return found;
}

/** Which rows of tables go: by what the ledger knows of them, or by what they say themselves. */
export function removedRow(request: TakedownRequest, { urls, sha256s, pairs }: Removed): IsRemoved {
  const { ofUrl, ofImage } = causesFor(request);
  return (row) => {
    const [url, pageUrl, sha256, phash] = [row.url, row.page_url, row.sha256, row.phash].map(textOf);
    return (
      urls.has(url ?? '') ||
      sha256s.has(sha256 ?? '') ||
      pairs.has(textOf(row.uid) ?? '') ||
      ofUrl(url ?? '').length > 0 ||
      ofUrl(pageUrl ?? '').length > 0 ||
      ofImage({ sha256: sha256 ?? null, phash: phash ?? null }).length > 0
    );
  };
}

/** Overwrites the pictures' bytes where the ledger says they are, and returns how many bytes those were. */
function eraseKnown(ledger: Ledger, corpusDir: string, { sha256s }: Removed): number {
  const raw = openRawStore(corpusDir);
  let bytes = 0;
  for (const sha256 of sha256s.keys()) {
    for (const place of placesOf(ledger, sha256)) {
      raw.erase(place);
      bytes += place.byteLength;
    }
  }
  raw.close();
  return bytes;
}

/** Blanks the kept HTML of pages that were asked for or that show what is removed, every version, and returns how many those were. */
async function erasePages(ledger: Ledger, corpusDir: string, { pageIds, showing }: Removed): Promise<number> {
  const places = placesOfPages(ledger, new Set([...pageIds, ...showing]));
  const store = openPageStore(corpusDir);
  for (const place of places) store.erase(place);
  store.close();
  await ledger.writeWhenFree(() => forgetPlaces(ledger, places));
  return places.length;
}
