/**
 * Writes one shard: `00000.tar` with KEY.jpg, KEY.json and KEY.txt, `00000.parquet` with a row for every pair, and last of
 * all `00000_stats.json`, which says that the shard is done and what it was made of.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { type FileDigest, writeFileAtomic } from './atomic-file.ts';
import { type EncodeOptions, encodeImage } from './encode.ts';
import { exifJson } from './exif.ts';
import type { Candidate, ShardPlan } from './export-plan.ts';
import { jsonSha256 } from './manifest.ts';
import { parquetBytes, type ShardRow, shardColumns } from './parquet.ts';
import type { RawStore } from './raw-store.ts';
import { TarWriter } from './tar-writer.ts';

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
    readonly tar: FileDigest & { readonly md5: string };
    readonly parquet: FileDigest;
  };
}

export interface ShardWriterOptions {
  readonly raw: RawStore;
  readonly encode: EncodeOptions;
  /** Digits of a shard's number; a key has these and enough for the place in the shard. */
  readonly shardDigits: number;
  readonly samplesPerShard: number;
  readonly signal?: AbortSignal;
}

/** How many images are being read and encoded at the same time; the order of writing does not depend on it. */
const inFlight = 4;

/** The hash that a finished shard carries: another plan or configuration gives another one. */
export function planHash(plan: ShardPlan, configuration: unknown): string {
  const hash = createHash('sha256').update(jsonSha256(configuration));
  for (const candidate of plan.candidates) hash.update(JSON.stringify(candidate));
  return hash.digest('hex');
}

/** The stats of a shard that is there, whole, and made by this plan; else null. `base` is its path without `.tar`. */
export function finishedShard(base: string, plan: string): ShardStats | null {
  if (!existsSync(`${base}_stats.json`)) return null;
  const stats = JSON.parse(readFileSync(`${base}_stats.json`, 'utf8')) as ShardStats;
  const has = (path: string, bytes: number) => existsSync(path) && statSync(path).size === bytes;
  const isWhole = has(`${base}.tar`, stats.lait.tar.bytes) && has(`${base}.parquet`, stats.lait.parquet.bytes);
  return stats.lait.plan === plan && isWhole ? stats : null;
}

/** The stats file's bytes: img2dataset indents by four. */
export const statsJson = (stats: ShardStats) => `${JSON.stringify(stats, null, 4)}\n`;

/** Writes the shard `base` + `.tar`, `.parquet`, `_stats.json`. An image that cannot be read or encoded is a failed row. */
export async function writeShard(
  base: string,
  plan: ShardPlan,
  hash: string,
  options: ShardWriterOptions,
): Promise<ShardStats> {
  const { raw, encode, shardDigits, samplesPerShard, signal } = options;
  const shardName = String(plan.number).padStart(shardDigits, '0');
  const keyDigits = Math.max(1, Math.ceil(Math.log10(samplesPerShard)));
  let images = 0;
  const jobs = plan.candidates.map((candidate) => ({
    candidate,
    key: candidate.image === null ? null : shardName + String(images++).padStart(keyDigits, '0'),
  }));
  const rows: ShardRow[] = [];
  const tar = new TarWriter(`${base}.tar`);
  try {
    const prepared: ReturnType<typeof prepare>[] = [];
    for (let next = 0, done = 0; done < jobs.length; done++) {
      signal?.throwIfAborted();
      while (next < jobs.length && next < done + inFlight) {
        const { candidate, key } = jobs[next++]!;
        const promise = prepare(candidate, key, raw, encode);
        promise.catch(() => {}); // it is awaited below, perhaps after another one has failed
        prepared.push(promise);
      }
      const { row, fields } = await prepared[done]!;
      delete prepared[done];
      rows.push(row);
      if (fields !== null) tar.add(row.key!, fields);
    }
  } catch (error) {
    tar.abandon();
    throw error;
  }
  const parquet = writeFileAtomic(
    `${base}.parquet`,
    parquetBytes(
      shardColumns,
      rows.map((row) => ({ ...row })),
    ),
  );
  const stats = statsOf(rows, plan, { plan: hash, tar: tar.commit(), parquet });
  writeFileAtomic(`${base}_stats.json`, statsJson(stats));
  return stats;
}

/** A candidate's row, and its fields for the tar unless it failed. */
async function prepare(
  candidate: Candidate,
  key: string | null,
  raw: RawStore,
  encode: EncodeOptions,
): Promise<{ row: ShardRow; fields: Record<string, Buffer> | null }> {
  const failed = (status: 'failed_to_download' | 'failed_to_resize', reason: string) => ({
    row: { ...candidate.row, key: null, status, error_message: reason, width: null, height: null, exif: null },
    fields: null,
  });
  const { image, failure } = candidate;
  if (image === null) return failed(failure!.status, failure!.reason);
  const bytes = readRaw(raw, image);
  if (bytes === null) return failed('failed_to_download', 'raw-missing');
  if (createHash('sha256').update(bytes).digest('hex') !== candidate.row.sha256) {
    return failed('failed_to_download', 'raw-changed');
  }
  const encoded = await encodeImage(bytes, encode).catch(() => null);
  if (encoded === null) return failed('failed_to_resize', 'cannot-encode');
  const { width, height } = encoded;
  const row: ShardRow = {
    ...candidate.row,
    key,
    status: 'success',
    error_message: null,
    width,
    height,
    exif: exifJson(encoded.exif),
  };
  return {
    row,
    fields: {
      [encoded.field]: encoded.bytes,
      json: Buffer.from(memberJson(row)),
      txt: Buffer.from(row.caption),
    },
  };
}

/** The image's bytes, null when its segment is gone or cut. */
function readRaw(raw: RawStore, image: NonNullable<Candidate['image']>): Buffer | null {
  try {
    return raw.read(image);
  } catch {
    return null;
  }
}

/**
 * The row as the sample's JSON member. An absent text is '' and not null: Hugging Face's loader infers each key's type
 * from the first samples and refuses a text after nulls.
 */
function memberJson(row: ShardRow): string {
  const member = Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === null && name !== 'error_message' ? '' : value]),
  );
  return JSON.stringify(member);
}

/** How often each status or reason of failure is there, sorted by name. */
export function statusCounts(rows: readonly Pick<ShardRow, 'status' | 'error_message'>[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { status, error_message } of rows) {
    const word = error_message ?? status;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function statsOf(rows: readonly ShardRow[], plan: ShardPlan, lait: ShardStats['lait']): ShardStats {
  const byStatus = (status: ShardRow['status']) => rows.filter((row) => row.status === status).length;
  const times = plan.candidates.flatMap(({ fetchedAtMs }) => (fetchedAtMs === null ? [] : [fetchedAtMs / 1000]));
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
