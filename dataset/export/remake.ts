/**
 * Makes a shard of an export once more from the ledger and the raw images: the same pairs under the same keys. What the ledger has
 * learnt since (another score, another title of the page) makes other bytes: then it cannot be made again.
 */
import { renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { digestOf, writeFileAtomic } from '../atomic-file.ts';
import { pairsOfShard } from '../ledger/exports.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RawStore } from '../ledger/raw-store.ts';
import { makeFolder } from '../make-folder.ts';
import type { ExportFormat } from '../shards/container.ts';
import type { EncodeOptions } from '../shards/encode.ts';
import type { Manifest } from '../shards/manifest.ts';
import { keyPrefix, type ShardStats, type ShardWriterOptions, statsJson, writeShard } from '../shards/writer.ts';
import { type MoreColumns, moreReader, tableColumnsWith } from './more-columns.ts';
import { planHash, planItems, plannedPair, type ShardPlan } from './plan.ts';
import { rewrittenPlan } from './rewrite.ts';
import type { Split } from './split.ts';

/** How the shards of an export are written: what, when changed, makes other bytes of the same pairs. */
export interface ShardSettings extends Required<EncodeOptions>, MoreColumns {
  readonly layoutVersion: number;
  readonly format: ExportFormat;
  readonly shardDigits: number;
  readonly samplesPerShard: number;
}

/** How a shard of this split is written by these settings. */
export function writerOptions(settings: ShardSettings, split: Split): ShardWriterOptions {
  const {
    format,
    shardDigits,
    samplesPerShard,
    layoutVersion: _,
    listColumns: __,
    measured: ___,
    ...encode
  } = settings;
  const columns = tableColumnsWith(settings);
  return { encode, format, columns, shardDigits, samplesPerShard, keyPrefix: keyPrefix(split) };
}

export interface Remaking {
  readonly ledger: Ledger;
  readonly raw: RawStore;
  readonly exportId: number;
  readonly manifest: Manifest;
  readonly settings: ShardSettings;
  /** A folder to work in. */
  readonly workshop: string;
}

/**
 * Makes the shard (`train/00000`) in the workshop; returns its files, by what follows the shard's name, when they are what the
 * manifest says, and null when they cannot be made any more.
 */
export async function remakeShard(remaking: Remaking, shard: string): Promise<readonly string[] | null> {
  const { ledger, raw, exportId, manifest, settings, workshop } = remaking;
  const more = moreReader(ledger, settings);
  const indexed = pairsOfShard(ledger, exportId, shard);
  const pairs = indexed.map(({ id, content }) => plannedPair(ledger, id, { hasImage: content !== null, more }));
  if (pairs.length === 0 || pairs.includes(null)) return null;
  const [split = '', name = ''] = shard.split('/');
  const plan = { split: split as Split, number: Number(name), pairs } as ShardPlan;
  const base = join(workshop, shard);
  makeFolder(dirname(base));
  const keys = indexed.map(({ key, failedKey }) => key ?? failedKey);
  let at = 0;
  function* items() {
    for (const item of planItems(plan, raw)) {
      const key = keys[at];
      at += 1;
      yield key == null ? item : { ...item, key };
    }
  }
  const options = writerOptions(settings, plan.split);
  const stats = await writeShard(base, plan.number, items(), planHash(plan, settings), options);
  const isSame = (ending: string, digest: { readonly sha256: string }) =>
    manifest.files[shard + ending]?.sha256 === digest.sha256;
  if (!Object.entries(stats.lait.files).every(([ending, digest]) => isSame(ending, digest))) return null;
  const rewritten: ShardStats = { ...stats, lait: { ...stats.lait, plan: rewrittenPlan } };
  const right = [stats, rewritten].find((one) => isSame('_stats.json', digestOf(statsJson(one))));
  if (right === undefined) return null;
  writeFileAtomic(`${base}_stats.json`, statsJson(right));
  return [...Object.keys(stats.lait.files), '_stats.json'];
}

/** Puts a remade shard's files in their place. */
export function placeShard(workshop: string, outDir: string, shard: string, endings: readonly string[]): void {
  for (const ending of endings) {
    const path = join(outDir, shard + ending);
    makeFolder(dirname(path));
    renameSync(join(workshop, shard + ending), path);
  }
}
