/**
 * How what an import yields becomes shards: the same files as an export, with a `texts` column for all captions. The new state
 * is built beside the old one and put in its place when it is whole: an import that fails or is killed changes nothing.
 */
import { existsSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CardOptions } from '../export/card.ts';
import { finishImport, type ImportedPart } from '../export/finish-import.ts';
import { makeFolder } from '../make-folder.ts';
import { shardDefaults } from '../shards/defaults.ts';
import { encodeSettings } from '../shards/encode.ts';
import type { FinishedShard } from '../shards/indexes.ts';
import { readManifest } from '../shards/manifest.ts';
import { discardStaged, isEmpty, settle, stagingDir, takeOver } from '../shards/staging.ts';
import { type ShardItem, shardBytes } from '../shards/writer.ts';
import { expected } from '../user-error.ts';
import { type Channel, channel } from './channel.ts';
import type { ImportIdentity } from './identity.ts';
import { type Fail, type ImportedSamples, type SampleChoice, wellFormed } from './imported-sample.ts';
import { type Existing, existingImport, placesFor } from './merge.ts';
import { type SplitOptions, sameColumns, writeSplit } from './split-shards.ts';
import { maxSplits, splitOfColumn } from './splits.ts';

export interface ImportWriteOptions extends SplitOptions, SampleChoice {
  /** What the dataset card says that the source does not. */
  readonly card?: CardOptions;
  /** Adds shards to splits that another import has made. Without it such a split is refused. */
  readonly merge?: boolean;
}

export interface ImportProgress {
  readonly split: string;
  /** Of this split so far. */
  readonly samples: number;
  /** Of all splits so far. */
  readonly total: number;
}

export interface ImportSummary {
  readonly outDir: string;
  /** Of this import alone. */
  readonly splits: Readonly<
    Record<string, { readonly shards: number; readonly samples: number; readonly bytes: number }>
  >;
  /** Samples of the source that have no place in the shards, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  /** Splits that other imports have made and that stay, with their samples. */
  readonly beside: Readonly<Record<string, number>>;
}

/**
 * Writes all splits. The same source and options give the same bytes, in an empty folder or where the same import has been. Throws a
 * UserError when the folder has splits of the same name from elsewhere, or anything that is not an import.
 */
export async function writeImported(
  samples: ImportedSamples,
  identity: ImportIdentity,
  options: ImportWriteOptions,
  { onProgress, signal }: { onProgress?: (progress: ImportProgress) => void; signal?: AbortSignal } = {},
): Promise<ImportSummary> {
  const { outDir, merge = false } = options;
  settle(outDir);
  const existing = existingImport(outDir);
  const isNew = !existsSync(outDir);
  discardStaged(outDir);
  const staging = stagingDir(outDir);
  makeFolder(staging);
  try {
    const { done, failed } = await stage(
      samples,
      identity,
      existing,
      { ...options, outDir: staging, merge },
      {
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(signal === undefined ? {} : { signal }),
      },
    );
    const summaries = Object.fromEntries(
      Object.entries(done).map(([split, shards]) => [
        split,
        {
          shards: shards.length,
          samples: shards.reduce((sum, { stats }) => sum + stats.successes, 0),
          bytes: shards.reduce((sum, { stats }) => sum + shardBytes(stats), 0),
        },
      ]),
    );
    if (Object.values(summaries).every(({ samples }) => samples === 0)) {
      const reasons = Object.entries(failed).map(([reason, times]) => `${reason} ${times}`);
      throw expected('at least one image with a text', 'import', reasons.join(', ') || 'none', 'check the paths');
    }
    const own = new Set(existing.ownShards(identity.sha256));
    const kept = existing.keptShards(own);
    const all: Record<string, FinishedShard[]> = {};
    for (const split of [...new Set([...Object.keys(kept), ...Object.keys(done)])]) {
      all[split] = [...(kept[split] ?? []), ...(done[split] ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1));
      makeFolder(join(staging, split));
    }
    const { samplesPerShard, shardDigits } = { ...shardDefaults, ...options };
    const part: ImportedPart = {
      from: identity.from,
      names: identity.names,
      sha256: identity.sha256,
      shards: Object.entries(done).flatMap(([split, shards]) => shards.map(({ name }) => `${split}/${name}`)),
      failed,
    };
    const imports = [...existing.imports.filter(({ sha256 }) => sha256 !== identity.sha256), part];
    await finishImport(
      staging,
      all,
      {
        source: 'import',
        format: 'webdataset',
        samplesPerShard,
        shardDigits,
        ...encodeSettings(options),
        imports,
        failed: sumOf(imports.map((one) => one.failed)),
        card: { ...existing.card, ...options.card },
      },
      outDir,
    );
    const { files } = readManifest(staging);
    takeOver(
      outDir,
      existing.files.filter((path) => files[path] === undefined),
    );
    const beside = Object.fromEntries(
      Object.entries(kept)
        .filter(([, shards]) => shards.length > 0)
        .map(([split, shards]) => [split, shards.reduce((sum, { stats }) => sum + stats.successes, 0)]),
    );
    return { outDir, splits: summaries, failed, beside };
  } catch (error) {
    discardStaged(outDir);
    if (isNew && existsSync(outDir) && isEmpty(outDir)) rmdirSync(outDir);
    throw error;
  }
}

/** Writes the shards of all splits side by side, as the samples come. */
async function stage(
  samples: ImportedSamples,
  identity: ImportIdentity,
  existing: Existing,
  options: ImportWriteOptions & { readonly merge: boolean },
  { onProgress, signal }: { onProgress?: (progress: ImportProgress) => void; signal?: AbortSignal },
): Promise<{ done: Record<string, FinishedShard[]>; failed: Record<string, number> }> {
  const failed: Record<string, number> = {};
  const fail: Fail = (reason, count = 1) => {
    failed[reason] = (failed[reason] ?? 0) + count;
  };
  const splits = new Map<string, { readonly items: Channel<ShardItem>; readonly shards: Promise<FinishedShard[]> }>();
  const counts: Record<string, number> = {};
  let total = 0;
  const open = (split: string) => {
    const places = placesFor(existing, split, identity, options);
    const items = channel<ShardItem>();
    const shards = writeSplit(split, places, items, options, fail, signal);
    shards.catch((error: unknown) => items.fail(error));
    const opened = { items, shards };
    splits.set(split, opened);
    return opened;
  };
  try {
    for await (const sample of samples) {
      signal?.throwIfAborted();
      const item = await wellFormed(sample, options, fail);
      if (item === null) continue;
      const split = splitOfColumn(sample.split);
      if (split === null || (!splits.has(split) && splits.size === maxSplits)) {
        fail(split === null ? 'bad-split' : 'too-many-splits');
        continue;
      }
      counts[split] = (counts[split] ?? 0) + 1;
      total += 1;
      onProgress?.({ split, samples: counts[split], total });
      await (splits.get(split) ?? open(split)).items.push(item);
    }
  } finally {
    for (const { items } of splits.values()) items.close();
    await Promise.allSettled([...splits.values()].map(({ shards }) => shards));
  }
  const done: Record<string, FinishedShard[]> = {};
  for (const [split, { shards }] of splits) done[split] = await shards;
  await sameColumns(options.outDir, done);
  return { done, failed };
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of counts) for (const [reason, n] of Object.entries(one)) sum[reason] = (sum[reason] ?? 0) + n;
  return sum;
}
