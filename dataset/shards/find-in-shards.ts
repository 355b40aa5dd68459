/** Looks pairs up in an export's tables, without opening the archives. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readParquet, tableColumns } from './parquet.ts';

/** A shard and those of its rows that were asked for: what they are found by (`identifying`), as far as the table has it. */
export interface FoundInShard {
  /** Its folder: `train`, `validation`, of an import also `test`. */
  readonly split: string;
  /** `00000`. */
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

const identifying = ['uid', 'url', 'sha256', 'key', 'status', 'page_url', 'phash', 'image_sha256'];

/** The columns by which rows are found; a table of others' may lack some. */
async function readIdentifying(path: string): Promise<Record<string, unknown>[]> {
  const there = await tableColumns(path);
  return readParquet(
    path,
    identifying.filter((name) => name in there),
  );
}

/** All shards of an export with rows that match, in order. A table that cannot be read is told of, or throws where nobody hears it. */
export async function findInShards(
  shardsDir: string,
  matches: (row: Readonly<Record<string, unknown>>) => boolean,
  { onDamaged }: { readonly onDamaged?: (shard: string, error: unknown) => void } = {},
): Promise<FoundInShard[]> {
  const found: FoundInShard[] = [];
  const folders = readdirSync(shardsDir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name: split } of folders.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const folder = join(shardsDir, split);
    const tables = readdirSync(folder).filter((name) => /^\d+\.parquet$/.test(name));
    for (const table of tables.sort()) {
      let rows: Record<string, unknown>[];
      try {
        rows = (await readIdentifying(join(folder, table))).filter(matches);
      } catch (error) {
        if (onDamaged === undefined) throw error;
        onDamaged(`${split}/${table.slice(0, -'.parquet'.length)}`, error);
        continue;
      }
      if (rows.length > 0) found.push({ split, name: table.slice(0, -'.parquet'.length), rows });
    }
  }
  return found;
}
