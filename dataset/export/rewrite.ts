/**
 * Writes a finished shard again without some of its samples, in the form it has; the others keep their keys and their bytes.
 * In its place (a takedown) the table goes last: while it still names the samples, a rewriting that was killed finds them again and
 * does the rest. Or to another folder (an export), and the shard stays as it is until that is taken over.
 */
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { BasicType } from 'hyparquet-writer';
import { digestOf, writeFileAtomic } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
import { type ExportFormat, imagesPerRowGroup, metadataName, openParquet } from '../shards/container.ts';
import { parquetBytes, readParquet, type ShardRow, tableColumns } from '../shards/parquet.ts';
import { readShard } from '../shards/reader.ts';
import { TarWriter } from '../shards/tar-writer.ts';
import { type ShardStats, statsJson, statsOf } from '../shards/writer.ts';

export interface Rewriting {
  /** Path of the shard without an ending. */
  readonly base: string;
  /** Where to write it. Default: in its place. */
  readonly outBase?: string;
  readonly columns: Readonly<Record<string, BasicType>>;
  /** True for the rows that go. */
  readonly isRemoved: (row: Readonly<Record<string, unknown>>) => boolean;
}

/** The form of a finished shard, from the files that its stats name. */
export function shardFormat({ lait: { files } }: ShardStats): ExportFormat {
  if ('.tar' in files) return 'webdataset';
  return '.jsonl' in files ? 'jsonl' : 'parquet';
}

export const readStats = (base: string) => JSON.parse(readFileSync(`${base}_stats.json`, 'utf8')) as ShardStats;

/** What the stats of a rewritten shard have in place of the hash of a plan. */
export const rewrittenPlan = 'rewritten';

/** Rewrites one shard and returns its stats. They name no plan: a fixed export writes it again. */
export async function rewriteShard(rewriting: Rewriting): Promise<ShardStats> {
  const old = readStats(rewriting.base);
  const format = shardFormat(old);
  if (format === 'parquet') return rewriteParquet(rewriting, old);
  const { base, outBase = base, isRemoved } = rewriting;
  // Its own columns: a set may have more than we have names for.
  const columns = await tableColumns(`${rewriting.base}.parquet`);
  const all = await readParquet(`${base}.parquet`);
  const rows = all.filter((row) => !isRemoved(row));
  const keys = new Set(all.filter(isRemoved).flatMap(({ key }) => (typeof key === 'string' ? [key] : [])));
  const files =
    format === 'jsonl'
      ? removeFiles(base, outBase, old.lait.files, keys)
      : { '.tar': await rewriteTar(`${base}.tar`, keys, `${outBase}.tar`) };
  const table = parquetBytes(columns, rows);
  const times = rows.flatMap(({ fetched_at }) =>
    typeof fetched_at === 'string' ? [Date.parse(fetched_at) / 1000] : [],
  );
  const stats = statsOf(rows as unknown as ShardRow[], times, {
    plan: rewrittenPlan,
    files: { ...files, '.parquet': digestOf(table) },
  });
  writeFileAtomic(`${outBase}_stats.json`, statsJson(stats));
  writeFileAtomic(`${outBase}.parquet`, table);
  return stats;
}

/** Writes a tar of samples again without these keys; it is replaced when it is whole. */
export async function rewriteTar(path: string, keys: ReadonlySet<string>, outPath = path) {
  const tar = new TarWriter(outPath);
  try {
    for await (const { key, fields } of readShard(path)) if (!keys.has(key)) tar.add(key, fields);
  } catch (error) {
    tar.abandon();
    throw error;
  }
  return tar.commit();
}

/** Removes image files and their lines; the files that stay are not touched. Elsewhere, only the lines are written. */
function removeFiles(base: string, outBase: string, files: ShardStats['lait']['files'], keys: ReadonlySet<string>) {
  const isGone = (file: string) => keys.has(/^\/([^.]+)\./.exec(file)?.[1] ?? '');
  const gone = outBase === base ? Object.keys(files).filter(isGone) : [];
  for (const file of gone) rmSync(join(base, file), { force: true });
  const rewritten = ['.jsonl', `/${metadataName}`].filter((ending) => files[ending] !== undefined);
  const digests = rewritten.map((ending) => {
    const lines = readFileSync(base + ending, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !keys.has(JSON.parse(line).key));
    makeFolder(dirname(outBase + ending));
    return [ending, writeFileAtomic(outBase + ending, lines.map((line) => `${line}\n`).join(''))];
  });
  return {
    ...Object.fromEntries(Object.entries(files).filter(([file]) => !isGone(file))),
    ...Object.fromEntries(digests),
  };
}

/** Here the table holds the images, and has no rows of failed ones: how many those were stays as it is. */
async function rewriteParquet(
  { base, outBase = base, columns, isRemoved }: Rewriting,
  old: ShardStats,
): Promise<ShardStats> {
  const file = await asyncBufferFromFile(`${base}.parquet`);
  const { num_rows } = await parquetMetadataAsync(file);
  const container = openParquet(outBase, columns);
  let successes = 0;
  try {
    for (let rowStart = 0; rowStart < Number(num_rows); rowStart += imagesPerRowGroup) {
      const rowEnd = Math.min(rowStart + imagesPerRowGroup, Number(num_rows));
      // Bytes that are no text must not be decoded as text.
      for (const { image, ...row } of await parquetReadObjects({ file, rowStart, rowEnd, utf8: false })) {
        if (isRemoved(row)) continue;
        const { bytes, path } = image as { bytes: Uint8Array; path: string };
        container.addRow({ bytes, path }, row);
        successes += 1;
      }
    }
  } catch (error) {
    container.abandon();
    throw error;
  }
  let stats = old;
  container.commit((files) => {
    stats = {
      ...old,
      count: successes + old.failed_to_download + old.failed_to_resize,
      successes,
      status_dict: { ...old.status_dict, success: successes },
      lait: { plan: rewrittenPlan, files },
    };
    writeFileAtomic(`${outBase}_stats.json`, statsJson(stats));
  });
  return stats;
}
