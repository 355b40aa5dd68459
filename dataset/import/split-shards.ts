/** The shards of one split of an import, and the columns that all tables of an import share. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, writeFileAtomic } from '../atomic-file.ts';
import { importColumns } from '../export/finish-import.ts';
import { makeFolder } from '../make-folder.ts';
import { shardDefaults } from '../shards/defaults.ts';
import { type EncodeOptions, encodeSettings } from '../shards/encode.ts';
import { type ExtraColumns, extraColumns } from '../shards/extra-columns.ts';
import type { FinishedShard } from '../shards/indexes.ts';
import { jsonSha256 } from '../shards/manifest.ts';
import { parquetBytes, readParquet, tableColumns } from '../shards/parquet.ts';
import { type ShardItem, type ShardStats, statsJson, writeShard } from '../shards/writer.ts';
import type { Fail } from './imported-sample.ts';

/** Failed rows in one table beyond its samples: a source that is all faults makes more tables, not a larger one. */
const maxFailedRowsPerShard = 50_000;

export interface SplitOptions extends EncodeOptions {
  readonly outDir: string;
  readonly samplesPerShard?: number;
  readonly shardDigits?: number;
}

/** Writes samples in their order; `nameOf` gives the number of each shard by its place. */
export async function writeSplit(
  split: string,
  nameOf: (number: number) => number,
  samples: AsyncIterable<ShardItem>,
  options: SplitOptions,
  fail: Fail,
  signal: AbortSignal | undefined,
): Promise<FinishedShard[]> {
  const { outDir, samplesPerShard, shardDigits } = { ...shardDefaults, ...options };
  const encode = encodeSettings(options);
  const plan = jsonSha256({ source: 'import', format: 'webdataset', samplesPerShard, shardDigits, ...encode });
  const shards: FinishedShard[] = [];
  makeFolder(join(outDir, split));
  const items = samples[Symbol.asyncIterator]();
  for (let next = await items.next(); !next.done; ) {
    async function* shardful(): AsyncGenerator<ShardItem> {
      let images = 0;
      // Failed rows behind a full shard are still its own: a shard without a picture says nothing to a trainer.
      for (let failures = 0; !next.done; next = await items.next()) {
        if (next.value.image !== null) {
          if (images === samplesPerShard) return;
          images += 1;
        } else {
          if (images === samplesPerShard && failures >= maxFailedRowsPerShard) return;
          failures += 1;
        }
        yield next.value;
      }
    }
    const number = nameOf(shards.length);
    const name = String(number).padStart(shardDigits, '0');
    const stats = await writeShard(join(outDir, split, name), number, shardful(), plan, {
      encode,
      format: 'webdataset',
      columns: importColumns,
      moreColumns: extraColumns,
      decode: true,
      shardDigits,
      samplesPerShard,
      ...(signal === undefined ? {} : { signal }),
    });
    for (const [reason, times] of Object.entries(stats.status_dict)) if (reason !== 'success') fail(reason, times);
    shards.push({ name, stats });
  }
  return shards;
}

/** Gives the tables of all shards the same columns: what a source knows of a sample is seen only when the sample comes. */
export async function sameColumns(outDir: string, done: Record<string, FinishedShard[]>): Promise<void> {
  const all = Object.entries(done).flatMap(([split, shards]) =>
    shards.map((shard, at) => ({ split, shards, shard, at })),
  );
  let extra: ExtraColumns = {};
  const ofShard = new Map<FinishedShard, ExtraColumns>();
  for (const { split, shard } of all) {
    const columns = await tableColumns(join(outDir, split, `${shard.name}.parquet`));
    const own = Object.fromEntries(Object.entries(columns).filter(([name]) => !Object.hasOwn(importColumns, name)));
    ofShard.set(shard, own);
    const types = { ...extra };
    for (const [name, type] of Object.entries(own)) types[name] = (types[name] ?? type) === type ? type : 'STRING';
    extra = types;
  }
  const wanted = Object.fromEntries(Object.entries(extra).sort(([a], [b]) => (a < b ? -1 : 1)));
  for (const { split, shards, shard, at } of all) {
    if (JSON.stringify(ofShard.get(shard)) === JSON.stringify(wanted)) continue;
    const base = join(outDir, split, shard.name);
    const table = parquetBytes({ ...importColumns, ...wanted }, await readParquet(`${base}.parquet`));
    const old = JSON.parse(readFileSync(`${base}_stats.json`, 'utf8')) as ShardStats;
    const stats = { ...old, lait: { ...old.lait, files: { ...old.lait.files, '.parquet': digestOf(table) } } };
    writeFileAtomic(`${base}.parquet`, table);
    writeFileAtomic(`${base}_stats.json`, statsJson(stats));
    shards[at] = { name: shard.name, stats };
  }
}
