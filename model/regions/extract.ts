/**
 * `lait regions`: runs a detector over every picture of every shard, once, and keeps the regions under the picture's content. Pictures
 * that were detected before, in whatever shard they lay, are found again; a killed run continues where it was.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { withCleanup } from '../../dataset/cleanup.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { PictureColumnWriter } from '../../dataset/shards/picture-columns.ts';
import { imageFields, imageHash, imageOf, readShard } from '../../dataset/shards/reader.ts';
import { readSetIdentity } from '../../dataset/shards/set-identity.ts';
import { blockBytes, paddingBytes } from '../../dataset/shards/tar-header.ts';
import { expected } from '../../dataset/user-error.ts';
import { detectByOthers, type OtherDetectors } from './by-others.ts';
import { claimColumns, columnFields, manifestOf, regionFields, undecodableField } from './columns.ts';
import { detectorDefaults } from './defaults.ts';
import { type ExtractedShard, readExtracted, writeExtracted } from './extracted.ts';
import { convertOldColumns, removeOldColumns } from './old-columns.ts';
import { type Detector, type Regions, topRegions } from './region.ts';

export interface ExtractOptions {
  /** A folder with shards in it or in folders below. */
  readonly shards: string;
  /** Where the columns go. One writer at a time. */
  readonly outDir: string;
  readonly detector: Detector;
  /** Who detects beside this process. */
  readonly others?: OtherDetectors | undefined;
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
  /** Shards that were looked through before. */
  readonly shardsKept: number;
  /** Samples with regions, those of kept shards included. */
  readonly images: number;
  readonly regions: number;
  /** Samples without an image that decodes, and broken members: they get no regions. */
  readonly failed: number;
  /** Samples whose picture the detector had looked at before. */
  readonly kept: number;
  /** Pictures that it looked at now. */
  readonly detected: number;
  /** Pictures whose features were taken over from columns of an older layout. */
  readonly converted: number;
}

/** The names of a folder's shards. Throws a UserError when there are none. */
export function requireShards(shards: string): readonly string[] {
  const names = shardNames(shards);
  if (names.length === 0) throw expected('shards (*.tar)', shards, 'none', 'run lait export first');
  return names;
}

/**
 * Extracts what is missing. Throws a UserError when there are no shards or the folder holds another detector's regions;
 * when aborted, what is finished stays and the next run continues.
 */
export const extractRegions = (options: ExtractOptions): Promise<ExtractSummary> =>
  withCleanup(async (defer) => {
    const { shards, outDir, detector, onProgress, signal } = options;
    const names = requireShards(shards);
    makeFolder(outDir);
    const manifest = manifestOf(detector, maxRegionsOf(options));
    const converted = await convertOldColumns({ shards, outDir, detector, manifest, signal });
    claimColumns(outDir, manifest);
    removeOldColumns(outDir);
    const columns = await PictureColumnWriter.open(outDir);
    defer(() => columns.close());
    const brought = options.others
      ? await detectByOthers(
          { shards, names, columns, manifest, batchSize: detector.batchSize, signal },
          options.others,
        )
      : 0;
    const identities = (await readSetIdentity(shards)).shards;
    const known = await readExtracted(outDir, columns.size);
    const extracted = new Map([...known].filter(([name]) => identities.has(name)));
    const sizes = names.map((shard) => statSync(join(shards, shard)).size);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const summary = {
      shards: names.length,
      shardsKept: 0,
      images: 0,
      regions: 0,
      failed: 0,
      kept: 0,
      detected: 0,
      converted,
    };
    let bytesDone = 0;
    for (const [index, shard] of names.entries()) {
      signal?.throwIfAborted();
      const report = (images: number, bytesRead: number) =>
        onProgress?.({
          shard,
          shardsDone: index,
          shards: names.length,
          images: summary.images + images,
          bytesDone: bytesDone + bytesRead,
          bytes,
        });
      const sha256 = identities.get(shard);
      const before = extracted.get(shard);
      let counts: Counts;
      if (before && before.sha256 === sha256) {
        summary.shardsKept += 1;
        counts = { ...before, kept: before.images, detected: 0 };
      } else {
        counts = await extractShard(join(shards, shard), columns, options, report);
        if (sha256 !== undefined) {
          const { images, regions, failed } = counts;
          extracted.set(shard, { sha256, images, regions, failed });
          writeExtracted(outDir, columns.size, extracted);
        }
      }
      summary.images += counts.images;
      summary.regions += counts.regions;
      summary.failed += counts.failed;
      summary.kept += counts.kept;
      summary.detected += counts.detected;
      bytesDone += sizes[index]!;
      report(0, 0);
    }
    // Each was found again above, and is new all the same.
    return { ...summary, kept: summary.kept - brought, detected: summary.detected + brought };
  });

type Counts = Omit<ExtractedShard, 'sha256'> & { readonly kept: number; readonly detected: number };

/** Paths of the tars below a folder, relative to it, sorted. In folders whose name begins with a dot is what is not finished. */
export function shardNames(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.tar') && !/(^|[\\/])\./.test(name))
    .sort();
}

const maxRegionsOf = ({
  detector,
  maxRegions = detectorDefaults.topK,
}: Pick<ExtractOptions, 'detector' | 'maxRegions'>): number => detector.regionsPerImage ?? maxRegions;

/** A picture and the samples that show it. */
interface Job {
  readonly sha256: string;
  readonly image: Buffer;
  readonly keys: string[];
}

interface Waiting {
  readonly jobs: readonly Job[];
  readonly found: Promise<(Regions | null)[]>;
}

/** Extracts what `columns` lack of a shard, which may lie in S3; with `only` nothing but these pictures. */
export async function extractShard(
  shard: string,
  columns: PictureColumnWriter,
  options: Pick<ExtractOptions, 'detector' | 'maxRegions' | 'onBad' | 'signal'> & {
    readonly only?: ReadonlySet<string>;
  },
  report: (images: number, bytesRead: number) => void = () => {},
): Promise<Counts> {
  const { detector, only, onBad, signal } = options;
  const maxRegions = maxRegionsOf(options);
  const counts = { images: 0, regions: 0, failed: 0, kept: 0, detected: 0 };
  /** Regions of the pictures that this shard has shown so far; null where one does not decode. */
  const seen = new Map<string, number | null>();
  const jobs = new Map<string, Job>();
  let bytesRead = 0;
  let batch: Job[] = [];
  let running: Waiting | undefined;
  const fail = (key: string, reason: string) => {
    counts.failed += 1;
    onBad?.({ shard, key, reason });
  };
  const take = (key: string, regions: number | null) => {
    if (regions === null) return fail(key, 'cannot-decode');
    counts.images += 1;
    counts.regions += regions;
  };
  const settle = async () => {
    if (!running) return;
    const waiting = running;
    running = undefined;
    for (const [index, found] of (await waiting.found).entries()) {
      const { sha256, keys } = waiting.jobs[index]!;
      const regions = found === null ? null : topRegions(found, maxRegions, detector.featureSize);
      const count = regions === null ? null : regions.labels.length;
      columns.add(sha256, regions === null ? { [undecodableField]: Buffer.alloc(0) } : regionFields(regions));
      seen.set(sha256, count);
      jobs.delete(sha256);
      for (const key of keys) take(key, count);
    }
    await columns.flush();
    counts.detected += waiting.jobs.length;
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
  const samples = readShard(shard, { require: [imageFields], onBad: ({ key, reason }) => fail(key, reason) });
  for await (const sample of samples) {
    signal?.throwIfAborted();
    const { key, fields } = sample;
    for (const bytes of Object.values(fields)) bytesRead += blockBytes + bytes.length + paddingBytes(bytes.length);
    const image = imageOf(sample)!;
    const sha256 = imageHash(image);
    if (only?.has(sha256) === false) continue;
    const waiting = jobs.get(sha256);
    if (waiting) {
      waiting.keys.push(key);
      continue;
    }
    if (!seen.has(sha256)) {
      const before = await columns.firstField(sha256);
      if (before) seen.set(sha256, regionsIn(before));
    }
    const regions = seen.get(sha256);
    if (regions !== undefined) {
      take(key, regions);
      counts.kept += 1;
    } else {
      if (batch.length >= detector.batchSize) await flush();
      const job = { sha256, image, keys: [key] };
      jobs.set(sha256, job);
      batch.push(job);
    }
  }
  if (batch.length > 0) await flush();
  await settle();
  return counts;
}

/** How many regions a picture's columns have, from the size of the first: [R, 4] halves behind a header of 128 bytes. */
const regionsIn = ({ name, byteLength }: { readonly name: string; readonly byteLength: number }): number | null =>
  name === columnFields[0] ? (byteLength - 128) / 8 : null;
