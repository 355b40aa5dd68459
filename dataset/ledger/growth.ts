/**
 * What an export lacks and what it has too much, asked of the ledger in two passes of SQL. The answers lie in temporary tables on
 * disk: their length is no matter of memory.
 */
import { contentColumn, textHash } from './exports.ts';
import type { Ledger } from './ledger.ts';
import { goneColumn } from './origins.ts';

export interface GrowthOptions {
  /** The export to compare with; null for one that has nothing. */
  readonly exportId: number | null;
  /** Whether pairs that are not on the web any more belong to it. */
  readonly gone: 'keep' | 'drop';
  /** Whether pairs whose image failed get a row. */
  readonly withFailures: boolean;
  /** Only pairs with one of these ids. */
  readonly subset?: ReadonlySet<string> | undefined;
}

/** A sample that has to leave an export. `not-in-corpus` is one that this ledger does not know: nobody asked for its removal. */
export interface RemovedSample {
  /** `train/00000`. */
  readonly shard: string;
  readonly key: string;
  readonly id: string;
  /** The rule and its reason (`image/size: too-small`), `gone: page-gone`, `changed`, `not-in-subset`, `taken-down`, or `not-in-corpus`. */
  readonly reason: string;
}

/**
 * SQL: all pairs with their images, as they were found and not by id: so both tables are read from one end to the other, where by id
 * each row is a page of its own somewhere on the disk.
 */
const inOrderFound = 'pairs p NOT INDEXED CROSS JOIN images i ON i.id = p.image_id';

/**
 * Fills `temp.new_pairs` with the pairs that belong to the export and are not in it as they are now, and `temp.removed_samples`
 * with what is in it and does not belong there. A pair that waits to be judged again stays where it is. To be called within
 * `holdSnapshot`.
 */
export function findGrowth(ledger: Ledger, { exportId, gone, withFailures, subset }: GrowthOptions): void {
  const { db } = ledger;
  db.function('text_hash', { deterministic: true }, (text: unknown) => textHash(text as string));
  db.exec(`DROP TABLE IF EXISTS temp.new_pairs; DROP TABLE IF EXISTS temp.removed_samples; DROP TABLE IF EXISTS temp.wanted;
    CREATE TEMP TABLE new_pairs (id TEXT PRIMARY KEY, is_failure INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TEMP TABLE removed_samples (shard TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, reason TEXT NOT NULL,
      PRIMARY KEY (shard, key)) STRICT, WITHOUT ROWID;
    CREATE TEMP TABLE wanted (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;`);
  const want = db.prepare('INSERT OR IGNORE INTO temp.wanted VALUES (?)');
  for (const id of subset ?? []) want.run(id);
  const isWanted = subset === undefined ? 'true' : 'p.id IN (SELECT id FROM temp.wanted)';
  const isFresh = gone === 'keep' ? 'true' : `${goneColumn} IS NULL`;
  db.prepare(
    `INSERT INTO temp.new_pairs
     SELECT p.id, p.dropped_by IS NOT NULL FROM ${inOrderFound}
     WHERE ((p.judged_by IS NOT NULL AND p.dropped_by IS NULL AND i.sha256 IS NOT NULL)
         OR (@withFailures AND p.dropped_by = 'download' AND i.status <> 'pending'))
       AND ${isFresh} AND ${isWanted}
       AND NOT EXISTS (SELECT 1 FROM exported_pairs e WHERE e.export_id = @exportId AND e.pair_id = p.id
         AND (p.dropped_by IS NOT NULL OR e.content = ${contentColumn}))
     ORDER BY p.id`,
  ).run({ exportId: exportId ?? -1, withFailures: withFailures ? 1 : 0 });
  if (exportId === null) return;
  db.prepare(
    `INSERT INTO temp.removed_samples
     SELECT s.shard, e.key, e.pair_id,
       CASE WHEN NOT ${isWanted} THEN 'not-in-subset'
         WHEN NOT ${isFresh} THEN 'gone: ' || ${goneColumn}
         WHEN p.judged_by IS NOT NULL AND p.dropped_by IS NOT NULL THEN p.dropped_by || coalesce(': ' || p.drop_reason, '')
         ELSE 'changed' END
     FROM ${inOrderFound}
       CROSS JOIN exported_pairs e ON e.export_id = @exportId AND e.pair_id = p.id AND e.key IS NOT NULL
       CROSS JOIN exported_shards s ON s.id = e.shard_id
     WHERE NOT coalesce((p.judged_by IS NULL OR p.dropped_by IS NULL) AND ${isFresh} AND ${isWanted}
         AND i.sha256 IS NOT NULL AND e.content = ${contentColumn}, false)
     UNION ALL
     SELECT s.shard, e.key, e.pair_id,
       iif(substr(e.content, 1, 16) IN (SELECT substr(value, 1, 16) FROM tombstones WHERE kind = 'sha256'), 'taken-down', 'not-in-corpus')
     FROM exported_pairs e CROSS JOIN exported_shards s ON s.id = e.shard_id
     WHERE e.export_id = @exportId AND e.key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM pairs p WHERE p.id = e.pair_id)
     ORDER BY 1, 2`,
  ).run({ exportId });
}

/** The samples of a shard that `findGrowth` found too much, by key. */
export function removedFrom(ledger: Ledger, shard: string): RemovedSample[] {
  return ledger
    .statement('SELECT shard, key, id, reason FROM temp.removed_samples WHERE shard = ? ORDER BY key')
    .all(shard) as RemovedSample[];
}

/** All samples that `findGrowth` found too much, by shard and key. */
export function* removedSamples(ledger: Ledger): Generator<RemovedSample> {
  const shards = ledger.db.prepare('SELECT DISTINCT shard FROM temp.removed_samples ORDER BY shard').pluck().all();
  for (const shard of shards as string[]) yield* removedFrom(ledger, shard);
}
