/** The files beside a split's shards that let other tools find their way: `sizes.json` (open_clip) and `index.json` (wids). */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, type FileDigest, writeFileAtomic } from './atomic-file.ts';
import { type ShardStats, statsJson } from './shard-writer.ts';
import { type Split, splits } from './split.ts';

/** A finished shard: `00000` and its stats. */
export interface FinishedShard {
  readonly name: string;
  readonly stats: ShardStats;
}

export type FinishedShards = Readonly<Record<Split, readonly FinishedShard[]>>;

/** The shards that an export folder has, from their stats. */
export function finishedShards(outDir: string): FinishedShards {
  const of = (split: Split): FinishedShard[] => {
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
  return { train: of('train'), validation: of('validation') };
}

/** Removes what an earlier export left over, writes every split's indexes and returns all files with their digests. */
export function writeIndexes(outDir: string, shards: FinishedShards): Record<string, FileDigest> {
  const files: Record<string, FileDigest> = {};
  for (const split of splits) {
    const folder = join(outDir, split);
    removeLeftOvers(folder, new Set(shards[split].map(({ name }) => name)));
    if (shards[split].length === 0) {
      rmSync(folder, { recursive: true, force: true });
      continue;
    }
    for (const { name, stats } of shards[split]) {
      files[`${split}/${name}.tar`] = stats.lait.tar;
      files[`${split}/${name}.parquet`] = stats.lait.parquet;
      files[`${split}/${name}_stats.json`] = digestOf(statsJson(stats));
    }
    const put = (name: string, content: unknown) => {
      files[`${split}/${name}`] = writeFileAtomic(join(folder, name), `${JSON.stringify(content, null, 2)}\n`);
    };
    put('sizes.json', Object.fromEntries(shards[split].map(({ name, stats }) => [`${name}.tar`, stats.successes])));
    put('index.json', widsIndex(shards[split]));
  }
  return files;
}

function removeLeftOvers(folder: string, names: ReadonlySet<string>): void {
  for (const file of existsSync(folder) ? readdirSync(folder) : []) {
    const [, name, temporary] = /^(\d+)(?:\.tar|\.parquet|_stats\.json)(\.tmp)?$/.exec(file) ?? [];
    if (name !== undefined && (!names.has(name) || temporary !== undefined)) rmSync(join(folder, file));
  }
}

const widsIndex = (shards: readonly FinishedShard[]) => ({
  __kind__: 'wids-shard-index-v1',
  wids_version: 1,
  shardlist: shards.map(({ name, stats }) => ({
    url: `${name}.tar`,
    md5sum: stats.lait.tar.md5,
    nsamples: stats.successes,
    filesize: stats.lait.tar.bytes,
  })),
});
