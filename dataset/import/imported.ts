/**
 * What every import yields, and how it becomes shards: the same files as an export, with a `texts` column for all captions. The new state
 * is built beside the old one and put in its place when it is whole: an import that fails or is killed changes nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, writeFileAtomic } from '../atomic-file.ts';
import type { CardOptions } from '../export/card.ts';
import { finishImport, type ImportedPart, importColumns } from '../export/finish-import.ts';
import { decodeImage } from '../image/decode.ts';
import type { TakenDown } from '../ledger/tombstones.ts';
import { makeFolder } from '../make-folder.ts';
import { pairId } from '../pair.ts';
import { shardDefaults } from '../shards/defaults.ts';
import { type EncodeOptions, encodeSettings } from '../shards/encode.ts';
import { type ExtraColumns, type ExtraValue, extraColumns } from '../shards/extra-columns.ts';
import type { FinishedShard } from '../shards/indexes.ts';
import { jsonSha256, readManifest } from '../shards/manifest.ts';
import { parquetBytes, readParquet, tableColumns } from '../shards/parquet.ts';
import { discardStaged, isEmpty, settle, stagingDir, takeOver } from '../shards/staging.ts';
import { type ShardItem, type ShardStats, shardBytes, statsJson, writeShard } from '../shards/writer.ts';
import { expected } from '../user-error.ts';
import { type Channel, channel } from './channel.ts';
import type { ImportIdentity } from './identity.ts';
import { type Existing, existingImport, placesFor } from './merge.ts';
import type { KnownColumns } from './record.ts';
import { maxSplits, splitOfColumn } from './splits.ts';

/** One image with its captions, in the order of its source. */
export interface ImportedSample {
  /** Its name in the source: a file, a key. */
  readonly name: string;
  /** As the source names it. */
  readonly split: string;
  readonly url: string;
  /** The bytes, null when the image is not there. */
  readonly image: Buffer | null;
  /** Several captions of one image are one sample; `KEY.txt` has the first. */
  readonly texts: readonly string[];
  /** Why it has no place in the shards, where the source says so. */
  readonly fault?: string;
  /** What the source knows of it in our columns, and in its own. */
  readonly known?: KnownColumns;
  readonly extra?: Readonly<Record<string, ExtraValue>>;
  readonly exif?: string | null;
}

/** A source's samples, read once and in order. */
export type ImportedSamples = AsyncIterable<ImportedSample> | Iterable<ImportedSample>;

export interface ImportWriteOptions extends EncodeOptions {
  readonly outDir: string;
  readonly samplesPerShard?: number;
  readonly shardDigits?: number;
  /** Only samples with one of these ids. */
  readonly subset?: ReadonlySet<string>;
  /** What the dataset card says that the source does not. */
  readonly card?: CardOptions;
  /** Leaves out what was taken down; see `takenDownOf`. */
  readonly takenDown?: TakenDown;
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

type Fail = (reason: string, count?: number) => void;

/** Failed rows in one table beyond its samples: a source that is all faults makes more tables, not a larger one. */
const maxFailedRowsPerShard = 50_000;

/** A caption of a book's length is none. */
const maxTextLength = 1 << 20;
const maxTexts = 1000;

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

async function writeSplit(
  split: string,
  nameOf: (number: number) => number,
  samples: AsyncIterable<ShardItem>,
  options: ImportWriteOptions,
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
async function sameColumns(outDir: string, done: Record<string, FinishedShard[]>): Promise<void> {
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

/** A sample as the shard writer takes it. Null for one that was not asked for, or was taken down: of these no row tells. */
async function wellFormed(
  { name, url, image, texts: found, fault, known = {}, extra = {}, exif }: ImportedSample,
  { subset, takenDown }: Pick<ImportWriteOptions, 'subset' | 'takenDown'>,
  fail: Fail,
): Promise<ShardItem | null> {
  const texts = found
    .filter((text) => text.length <= maxTextLength)
    .map((text) => text.replace(/\s+/g, ' ').trim())
    .filter((text) => text !== '');
  const caption = texts[0] ?? '';
  const id = known.uid ?? pairId(url || name, caption);
  const reason = fault ?? reasonOf(image, texts, found);
  if (subset !== undefined && !subset.has(id)) {
    fail('not-in-subset');
    return null;
  }
  const sha256 = image === null ? null : createHash('sha256').update(image).digest('hex');
  const decoded = image !== null && takenDown?.byLooks ? await decodeImage(image) : null;
  if (takenDown !== undefined && isRefused(takenDown, { url, image, sha256, decoded, known })) {
    fail('taken-down');
    return null;
  }
  return {
    // All columns in one order, whatever the source knows: the order is that of the JSON member.
    row: {
      url,
      caption,
      original_width: null,
      original_height: null,
      sha256,
      uid: id,
      text: caption,
      found_text: caption,
      source: 'list',
      page_url: '',
      page_title: '',
      phash: null,
      license_url: null,
      gone: null,
      download_url: url,
      fetched_at: null,
      http_etag: null,
      last_modified: null,
      damaged: null,
      ...known,
    },
    image: reason === null && image !== null ? () => image : null,
    failure: reason === null ? null : { status: 'failed_to_download', reason },
    fetchedAtMs: null,
    more: { texts, ...extra },
    ...(sha256 === null ? {} : { bytesSha256: sha256 }),
    ...(decoded === null ? {} : { decoded }),
    ...(exif ? { exif } : {}),
  };
}

/** Whether a takedown speaks of a sample: of its address, its page, its bytes, its looks, or the original's as the source tells them. */
function isRefused(
  { isTakenDown }: TakenDown,
  {
    url,
    image,
    sha256,
    decoded,
    known,
  }: {
    readonly url: string;
    readonly image: Buffer | null;
    readonly sha256: string | null;
    readonly decoded: Awaited<ReturnType<typeof decodeImage>> | null;
    readonly known: KnownColumns;
  },
): boolean {
  const phash = decoded !== null && 'phash' in decoded ? decoded.phash : null;
  const md5 = () => createHash('md5').update(image!).digest('hex');
  return (
    [url, known.page_url, known.download_url].some((one) => one && isTakenDown({ url: one })) ||
    [sha256, known.sha256].some((one) => one && isTakenDown({ sha256: one })) ||
    [phash, known.phash].some((one) => one && isTakenDown({ phash: one })) ||
    (image !== null && isTakenDown({ md5 }))
  );
}

function reasonOf(image: Buffer | null, texts: readonly string[], found: readonly string[]): string | null {
  if (texts.length === 0) return found.some((text) => text.length > maxTextLength) ? 'text-too-long' : 'no-text';
  if (texts.length > maxTexts) return 'too-many-texts';
  if (image === null) return 'missing-image';
  return image.length === 0 ? 'empty-image' : null;
}

function sumOf(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of counts) for (const [reason, n] of Object.entries(one)) sum[reason] = (sum[reason] ?? 0) + n;
  return sum;
}
