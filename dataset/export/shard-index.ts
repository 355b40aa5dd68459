/**
 * Brings the ledger's index of an export up to date with the tables in its folder: those that are new or have changed since are read,
 * the others are not. So it costs what changed, and a folder that was moved, copied, restored or grown elsewhere is understood.
 */
import { join } from 'node:path';
import {
  contentOf,
  type ExportedPair,
  forgetShard,
  indexedShards,
  indexShard,
  pairsOfShard,
  pairsOfTable,
  rememberExport,
} from '../ledger/exports.ts';
import type { RemovedSample } from '../ledger/growth.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { FinishedShards } from '../shards/indexes.ts';
import type { Manifest } from '../shards/manifest.ts';
import { readParquet } from '../shards/parquet.ts';
import { expected } from '../user-error.ts';

/**
 * Makes the index say what the folder's manifest (null: none yet) and tables say, and returns the export's number in the ledger.
 * Throws a UserError at a table that cannot be read, unless `mayLack` leaves it out.
 */
export async function indexExport(
  ledger: Ledger,
  corpusDir: string,
  outDir: string,
  manifest: Manifest | null,
  { mayLack = false }: { readonly mayLack?: boolean } = {},
): Promise<number> {
  const told = {
    version: manifest?.export?.version ?? 0,
    sha256: manifest?.export?.sha256 ?? '',
    configuration: manifest?.configuration ?? {},
  };
  const exportId = await ledger.writeWhenFree(() => rememberExport(ledger, corpusDir, outDir, told));
  const tables = new Map(
    // An export of an older lait has no versions, and tables of other columns: it does not grow, it is written anew.
    Object.entries((manifest?.export && manifest.files) ?? {}).flatMap(([path, { sha256 }]) => {
      const [, shard] = /^([^/]+\/\d+)\.parquet$/.exec(path) ?? [];
      return shard === undefined ? [] : [[shard, sha256] as const];
    }),
  );
  const known = indexedShards(ledger, exportId);
  const gone = [...known.keys()].filter((shard) => !tables.has(shard));
  if (gone.length > 0) {
    await ledger.writeWhenFree(() => {
      for (const shard of gone) forgetShard(ledger, exportId, shard);
    });
  }
  for (const [shard, sha256] of tables) {
    if (known.get(shard) === sha256) continue;
    const pairs = (await tablePairs(outDir, shard)) ?? pairsOfTable(ledger, sha256);
    if (pairs !== null) await ledger.writeWhenFree(() => indexShard(ledger, exportId, shard, sha256, pairs));
    else if (!mayLack) throw unreadable(outDir, shard);
  }
  return exportId;
}

/**
 * What the index has of an export and its tables have not any more, where shards were rewritten: what a takedown has removed, be it
 * in several runs.
 */
export async function removedSince(
  ledger: Ledger,
  exportId: number,
  outDir: string,
  shards: FinishedShards,
  reason: string,
): Promise<RemovedSample[]> {
  const known = indexedShards(ledger, exportId);
  const removed: RemovedSample[] = [];
  for (const [split, ofSplit] of Object.entries(shards)) {
    for (const { name, stats } of ofSplit) {
      const shard = `${split}/${name}`;
      if (known.get(shard) === stats.lait.files['.parquet']?.sha256) continue;
      const pairs = await tablePairs(outDir, shard);
      if (pairs === null) throw unreadable(outDir, shard);
      const left = new Set(pairs.map(({ key }) => key));
      for (const { id, key } of pairsOfShard(ledger, exportId, shard)) {
        if (key !== null && !left.has(key)) removed.push({ shard, key, id, reason });
      }
    }
  }
  return removed.sort((a, b) => (a.shard === b.shard ? (a.key < b.key ? -1 : 1) : a.shard < b.shard ? -1 : 1));
}

const unreadable = (outDir: string, shard: string) =>
  expected(
    'a table that can be read',
    join(outDir, `${shard}.parquet`),
    'a missing or damaged one',
    'run lait verify --repair, or lait export --rebuild',
  );

/** The rows of a shard's table; null when it is not there or damaged. */
async function tablePairs(outDir: string, shard: string): Promise<ExportedPair[] | null> {
  const columns = ['uid', 'key', 'status', 'sha256', 'text', 'found_text', 'gone'];
  const rows = await readParquet(join(outDir, `${shard}.parquet`), columns).catch(() => null);
  if (rows === null) return null;
  return rows.map((row) => {
    const { uid, key = null, status, sha256, text, found_text, gone = null } = row as Record<string, string | null>;
    // An image that was there and could not be encoded has a content and no key.
    const content = sha256 == null ? null : contentOf({ sha256, text: text ?? '', foundText: found_text ?? '', gone });
    const [sampleKey, failedKey] = status === 'success' ? [key, null] : [null, key];
    return { id: uid ?? '', key: sampleKey, failedKey, content };
  });
}
