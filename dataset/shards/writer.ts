/**
 * Writes one shard: `00000.tar` with KEY.jpg, KEY.json and KEY.txt, `00000.parquet` with a row for every pair, and last of
 * all `00000_stats.json`, which says that the shard is done and what it was made of.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { BasicType } from 'hyparquet-writer';
import { type FileDigest, writeFileAtomic } from '../atomic-file.ts';
import { decodeImage } from '../image/decode.ts';
import { type ContainedSample, dtypeOf, type ExportFormat, openContainer } from './container.ts';
import { type EncodeOptions, encodeImage } from './encode.ts';
import { exifJson, withoutPosition } from './exif.ts';
import { parquetBytes, type ShardRow } from './parquet.ts';

/** A pair on its way into a shard: everything about it that does not need its image decoded. */
export interface ShardItem {
  readonly row: Omit<ShardRow, 'key' | 'status' | 'error_message' | 'width' | 'height' | 'exif' | 'image_sha256'>;
  /** Gives the original bytes, null when they are gone; null itself when there was no image, and `failure` says why. */
  readonly image: (() => Buffer | null) | null;
  readonly failure: { readonly status: 'failed_to_download' | 'failed_to_resize'; readonly reason: string } | null;
  readonly fetchedAtMs: number | null;
  /**
   * Default: the shard's number and the place in the shard, as img2dataset has them. Places of pairs without an image are counted by
   * themselves and have a digit more, so that failures take no key from a sample.
   */
  readonly key?: string;
  /** Further columns and members, such as `texts` of an imported sample; a list is JSON in the table. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** SHA-256 of the bytes that `image` gives, where it is not the row's: `sha256` there may be that of a larger original. */
  readonly bytesSha256?: string;
  /** The image is a JPEG that was made of a larger original at its download: its own SHA-256, and the original's EXIF. */
  readonly resized?: { readonly sha256: string; readonly exif: string };
  /** What `image` gives, decoded, where that was done already. */
  readonly decoded?: Awaited<ReturnType<typeof decodeImage>>;
  /** Tags of the original as the source tells them, for an image that has lost its own. */
  readonly exif?: string;
}

/** img2dataset's words, and under `lait` what a later run needs to know. */
export interface ShardStats {
  readonly count: number;
  readonly successes: number;
  readonly failed_to_download: number;
  readonly failed_to_resize: number;
  /** Seconds from the first to the last image's download: the shard's own writing takes no part, so it can be repeated. */
  readonly duration: number;
  readonly start_time: number;
  readonly end_time: number;
  /** How often each status was seen: `success` or the reason of a failure. */
  readonly status_dict: Readonly<Record<string, number>>;
  readonly lait: {
    /** Hash of the shard's plan and of the configuration. */
    readonly plan: string;
    /** By what follows the shard's name: `.tar`, `.parquet`. */
    readonly files: Readonly<Record<string, FileDigest & { readonly md5?: string }>>;
  };
}

export interface ShardWriterOptions {
  readonly encode: EncodeOptions;
  readonly format: ExportFormat;
  readonly columns: Readonly<Record<string, BasicType>>;
  /** Digits of a shard's number; a key has these and enough for the place in the shard. */
  readonly shardDigits: number;
  readonly samplesPerShard: number;
  /** Decodes every image whole first; one that cannot be is a failed row. For images that no crawl has decoded. */
  readonly decode?: boolean;
  /** Columns of the table beyond `columns`, known when all rows are. */
  readonly moreColumns?: (rows: readonly Readonly<Record<string, unknown>>[]) => Readonly<Record<string, BasicType>>;
  /** What the keys begin with, see `keyPrefix`. */
  readonly keyPrefix?: string;
  /** How many images are read and encoded at the same time; the order of writing does not depend on it. Default: 4. */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
}

/**
 * What the keys of a split begin with, so that a key names one sample in all splits: nothing in `train`, `validation-` in
 * `validation`. A key has no dot: there its name would end.
 */
export const keyPrefix = (split: string): string => (split === 'train' ? '' : `${split.replaceAll('.', '_')}-`);

/** The stats of a shard that is there, whole, and made by this plan; else null. `base` is its path without `.tar`. */
export function finishedShard(base: string, plan: string): ShardStats | null {
  if (!existsSync(`${base}_stats.json`)) return null;
  const stats = JSON.parse(readFileSync(`${base}_stats.json`, 'utf8')) as ShardStats;
  const isThere = ([ending, { bytes }]: [string, FileDigest]) =>
    existsSync(base + ending) && statSync(base + ending).size === bytes;
  return stats.lait.plan === plan && Object.entries(stats.lait.files).every(isThere) ? stats : null;
}

/** Bytes of all files of a shard. */
export function shardBytes({ lait: { files } }: ShardStats): number {
  return Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The stats file's bytes: img2dataset indents by four. */
export const statsJson = (stats: ShardStats) => `${JSON.stringify(stats, null, 4)}\n`;

/** Writes shard `number` at the path `base`. An image that cannot be read or encoded is a failed row. */
export async function writeShard(
  base: string,
  number: number,
  items: Iterable<ShardItem> | AsyncIterable<ShardItem>,
  plan: string,
  options: ShardWriterOptions,
): Promise<ShardStats> {
  const {
    encode,
    format,
    columns,
    shardDigits,
    samplesPerShard,
    keyPrefix: prefix = '',
    concurrency = 4,
    decode = false,
    moreColumns,
    signal,
  } = options;
  const shardName = String(number).padStart(shardDigits, '0');
  const keyDigits = Math.max(1, Math.ceil(Math.log10(samplesPerShard)));
  const rows: ShardRow[] = [];
  const times: number[] = [];
  let images = 0;
  let failures = 0;
  const container = openContainer(format, base, columns);
  const settle = ({ row, sample }: Prepared) => {
    rows.push(row);
    if (sample !== null) container.add(sample);
  };
  try {
    const underWay: Promise<Prepared>[] = [];
    for await (const item of items) {
      signal?.throwIfAborted();
      if (item.fetchedAtMs !== null) times.push(item.fetchedAtMs / 1000);
      const place = item.image === null ? 10 ** keyDigits + failures : images;
      const key = item.key ?? prefix + shardName + String(place).padStart(keyDigits, '0');
      if (item.image === null) failures += 1;
      else images += 1;
      const prepared = prepare(item, key, columns, { encode, decode });
      prepared.catch(() => {}); // it is awaited below, perhaps after another one has failed
      underWay.push(prepared);
      if (underWay.length === concurrency) settle(await underWay.shift()!);
    }
    for (const prepared of underWay) settle(await prepared);
    const table =
      format === 'parquet'
        ? {}
        : {
            '.parquet': writeFileAtomic(
              `${base}.parquet`,
              parquetBytes(
                { ...columns, ...moreColumns?.(rows.map((row) => ({ ...row }))) },
                rows.map((row) => ({ ...row })),
              ),
            ),
          };
    const stats = statsOf(rows, times, { plan, files: { ...container.commit(), ...table } });
    writeFileAtomic(`${base}_stats.json`, statsJson(stats));
    return stats;
  } catch (error) {
    container.abandon();
    throw error;
  }
}

interface Prepared {
  readonly row: ShardRow;
  /** Null when it failed. */
  readonly sample: ContainedSample | null;
}

async function prepare(
  item: ShardItem,
  key: string,
  columns: ShardWriterOptions['columns'],
  { encode, decode }: { readonly encode: EncodeOptions; readonly decode: boolean },
): Promise<Prepared> {
  const known = { ...item.row, ...item.more };
  const failed = (status: 'failed_to_download' | 'failed_to_resize', reason: string): Prepared => ({
    row: {
      ...known,
      key,
      status,
      error_message: reason,
      width: null,
      height: null,
      exif: null,
      image_sha256: null,
    },
    sample: null,
  });
  if (item.image === null) return failed(item.failure!.status, item.failure!.reason);
  const bytes = item.image();
  if (bytes === null) return failed('failed_to_download', 'raw-missing');
  const measured = decode ? (item.decoded ?? (await decodeImage(bytes))) : null;
  if (measured !== null && 'reason' in measured) return failed('failed_to_resize', measured.reason);
  const sha256 = measured?.sha256 ?? sha256Of(bytes);
  if (sha256 !== (item.resized?.sha256 ?? item.bytesSha256 ?? item.row.sha256))
    return failed('failed_to_download', 'raw-changed');
  const damaged = measured?.damaged ?? known.damaged === true;
  const isResized = item.resized !== undefined;
  const encoded = await encodeImage(bytes, encode, { damaged: damaged && !isResized, isResized }).catch(() => null);
  if (encoded === null) return failed('failed_to_resize', 'cannot-encode');
  const { width, height, field: imageField } = encoded;
  const row: ShardRow = {
    ...known,
    original_width: known.original_width ?? encoded.originalWidth,
    original_height: known.original_height ?? encoded.originalHeight,
    key,
    status: 'success',
    error_message: null,
    width,
    height,
    exif:
      item.resized?.exif ??
      (encoded.exif === null && item.exif ? otherExif(item.exif, encode) : exifJson(encoded.exif, encode)),
    image_sha256: encoded.bytes === bytes ? sha256 : sha256Of(encoded.bytes),
    phash: known.phash ?? measured?.phash ?? null,
    damaged: known.damaged ?? measured?.damaged ?? null,
  };
  return {
    row,
    sample: {
      key,
      imageField,
      image: encoded.bytes,
      text: row.caption,
      row: { ...row },
      json: memberJson(row, columns),
    },
  };
}

const otherExif = (exif: string, { keepLocation = false }: EncodeOptions): string =>
  keepLocation ? exif : withoutPosition(exif);

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The row as the sample's JSON member, with every column of the tables. An absent text is '' and not null: Hugging Face's loader,
 * where it reads no card, infers each key's type from the first samples and refuses a text after nulls.
 */
function memberJson(row: ShardRow, columns: ShardWriterOptions['columns']): string {
  const absent = Object.entries(columns).map(([name, type]) => [name, isText(name, type) ? '' : null]);
  const known = Object.entries(row).filter(([name, value]) => value !== null || !Object.hasOwn(columns, name));
  return JSON.stringify({ ...Object.fromEntries(absent), ...Object.fromEntries(known) });
}

const isText = (name: string, type: BasicType): boolean => name !== 'error_message' && dtypeOf(type) === 'string';

/** How often each status or reason of failure is there, sorted by name. */
export function statusCounts(rows: readonly Pick<ShardRow, 'status' | 'error_message'>[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { status, error_message } of rows) {
    const word = error_message ?? status;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The stats of a table; `times` are seconds since 1970. */
export function statsOf(
  rows: readonly Pick<ShardRow, 'status' | 'error_message'>[],
  times: readonly number[],
  lait: ShardStats['lait'],
): ShardStats {
  const byStatus = (status: ShardRow['status']) => rows.filter((row) => row.status === status).length;
  const start = times.reduce((a, b) => Math.min(a, b), times[0] ?? 0);
  const end = times.reduce((a, b) => Math.max(a, b), start);
  return {
    count: rows.length,
    successes: byStatus('success'),
    failed_to_download: byStatus('failed_to_download'),
    failed_to_resize: byStatus('failed_to_resize'),
    duration: end - start,
    start_time: start,
    end_time: end,
    status_dict: statusCounts(rows),
    lait,
  };
}
