/** What a takedown does to one export or import: the shards that hold what goes are rewritten, and only those. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryEnding } from '../atomic-file.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { findInShards } from '../shards/find-in-shards.ts';
import { finishedShards } from '../shards/indexes.ts';
import { manifestIn } from '../shards/manifest.ts';
import { imageOf, readShard } from '../shards/reader.ts';
import { rebuildTable } from '../shards/rebuild-table.ts';
import { discardStaged, settle } from '../shards/staging.ts';
import { type ExportConfiguration, finishExport } from './finish.ts';
import { finishImport, type ImportConfiguration, importColumns } from './finish-import.ts';
import { type MoreColumns, tableColumnsWith } from './more-columns.ts';
import { readStats, rewriteShard, shardFormat } from './rewrite.ts';
import { indexExport, removedSince } from './shard-index.ts';
import { splits } from './split.ts';
import { takenDown } from './versions.ts';

export type IsRemoved = (row: Readonly<Record<string, unknown>>) => boolean;

/** What became of the shards of a folder. */
export interface ShardsTakenDown {
  /** `train/00000.tar`, `train/00000.parquet` or `train/00000.jsonl`, … */
  readonly rewritten: string[];
  /** Shards that a killed export had not finished, which were deleted: export again to have the rest of them. */
  readonly removed: string[];
  /** Shards whose table is damaged, and of which nothing tells what they hold. */
  readonly unreadable: string[];
  samples: number;
}

/**
 * Makes the folder fit to be searched: what was not taken over yet, and what a killed takedown was writing, may hold what has to go.
 * Tables that are damaged are made again from their archives, and those shards are named: they are to be written again. An export that
 * was killed while it took its files over is finished first.
 */
export async function prepareShards(
  shardsDir: string,
): Promise<{ readonly rebuilt: string[]; readonly unreadable: string[] }> {
  settle(shardsDir);
  discardStaged(shardsDir);
  const ours = /^(train|validation|test)[\\/]\d+(?:\.(?:tar|parquet|jsonl|files)|_stats\.json)$/;
  for (const path of readdirSync(shardsDir, { recursive: true, encoding: 'utf8' })) {
    const whole = path.replace(temporaryEnding, '');
    if (whole !== path && ours.test(whole)) rmSync(join(shardsDir, path), { recursive: true });
  }
  const damaged: string[] = [];
  await findInShards(shardsDir, () => false, { onDamaged: (shard) => damaged.push(shard) });
  const rebuilt: string[] = [];
  const unreadable: string[] = [];
  for (const shard of damaged) {
    const base = join(shardsDir, shard);
    try {
      await rebuildTable(base);
      rebuilt.push(shard);
    } catch {
      unreadable.push(shard);
    }
  }
  return { rebuilt, unreadable };
}

/** Rows of a folder whose picture, as it stands in the shards, has one of these MD5 hashes. Reads every picture. */
export async function rowsByMd5(shardsDir: string, md5s: ReadonlySet<string>): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>();
  for (const { split, name } of await findInShards(shardsDir, () => true, { onDamaged: () => {} })) {
    const tar = join(shardsDir, split, `${name}.tar`);
    if (!existsSync(tar)) continue;
    for await (const sample of readShard(tar)) {
      const image = imageOf(sample);
      const md5 = image && createHash('md5').update(image).digest('hex');
      if (md5 && md5s.has(md5))
        found.set(`${split}/${name}`, (found.get(`${split}/${name}`) ?? new Set()).add(sample.key));
    }
  }
  return found;
}

/** Removes samples from the shards of one folder, and brings its indexes, card and manifest up to date. */
export async function takeFromShards(
  ledger: Ledger,
  {
    corpusDir,
    shardsDir,
    isRemoved,
    rebuilt,
  }: {
    readonly corpusDir: string;
    readonly shardsDir: string;
    readonly isRemoved: IsRemoved;
    /** Shards that are to be written again whatever they hold. */
    readonly rebuilt: readonly string[];
  },
  {
    onProgress,
    signal,
  }: { readonly onProgress?: ((shard: string) => void) | undefined; readonly signal?: AbortSignal | undefined },
): Promise<ShardsTakenDown> {
  const result: ShardsTakenDown = { rewritten: [], removed: [], unreadable: [], samples: 0 };
  const found = await findInShards(shardsDir, isRemoved, { onDamaged: () => {} });
  const names = new Map(found.map(({ split, name, rows }) => [`${split}/${name}`, rows]));
  for (const shard of rebuilt) if (!names.has(shard)) names.set(shard, []);
  const manifest = manifestIn(shardsDir);
  const configuration = manifest?.configuration ?? null;
  const isImport = configuration?.source === 'import';
  const columns = isImport ? importColumns : tableColumnsWith((configuration ?? {}) as MoreColumns);
  // Before anything is rewritten the ledger knows what the export has, and afterwards what has left it.
  const exportId =
    manifest === null || isImport ? null : await indexExport(ledger, corpusDir, shardsDir, manifest, { mayLack: true });
  for (const [shard, rows] of names) {
    signal?.throwIfAborted();
    const base = join(shardsDir, shard);
    if (!existsSync(`${base}_stats.json`)) {
      for (const ending of ['', '.tar', '.jsonl', '.parquet']) rmSync(base + ending, { recursive: true, force: true });
      result.removed.push(shard);
      continue;
    }
    const format = shardFormat(readStats(base));
    await rewriteShard({ base, columns, isRemoved });
    result.samples += new Set(
      rows.flatMap(({ key, status }) => (typeof key === 'string' && status === 'success' ? [key] : [])),
    ).size;
    const file = `${shard}.${format === 'webdataset' ? 'tar' : format}`;
    result.rewritten.push(file);
    onProgress?.(file);
  }
  if (isImport) {
    const shards = finishedShards(shardsDir, Object.keys(manifest!.samples));
    await finishImport(shardsDir, shards, configuration as ImportConfiguration);
  } else if (exportId !== null) {
    const shards = finishedShards(shardsDir, splits);
    const removed = await removedSince(ledger, exportId, shardsDir, shards, takenDown);
    const finished = finishExport(ledger, shardsDir, shards, configuration as ExportConfiguration, { removed });
    await indexExport(ledger, corpusDir, shardsDir, finished);
  }
  return result;
}
