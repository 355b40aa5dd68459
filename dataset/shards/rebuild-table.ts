/** Makes a shard's table again from the JSON members of its archive, where the table is damaged. Rows without a picture have no member and are lost. */
import { writeFileAtomic } from '../atomic-file.ts';
import { parquetBytes, shardColumns } from './parquet.ts';
import { readShard } from './reader.ts';

/** Columns that a member has as an empty text where the table has one too; in all others that stands for nothing. */
const texts = new Set(['caption', 'text', 'page_title']);

/** Writes `base.parquet` from `base.tar`. Throws when the archive cannot be read either. */
export async function rebuildTable(base: string): Promise<void> {
  const rows: Record<string, unknown>[] = [];
  const extra = new Set<string>();
  for await (const { fields } of readShard(`${base}.tar`)) {
    const member = JSON.parse(fields.json?.toString('utf8') ?? '{}') as Record<string, unknown>;
    for (const name of Object.keys(member)) if (!(name in shardColumns)) extra.add(name);
    rows.push(
      Object.fromEntries(
        Object.entries(member).map(([name, value]) => [name, value === '' && !texts.has(name) ? null : value]),
      ),
    );
  }
  const columns = { ...shardColumns, ...Object.fromEntries([...extra].map((name) => [name, 'STRING' as const])) };
  writeFileAtomic(`${base}.parquet`, parquetBytes(columns, rows));
}
