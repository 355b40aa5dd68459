/**
 * Which pairs go into which new shard: a pure function of the ledger, of what the export has, and of a few numbers, so that a killed
 * export goes on where it was and two machines write the same. Pairs come ordered by id, which is a hash: the order is
 * already a shuffle. A shard closes when it has enough images, or enough bytes of them; pairs whose image failed go
 * along with the shard that is open, and take no place in it.
 */
import { createHash } from 'node:crypto';
import { type Evidence, evidenceOf, type FailedPair, failedPair, newFailedPairs } from '../ledger/evidence.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type RawStore, readUnlessLost } from '../ledger/raw-store.ts';
import type { Resized } from '../ledger/records.ts';
import { type KeptSample, keptSample, keptSamples } from '../ledger/survivors.ts';
import type { ShardItem } from '../shards/writer.ts';
import type { MoreRow, ReadMore } from './more-columns.ts';
import { type Split, splitOf } from './split.ts';

/** Where an image lies in `raw/`. */
export interface PlannedImage {
  readonly segment: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly format: string;
  readonly resized?: Resized;
}

/** One pair of the plan: everything about it that does not need the image's bytes. */
export interface PlannedPair {
  readonly row: ShardItem['row'];
  /** Where the image lies; null when the download or the decoding failed, and then `failure` says how. */
  readonly image: PlannedImage | null;
  readonly failure: ShardItem['failure'];
  readonly fetchedAtMs: number | null;
  /** Its values of the columns that not every export has. */
  readonly more: MoreRow;
}

export interface ShardPlan {
  readonly split: Split;
  readonly number: number;
  readonly pairs: readonly PlannedPair[];
}

export interface PlanOptions {
  readonly samplesPerShard: number;
  readonly maxShardBytes: number;
  readonly validationFraction: number;
  /** Number of the first new shard of each split. */
  readonly firstShard: Readonly<Record<Split, number>>;
  readonly more: ReadMore;
  /** Whether `raw/` has the bytes of a picture. Pairs of one that it lacks get a row without an image, and come when the bytes do. */
  readonly isStored: (place: {
    readonly segment: number;
    readonly offset: number;
    readonly byteLength: number;
  }) => boolean;
  /** Whether the export has a row of this pair already. */
  readonly hasRow: (id: string) => boolean;
  /** Whether pairs without an image get a row. */
  readonly withFailures: boolean;
}

/**
 * New shards for what `findGrowth` found new, each as soon as it is complete, the last ones of both splits at the end. Failures of a
 * split that has no new image wait for one: a shard without images would be nothing to read.
 */
export function* planShards(ledger: Ledger, options: PlanOptions): Generator<ShardPlan> {
  const { samplesPerShard, maxShardBytes, validationFraction, firstShard } = options;
  const opened = (number: number) => ({ number, candidates: [] as PlannedPair[], images: 0, bytes: 0 });
  const open = { train: opened(firstShard.train), validation: opened(firstShard.validation) };
  for (const candidate of candidates(ledger, options)) {
    const split = splitOf(candidate.row.sha256 ?? candidate.row.uid, validationFraction);
    const shard = open[split];
    const bytes = candidate.image?.byteLength ?? 0;
    const isFull = shard.images >= samplesPerShard || (shard.images > 0 && shard.bytes + bytes > maxShardBytes);
    if (candidate.image !== null && isFull) {
      yield { split, number: shard.number, pairs: shard.candidates };
      open[split] = { number: shard.number + 1, candidates: [candidate], images: 1, bytes };
    } else {
      shard.candidates.push(candidate);
      if (candidate.image !== null) shard.images += 1;
      shard.bytes += bytes;
    }
  }
  for (const split of ['train', 'validation'] as const) {
    const { number, candidates: rest, images } = open[split];
    if (images > 0) yield { split, number, pairs: rest };
  }
}

/**
 * The hash that a finished shard carries: another plan or configuration gives another one. Where the original lies in `raw/` takes no
 * part, since that depends on the order of the downloads; its SHA-256 does.
 */
export function planHash(plan: ShardPlan, configuration: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(configuration));
  for (const { row, image, failure, fetchedAtMs, more } of plan.pairs) {
    hash.update(JSON.stringify([row, image !== null, failure, fetchedAtMs, ...(more === null ? [] : [more])]));
  }
  return hash.digest('hex');
}

/** The plan's pairs with a way to their images. */
export function* planItems({ pairs: all }: ShardPlan, raw: RawStore): Generator<ShardItem> {
  for (const pair of all) yield itemOf(pair, (image) => () => readUnlessLost(raw, image));
}

/** As `planItems`, of pictures that are read while those before them are written, so many of them ahead. */
export async function* planItemsRead(
  { pairs }: ShardPlan,
  read: (image: PlannedImage) => Promise<Buffer>,
  ahead: number,
): AsyncGenerator<ShardItem> {
  const coming: Promise<ShardItem>[] = [];
  const ask = async (pair: PlannedPair): Promise<ShardItem> => {
    const bytes = pair.image === null ? null : await read(pair.image);
    return itemOf(pair, () => () => bytes);
  };
  try {
    for (const pair of pairs) {
      const item = ask(pair);
      item.catch(() => {}); // it is awaited below, perhaps after another one has failed
      coming.push(item);
      if (coming.length > ahead) yield await coming.shift()!;
    }
    while (coming.length > 0) yield await coming.shift()!;
  } finally {
    await Promise.allSettled(coming);
  }
}

function itemOf(
  { row, image, failure, fetchedAtMs, more }: PlannedPair,
  bytesOf: (image: PlannedImage) => NonNullable<ShardItem['image']>,
): ShardItem {
  return {
    row,
    image: image === null ? null : bytesOf(image),
    ...(image?.resized ? { resized: image.resized } : {}),
    failure,
    fetchedAtMs,
    ...(more === null ? {} : { more }),
  };
}

/** What the ledger knows now of a pair that was exported; null where it was taken down, or has no image any more. */
export function plannedPair(
  ledger: Ledger,
  id: string,
  { hasImage, more }: { readonly hasImage: boolean; readonly more: ReadMore },
): PlannedPair | null {
  if (hasImage) {
    const sample = keptSample(ledger, id);
    return sample === undefined ? null : fromSample(sample, evidenceOf(ledger, id), more);
  }
  const failure = failedPair(ledger, id);
  return failure === undefined ? null : fromFailure(failure, more);
}

/** New samples and new pairs whose image failed, merged by id. */
function* candidates(ledger: Ledger, { more, isStored, hasRow, withFailures }: PlanOptions): Generator<PlannedPair> {
  const failures = newFailedPairs(ledger);
  let failed = failures.next();
  for (const sample of keptSamples(ledger, { onlyNew: true })) {
    for (; !failed.done && failed.value.id < sample.id; failed = failures.next()) yield fromFailure(failed.value, more);
    const planned = fromSample(sample, evidenceOf(ledger, sample.id), more);
    if (isStored(sample)) yield planned;
    else if (withFailures && !hasRow(sample.id)) yield withoutBytes(planned);
  }
  for (; !failed.done; failed = failures.next()) yield fromFailure(failed.value, more);
}

function fromSample(sample: KeptSample, evidence: Evidence, more: ReadMore): PlannedPair {
  const { segment, offset, byteLength, format, resized = null } = sample;
  return {
    row: {
      url: sample.imageUrl,
      caption: sample.text,
      original_width: sample.width,
      original_height: sample.height,
      sha256: sample.sha256,
      uid: sample.id,
      text: sample.text,
      found_text: sample.foundText,
      source: sample.source,
      page_url: sample.pageUrl,
      page_title: sample.pageTitle,
      phash: sample.phash,
      license_url: sample.licenseUrl,
      gone: sample.gone,
      download_url: evidence.writtenUrl ?? sample.imageUrl,
      ...evidenceColumns(evidence),
    },
    image: { segment, offset, byteLength, format, ...(resized === null ? {} : { resized }) },
    failure: null,
    fetchedAtMs: evidence.fetchedAtMs,
    more: more(sample.id, evidence, sample.scores),
  };
}

/** A pair whose picture `raw/` has lost: without the hash, by which it would count as exported. */
const withoutBytes = (planned: PlannedPair): PlannedPair => ({
  ...planned,
  row: { ...planned.row, original_width: null, original_height: null, sha256: null, phash: null },
  image: null,
  failure: { status: 'failed_to_download', reason: 'raw-missing' },
});

function evidenceColumns({ fetchedAtMs, etag, lastModified, damaged }: Evidence) {
  return {
    fetched_at: fetchedAtMs === null ? null : new Date(fetchedAtMs).toISOString(),
    http_etag: etag,
    last_modified: lastModified,
    damaged: damaged === 1,
  };
}

function fromFailure(row: FailedPair, more: ReadMore): PlannedPair {
  return {
    row: {
      url: row.url,
      caption: row.text,
      original_width: null,
      original_height: null,
      sha256: null,
      uid: row.id,
      text: row.text,
      found_text: row.foundText,
      source: row.source,
      page_url: row.pageUrl,
      page_title: row.pageTitle,
      phash: null,
      license_url: row.licenseUrl,
      gone: row.gone,
      download_url: row.writtenUrl ?? row.url,
      ...evidenceColumns(row),
    },
    image: null,
    failure: {
      status: row.status === 'failed_to_decode' ? 'failed_to_resize' : 'failed_to_download',
      reason: row.reason ?? row.status.replaceAll('_', '-'),
    },
    fetchedAtMs: row.fetchedAtMs,
    more: more(row.id, row),
  };
}
