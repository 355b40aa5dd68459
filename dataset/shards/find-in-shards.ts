/** Looks pairs up in an export's tables, without opening the archives. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readParquet } from './parquet.ts';

/** A shard and those of its rows that were asked for: their `uid`, `url`, `sha256`, `key` and `status`. */
export interface FoundInShard {
  /** Its folder: `train`, `validation`, of an import also `test`. */
  readonly split: string;
  /** `00000`. */
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** All shards of an export with rows that match, in order. */
export async function findInShards(
  shardsDir: string,
  matches: (row: Readonly<Record<string, unknown>>) => boolean,
): Promise<FoundInShard[]> {
  const found: FoundInShard[] = [];
  const folders = readdirSync(shardsDir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name: split } of folders.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const folder = join(shardsDir, split);
    const tables = readdirSync(folder).filter((name) => /^\d+\.parquet$/.test(name));
    for (const table of tables.sort()) {
      const rows = (await readParquet(join(folder, table), ['uid', 'url', 'sha256', 'key', 'status'])).filter(matches);
      if (rows.length > 0) found.push({ split, name: table.slice(0, -'.parquet'.length), rows });
    }
  }
  return found;
}
