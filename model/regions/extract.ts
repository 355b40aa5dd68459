/**
 * `lait regions`: runs a detector over every image of every shard, once, and writes the regions as columns beside the
 * shards. A column appears whole, by a rename; a killed run continues inside the shard it was in, and a shard that has
 * changed since its column was made is done again.
 */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { imageFields, readShard } from '../../dataset/shards/reader.ts';
import { blockBytes, paddingBytes } from '../../dataset/shards/tar-header.ts';
import { expected } from '../../dataset/user-error.ts';
import { ColumnFile, type ColumnRecord } from './column-file.ts';
import { claimColumns, columnFields } from './columns.ts';
import { detectorDefaults } from './defaults.ts';
import { type Detector, type Regions, topRegions } from './region.ts';

export interface ExtractOptions {
  /** A folder with shards in it or in folders below. */
  readonly shards: string;
  /** Where the columns go, one of the same relative path for each shard. */
  readonly outDir: string;
  readonly detector: Detector;
  /** The most regions an image keeps, of a detector that ranks them. 36 as UNITER's and bottom-up attention's fixed set; the paper has 100. */
  readonly maxRegions?: number;
  readonly onProgress?: (progress: ExtractProgress) => void;
  /** Hears of every sample that gets no regions, with the reason. */
  readonly onBad?: (bad: { readonly shard: string; readonly key: string; readonly reason: string }) => void;
  readonly signal?: AbortSignal;
}

export interface ExtractProgress {
  readonly shard: string;
  readonly shardsDone: number;
  readonly shards: number;
  readonly images: number;
  readonly bytesDone: number;
  readonly bytes: number;
}

export interface ExtractSummary {
  readonly shards: number;
  /** Shards whose column was there already. */
  readonly shardsKept: number;
  /** Images with regions, those of kept shards included. */
  readonly images: number;
  readonly regions: number;
  /** Samples without an image that decodes, and broken members: they get no regions. */
  readonly failed: number;
}

/** A tar member's plain name has at most 100 bytes, field and dot included. */
const maxKeyBytes = 100 - Math.max(...columnFields.map((field) => field.length + 1));

/**
 * Extracts what is missing. Throws a UserError when there are no shards or the folder holds another detector's regions;
 * when aborted, what is finished stays and the next run continues.
 */
export async function extractRegions(options: ExtractOptions): Promise<ExtractSummary> {
  const { shards, outDir, detector, onProgress, signal } = options;
  const maxRegions = maxRegionsOf(options);
  const names = shardNames(shards);
  if (names.length === 0) throw expected('shards (*.tar)', shards, 'none', 'run lait export first');
  mkdirSync(outDir, { recursive: true });
  const { name, labels, featureSize, settings } = detector;
  claimColumns(outDir, { name, labels, featureSize, maxRegions, ...(settings && { settings }) });
  const sizes = names.map((shard) => statSync(join(shards, shard)).size);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const summary = { shards: names.length, shardsKept: 0, images: 0, regions: 0, failed: 0 };
  let bytesDone = 0;
  for (const [index, shard] of names.entries()) {
    signal?.throwIfAborted();
    const column = new ColumnFile(join(shards, shard), join(outDir, shard));
    const report = (images: number, bytesRead: number) =>
      onProgress?.({
        shard,
        shardsDone: index,
        shards: names.length,
        images: summary.images + images,
        bytesDone: bytesDone + bytesRead,
        bytes,
      });
    let record = column.finished();
    if (record) summary.shardsKept += 1;
    else record = await extractShard(column, options, report);
    summary.images += record.images;
    summary.regions += record.regions;
    summary.failed += record.failed;
    bytesDone += sizes[index]!;
    report(0, 0);
  }
  return summary;
}

/** Paths of the tars below a folder, relative to it, sorted. */
export function shardNames(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.tar'))
    .sort();
}

/** An image and the samples that show it: several captions of an image lie together. */
interface Job {
  readonly image: Buffer;
  readonly keys: string[];
}

interface Waiting {
  readonly jobs: readonly Job[];
  readonly found: Promise<(Regions | null)[]>;
}

const maxRegionsOf = ({ detector, maxRegions = detectorDefaults.topK }: ExtractOptions): number =>
  detector.regionsPerImage ?? maxRegions;

async function extractShard(
  column: ColumnFile,
  options: ExtractOptions,
  report: (images: number, bytesRead: number) => void,
): Promise<ColumnRecord> {
  const { detector, onBad, signal } = options;
  const maxRegions = maxRegionsOf(options);
  const { source } = column;
  const counts = await column.resume();
  let bytesRead = 0;
  let batch: Job[] = [];
  let running: Waiting | undefined;
  const fail = (key: string, reason: string) => {
    counts.failed += 1;
    onBad?.({ shard: source, key, reason });
  };
  const settle = async () => {
    if (!running) return;
    const { jobs, found } = running;
    running = undefined;
    for (const [index, regions] of (await found).entries()) {
      for (const key of jobs[index]?.keys ?? []) {
        if (regions === null) fail(key, 'cannot-decode');
        else column.add(key, topRegions(regions, maxRegions, detector.featureSize));
      }
    }
    report(counts.images, bytesRead);
  };
  // While TensorFlow computes one batch, the next is decoded.
  const flush = async () => {
    const next: Waiting = { jobs: batch, found: detector.detect(batch.map(({ image }) => image)) };
    next.found.catch(() => {}); // it is awaited in `settle`, perhaps after another one has failed
    batch = [];
    await settle();
    running = next;
  };
  const samples = readShard(source, { require: [imageFields], onBad: ({ key, reason }) => fail(key, reason) });
  for await (const { key, fields } of samples) {
    signal?.throwIfAborted();
    for (const bytes of Object.values(fields)) bytesRead += blockBytes + bytes.length + paddingBytes(bytes.length);
    if (!column.claim(key)) continue;
    if (Buffer.byteLength(key) > maxKeyBytes) {
      fail(key, 'key-too-long');
      continue;
    }
    const image = fields[imageFields.find((name) => fields[name])!]!;
    const last = batch.at(-1);
    if (last?.image.equals(image)) {
      last.keys.push(key);
      continue;
    }
    if (batch.length >= detector.batchSize) await flush();
    batch.push({ image, keys: [key] });
  }
  if (batch.length > 0) await flush();
  await settle();
  return column.finish(counts);
}
