/** The files beside a split's shards that let other tools find their way: `sizes.json` (open_clip) and `index.json` (wids). */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, type FileDigest, writeFileAtomic } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
import { type ExportFormat, leftOvers } from './container.ts';
import { type ShardStats, statsJson } from './writer.ts';

/** A finished shard: `00000` and its stats. */
export interface FinishedShard {
  readonly name: string;
  readonly stats: ShardStats;
}

/** By split. */
export type FinishedShards = Readonly<Record<string, readonly FinishedShard[]>>;

/** The shards that an export folder has, from their stats. */
export function finishedShards(outDir: string, splits: readonly string[]): FinishedShards {
  const of = (split: string): FinishedShard[] => {
    const folder = join(outDir, split);
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => /^\d+_stats\.json$/.test(name))
      .sort()
      .map((name) => ({
        name: name.slice(0, -'_stats.json'.length),
        stats: JSON.parse(readFileSync(join(folder, name), 'utf8')),
      }));
  };
  return Object.fromEntries(splits.map((split) => [split, of(split)]));
}

/** Writes every split's indexes to the folder and returns all files of the set, those of its shards too, with their digests. */
export function describeShards(
  folder: string,
  shards: FinishedShards,
  format: ExportFormat,
): Record<string, FileDigest> {
  const files: Record<string, FileDigest> = {};
  for (const [split, ofSplit] of Object.entries(shards)) {
    if (ofSplit.length === 0) continue;
    for (const { name, stats } of ofSplit) {
      for (const [ending, digest] of Object.entries(stats.lait.files)) files[`${split}/${name}${ending}`] = digest;
      files[`${split}/${name}_stats.json`] = digestOf(statsJson(stats));
    }
    if (format !== 'webdataset') continue;
    const put = (name: string, content: unknown) => {
      makeFolder(join(folder, split));
      files[`${split}/${name}`] = writeFileAtomic(join(folder, split, name), `${JSON.stringify(content, null, 2)}\n`);
    };
    put('sizes.json', Object.fromEntries(ofSplit.map(({ name, stats }) => [`${name}.tar`, stats.successes])));
    put('index.json', widsIndex(ofSplit));
  }
  return files;
}

/** Removes what an earlier export left over, writes every split's indexes and returns all files with their digests. */
export function writeIndexes(outDir: string, shards: FinishedShards, format: ExportFormat): Record<string, FileDigest> {
  for (const [split, ofSplit] of Object.entries(shards)) {
    const folder = join(outDir, split);
    if (!existsSync(folder)) continue;
    const names = new Set(ofSplit.map(({ name }) => name));
    for (const file of leftOvers(folder, names, format)) rmSync(join(folder, file), { recursive: true });
    if (ofSplit.length === 0) {
      rmSync(folder, { recursive: true, force: true });
      continue;
    }
    if (format === 'webdataset') continue;
    for (const index of ['sizes.json', 'index.json']) rmSync(join(folder, index), { force: true });
  }
  return describeShards(outDir, shards, format);
}

const widsIndex = (shards: readonly FinishedShard[]) => ({
  __kind__: 'wids-shard-index-v1',
  wids_version: 1,
  shardlist: shards.map(({ name, stats }) => ({
    url: `${name}.tar`,
    md5sum: stats.lait.files['.tar']!.md5,
    nsamples: stats.successes,
    filesize: stats.lait.files['.tar']!.bytes,
  })),
});
