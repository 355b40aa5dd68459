/**
 * Whose an export is. A manifest names no corpus: those of the same history are the same bytes. So the ledger says it, by what it remembers of its
 * exports: a corpus that was copied or moved remembers the same, and a copy of its export is still its own.
 */
import { join } from 'node:path';
import { isOwnShards } from '../corpus-lock.ts';
import { exportRecords, fullPath, hasExportedTable, storedPath } from '../ledger/exports.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { isTakenDown } from '../ledger/tombstones.ts';
import type { Manifest } from '../shards/manifest.ts';
import { readParquet } from '../shards/parquet.ts';
import { expected } from '../user-error.ts';
import type { CardOptions } from './card.ts';

/** Throws a UserError where the export in a folder is of another corpus: what that one has would leave it. */
export async function requireOwnExport(
  ledger: Ledger,
  corpusDir: string,
  outDir: string,
  manifest: Manifest,
): Promise<void> {
  if (await isOwnExport(ledger, corpusDir, outDir, manifest)) return;
  const { name } = (manifest.configuration.card ?? {}) as CardOptions;
  throw expected(
    `an export of corpus ${corpusDir}`,
    'out',
    `${outDir}, which has one of another corpus${name === undefined ? '' : ` (${name})`}`,
    'name another --out, or give --rebuild to replace it',
  );
}

/** Whether a ledger knows a version that led to this one, or one of its tables; or else exported to this folder, and knows all samples. */
async function isOwnExport(ledger: Ledger, corpusDir: string, outDir: string, manifest: Manifest): Promise<boolean> {
  const records = exportRecords(ledger, corpusDir);
  const made = new Set(records.map(({ sha256 }) => sha256).filter((sha256) => sha256 !== ''));
  if ([manifest.export, ...(manifest.history ?? [])].some((version) => version && made.has(version.sha256)))
    return true;
  const tables = Object.entries(manifest.files).filter(([path]) => /^\w+\/\d+\.parquet$/.test(path));
  if (tables.some(([, { sha256 }]) => hasExportedTable(ledger, sha256))) return true;
  const isKnownPlace =
    isOwnShards(corpusDir, outDir) || records.some(({ folder }) => folder === placeOf(corpusDir, outDir));
  if (!isKnownPlace) return false;
  // One of an older lait has no versions. It is written anew.
  if (manifest.export === undefined) return true;
  // Its writer was killed before the ledger heard of it, or one of them was put back from a copy.
  for (const [path] of tables) if (!(await hasOnlyKnown(ledger, join(outDir, path)))) return false;
  return true;
}

/** A folder as the records of exports name it. */
const placeOf = (corpusDir: string, outDir: string): string => fullPath(corpusDir, storedPath(corpusDir, outDir));

/** Whether each row of a table is of a pair that the ledger has, or that was taken down. A table that cannot be read says nothing. */
async function hasOnlyKnown(ledger: Ledger, path: string): Promise<boolean> {
  const rows = (await readParquet(path, ['uid', 'url', 'sha256']).catch(() => [])) as Readonly<
    Record<string, string | null>
  >[];
  const known = ledger.statement('SELECT 1 FROM pairs WHERE id = ?');
  return rows.every(
    ({ uid, url, sha256 }) =>
      known.get(uid) !== undefined || isTakenDown(ledger, { ...(url && { url }), ...(sha256 && { sha256 }) }),
  );
}
