/**
 * Where exports went, and which pair is in which shard of them: so that an export grows without reading what it has, a takedown
 * reaches every copy that lait made, and `lait ledger explain` finds a sample's key. An index of what stands in the exports'
 * own tables (dataset/export/shard-index.ts brings it up to date), never the other way round.
 */
import { createHash } from 'node:crypto';
import { isAbsolute, join, relative, sep } from 'node:path';
import { realPath } from '../corpus-place.ts';
import { isWithin } from '../is-within.ts';
import type { Ledger } from './ledger.ts';
import { goneColumn } from './origins.ts';

/** An export as the ledger remembers it. */
export interface ExportRecord {
  readonly id: number;
  /** Its folder, absolute. It may have been moved or deleted since. */
  readonly folder: string;
  /** 0 while its first version was never finished. */
  readonly version: number;
  /** Identity of its shards, see `readSetIdentity`; '' while there are none. */
  readonly sha256: string;
  /** What its manifest says of how it was made. */
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly exportedAtMs: number;
}

/** A row of a shard's table, as far as the index has it. */
export interface ExportedPair {
  readonly id: string;
  /** The sample's key; null where the image failed. */
  readonly key: string | null;
  /** The key of a row without an image; null for a sample. */
  readonly failedKey: string | null;
  /** See `contentOf`; null where no image was downloaded. */
  readonly content: string | null;
}

/** Where a pair is. */
export interface ExportedPlace {
  readonly exportId: number;
  readonly pairId: string;
  /** `train/00000`. */
  readonly shard: string;
  readonly key: string | null;
}

/**
 * What makes a sample another one: its picture, its text, or that it is not on the web any more. The text as it was found is in the
 * pair's id already; one that was cleaned adds its hash. `contentColumn` is the same in SQL.
 */
export function contentOf(sample: {
  readonly sha256: string;
  readonly text: string;
  readonly foundText: string;
  readonly gone: string | null;
}): string {
  const { sha256, text, foundText, gone } = sample;
  return sha256.slice(0, 16) + (gone ?? '') + (text === foundText ? '' : textHash(text));
}

/** SQL: `contentOf` a pair `p` with the image `i`; needs the function `text_hash`, which costs more than all the rest. */
export const contentColumn = `(substr(i.sha256, 1, 16) || coalesce(${goneColumn}, '') ||
  CASE WHEN p.cleaned_text IS NULL OR p.cleaned_text = p.text THEN '' ELSE text_hash(p.cleaned_text) END)`;

/** 64 bits in hexadecimal. */
export const textHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** What lies within the corpus is stored relative to it, so that a corpus may be moved and copied; any other by its real path. */
export function storedPath(corpusDir: string, path: string): string {
  const [corpus, full] = [realPath(corpusDir), realPath(path)];
  return full !== corpus && isWithin(corpus, full) ? relative(corpus, full).split(sep).join('/') : full;
}

/** The absolute path of what was stored. */
export const fullPath = (corpusDir: string, stored: string): string =>
  isAbsolute(stored) ? stored : join(realPath(corpusDir), stored);

type ExportRow = Omit<ExportRecord, 'configuration'> & { readonly configuration: string };

const exportColumns = 'id, folder, version, sha256, configuration, exported_at_ms AS exportedAtMs';

const record = (corpusDir: string, row: ExportRow): ExportRecord => ({
  ...row,
  folder: fullPath(corpusDir, row.folder),
  configuration: JSON.parse(row.configuration),
});

/** Every folder that an export of this corpus went to, in the order of the first times. */
export function exportRecords(ledger: Ledger, corpusDir: string): ExportRecord[] {
  const rows = ledger.db.prepare(`SELECT ${exportColumns} FROM exports ORDER BY id`).all() as ExportRow[];
  return rows.map((row) => record(corpusDir, row));
}

/** Remembers that an export is, or is about to be, in this folder; returns its number in this ledger. */
export function rememberExport(
  ledger: Ledger,
  corpusDir: string,
  folder: string,
  { version, sha256, configuration }: Pick<ExportRecord, 'version' | 'sha256' | 'configuration'>,
): number {
  const row = ledger.db
    .prepare(
      `INSERT INTO exports (folder, version, sha256, configuration, exported_at_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (folder) DO UPDATE SET version = excluded.version, sha256 = excluded.sha256,
         configuration = excluded.configuration,
         exported_at_ms = iif(sha256 = excluded.sha256 AND version = excluded.version, exported_at_ms, excluded.exported_at_ms)
       RETURNING id`,
    )
    .get(storedPath(corpusDir, folder), version, sha256, JSON.stringify(configuration), Date.now());
  return (row as { id: number }).id;
}

/** Whether an export has a row of this pair, with an image or without. */
export function isExported(ledger: Ledger, exportId: number, pairId: string): boolean {
  return (
    ledger
      .statement('SELECT 1 FROM exported_pairs WHERE export_id = ? AND pair_id = ? LIMIT 1')
      .get(exportId, pairId) !== undefined
  );
}

/** The SHA-256 of the table that the index was made from, by shard. */
export function indexedShards(ledger: Ledger, exportId: number): Map<string, string> {
  const rows = ledger.db
    .prepare('SELECT shard, table_sha256 FROM exported_shards WHERE export_id = ?')
    .raw()
    .all(exportId);
  return new Map(rows as [string, string][]);
}

/** Enters what a shard's table says, in place of what was known of it. */
export function indexShard(
  ledger: Ledger,
  exportId: number,
  shard: string,
  tableSha256: string,
  pairs: readonly ExportedPair[],
): void {
  const enter = ledger.statement(
    'INSERT OR REPLACE INTO exported_pairs (export_id, pair_id, shard_id, key, failed_key, content) VALUES (?, ?, ?, ?, ?, ?)',
  );
  ledger.write(() => {
    forgetShard(ledger, exportId, shard);
    const { lastInsertRowid } = ledger
      .statement('INSERT INTO exported_shards (export_id, shard, table_sha256) VALUES (?, ?, ?)')
      .run(exportId, shard, tableSha256);
    for (const { id, key, failedKey, content } of pairs) {
      enter.run(exportId, id, lastInsertRowid, key, failedKey, content);
    }
  });
}

/** Removes a shard from the index. */
export function forgetShard(ledger: Ledger, exportId: number, shard: string): void {
  ledger.write(() => {
    const id = ledger.statement('SELECT id FROM exported_shards WHERE export_id = ? AND shard = ?').pluck();
    ledger.statement('DELETE FROM exported_pairs WHERE shard_id = ?').run(id.get(exportId, shard) ?? -1);
    ledger.statement('DELETE FROM exported_shards WHERE export_id = ? AND shard = ?').run(exportId, shard);
  });
}

/** The rows of a shard, ordered by the pairs' ids, which is the order of its table. */
export function pairsOfShard(ledger: Ledger, exportId: number, shard: string): ExportedPair[] {
  return ledger.db
    .prepare(
      `SELECT p.pair_id AS id, p.key, p.failed_key AS failedKey, p.content FROM exported_shards s JOIN exported_pairs p ON p.shard_id = s.id
       WHERE s.export_id = ? AND s.shard = ? ORDER BY p.pair_id`,
    )
    .all(exportId, shard) as ExportedPair[];
}

/** The pairs of a split by the keys of their samples, as far as the export has them. */
export function pairsByKey(
  ledger: Ledger,
  exportId: number,
  split: string,
  keys: readonly string[],
): Map<string, Pick<ExportedPair, 'id' | 'content'>> {
  const rows = ledger.db
    .prepare(
      `SELECT p.key, p.pair_id AS id, p.content FROM exported_shards s JOIN exported_pairs p ON p.shard_id = s.id
       WHERE s.export_id = @exportId AND substr(s.shard, 1, length(@split)) = @split AND p.key IN (SELECT value FROM json_each(@keys))`,
    )
    .all({ exportId, split: `${split}/`, keys: JSON.stringify(keys) }) as (Pick<ExportedPair, 'id' | 'content'> & {
    key: string;
  })[];
  return new Map(rows.map(({ key, ...pair }) => [key, pair]));
}

/** Whether a table with this SHA-256 is, or was last seen, in an export of this corpus. */
export const hasExportedTable = (ledger: Ledger, tableSha256: string): boolean =>
  ledger.statement('SELECT 1 FROM exported_shards WHERE table_sha256 = ? LIMIT 1').get(tableSha256) !== undefined;

/** The rows of a table with this SHA-256, wherever a copy of it was indexed; null where none was. */
export function pairsOfTable(ledger: Ledger, tableSha256: string): ExportedPair[] | null {
  const shard = ledger.db
    .prepare('SELECT export_id AS exportId, shard FROM exported_shards WHERE table_sha256 = ? LIMIT 1')
    .get(tableSha256) as { exportId: number; shard: string } | undefined;
  return shard === undefined ? null : pairsOfShard(ledger, shard.exportId, shard.shard);
}

/** Where these pairs are, in all exports; those whose image failed too. */
export function exportedPlaces(ledger: Ledger, pairIds: Iterable<string>): ExportedPlace[] {
  const places = ledger.db.prepare(
    `SELECT p.export_id AS exportId, p.pair_id AS pairId, s.shard, p.key
     FROM exports x JOIN exported_pairs p ON p.export_id = x.id AND p.pair_id = ?
       JOIN exported_shards s ON s.id = p.shard_id ORDER BY x.id, s.shard`,
  );
  return [...pairIds].flatMap((id) => places.all(id) as ExportedPlace[]);
}
