/** What every import yields, and how it becomes shards: the same files as an export, with a `texts` column for all captions. */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CardOptions } from '../export/card.ts';
import { finishImport, importColumns } from '../export/finish-import.ts';
import { pairId } from '../pair.ts';
import { shardDefaults } from '../shards/defaults.ts';
import { type EncodeOptions, encodeSettings } from '../shards/encode.ts';
import type { FinishedShard } from '../shards/indexes.ts';
import { jsonSha256, manifestName } from '../shards/manifest.ts';
import { type ShardItem, shardBytes, writeShard } from '../shards/writer.ts';
import { expected } from '../user-error.ts';

/** One image with its captions, in the order of its source. */
export interface ImportedSample {
  /** Its name in the source: a file, a key. */
  readonly name: string;
  readonly url: string;
  /** The bytes, null when the image is not there. */
  readonly image: Buffer | null;
  /** Several captions of one image are one sample; `KEY.txt` has the first. */
  readonly texts: readonly string[];
  /** DataComp's id, where the source has one. */
  readonly uid?: string;
  readonly pageUrl?: string;
  readonly licenseUrl?: string;
}

/** A source's samples by split, each read once and in order. */
export type ImportedSplits = ReadonlyMap<string, AsyncIterable<ImportedSample> | Iterable<ImportedSample>>;

export interface ImportWriteOptions extends EncodeOptions {
  readonly outDir: string;
  readonly samplesPerShard?: number;
  readonly shardDigits?: number;
  /** Only samples with one of these ids. */
  readonly subset?: ReadonlySet<string>;
  /** What the dataset card says that the source does not. */
  readonly card?: CardOptions;
  /** Leaves out what was taken down. */
  readonly isTakenDown?: (what: { readonly url?: string; readonly sha256?: string }) => boolean;
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
  readonly splits: Readonly<
    Record<string, { readonly shards: number; readonly samples: number; readonly bytes: number }>
  >;
  /** Samples of the source that have no place in the shards, by reason. */
  readonly failed: Readonly<Record<string, number>>;
}

/** Writes all splits. The same source and options give the same bytes; a killed import starts again from its first shard. */
export async function writeImported(
  splits: ImportedSplits,
  options: ImportWriteOptions,
  { onProgress, signal }: { onProgress?: (progress: ImportProgress) => void; signal?: AbortSignal } = {},
): Promise<ImportSummary> {
  const { outDir, samplesPerShard, shardDigits } = { ...shardDefaults, ...options };
  const encode = encodeSettings(options);
  const configuration = { source: 'import' as const, format: 'webdataset', samplesPerShard, shardDigits, ...encode };
  const plan = jsonSha256(configuration);
  const failed: Record<string, number> = {};
  const fail = (reason: string, count = 1) => {
    failed[reason] = (failed[reason] ?? 0) + count;
  };
  let total = 0;
  const done: Record<string, FinishedShard[]> = {};
  mkdirSync(outDir, { recursive: true });
  rmSync(join(outDir, manifestName), { force: true });
  for (const [split, samples] of splits) {
    const shards: FinishedShard[] = [];
    done[split] = shards;
    mkdirSync(join(outDir, split), { recursive: true });
    let count = 0;
    const items = wellFormed(samples, options, fail)[Symbol.asyncIterator]();
    for (let next = await items.next(); !next.done; ) {
      async function* shardful(): AsyncGenerator<ShardItem> {
        for (let images = 0; !next.done && images < samplesPerShard; next = await items.next()) {
          if (next.value.image !== null) images += 1;
          count += 1;
          total += 1;
          onProgress?.({ split, samples: count, total });
          yield next.value;
        }
      }
      const name = String(shards.length).padStart(shardDigits, '0');
      const stats = await writeShard(join(outDir, split, name), shards.length, shardful(), plan, {
        encode,
        format: 'webdataset',
        columns: importColumns,
        shardDigits,
        samplesPerShard,
        ...(signal === undefined ? {} : { signal }),
      });
      for (const [reason, times] of Object.entries(stats.status_dict)) if (reason !== 'success') fail(reason, times);
      shards.push({ name, stats });
    }
  }
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
  finishImport(outDir, done, { ...configuration, failed, card: options.card ?? {} });
  return { outDir, splits: summaries, failed };
}

/** Samples as the shard writer takes them; without a text, or outside of the subset, they are skipped with a reason. */
async function* wellFormed(
  samples: AsyncIterable<ImportedSample> | Iterable<ImportedSample>,
  { subset, isTakenDown = () => false }: Pick<ImportWriteOptions, 'subset' | 'isTakenDown'>,
  fail: (reason: string) => void,
): AsyncGenerator<ShardItem> {
  for await (const { name, url, image, texts: found, uid, pageUrl, licenseUrl } of samples) {
    const texts = found.map((text) => text.replace(/\s+/g, ' ').trim()).filter((text) => text !== '');
    const caption = texts[0];
    if (caption === undefined) {
      fail('no-text');
      continue;
    }
    const id = uid ?? pairId(url || name, caption);
    if (subset !== undefined && !subset.has(id)) {
      fail('not-in-subset');
      continue;
    }
    const sha256 = image === null ? null : createHash('sha256').update(image).digest('hex');
    if (isTakenDown({ url, ...(sha256 && { sha256 }) })) {
      fail('taken-down');
      continue;
    }
    yield {
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
        page_url: pageUrl ?? '',
        page_title: '',
        phash: null,
        license_url: licenseUrl ?? null,
        gone: null,
        rights: null,
        scores: null,
        fetched_at: null,
        http_etag: null,
        last_modified: null,
        damaged: null,
      },
      image: image === null ? null : () => image,
      failure: image === null ? { status: 'failed_to_download', reason: 'missing-image' } : null,
      fetchedAtMs: null,
      more: { texts },
    };
  }
}
