/**
 * Which pairs go into which shard: a pure function of the ledger and of four numbers, so that a killed export goes on
 * where it was and a repeated one finds everything in its place. Pairs come ordered by id, which is a hash: the order is
 * already a shuffle. A shard closes when it has enough images, or enough bytes of them; pairs whose image failed go
 * along with the shard that is open, and take no place in it.
 */
import { createHash } from 'node:crypto';
import { type Evidence, evidenceOf, failedPairs } from '../ledger/evidence.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RawStore } from '../ledger/raw-store.ts';
import { type KeptSample, keptSamples } from '../ledger/survivors.ts';
import type { ShardItem } from '../shards/writer.ts';
import { type Split, splitOf } from './split.ts';

/** One pair of the plan: everything about it that does not need the image's bytes. */
export interface PlannedPair {
  readonly row: ShardItem['row'];
  /** Where the image lies; null when the download or the decoding failed, and then `failure` says how. */
  readonly image: {
    readonly segment: number;
    readonly offset: number;
    readonly byteLength: number;
    readonly format: string;
  } | null;
  readonly failure: ShardItem['failure'];
  readonly fetchedAtMs: number | null;
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
  /** Whether pairs that are not on the web any more are among them. */
  readonly gone: 'keep' | 'drop';
  /** Only pairs with one of these ids. */
  readonly subset?: ReadonlySet<string>;
}

/** All shards of an export, each as soon as it is complete, the last ones of both splits at the end. */
export function* planShards(ledger: Ledger, options: PlanOptions): Generator<ShardPlan> {
  const { samplesPerShard, maxShardBytes, validationFraction, gone, subset } = options;
  const open = {
    train: { number: 0, candidates: [] as PlannedPair[], images: 0, bytes: 0 },
    validation: { number: 0, candidates: [] as PlannedPair[], images: 0, bytes: 0 },
  };
  for (const candidate of candidates(ledger)) {
    if (gone === 'drop' && candidate.row.gone !== null) continue;
    if (subset !== undefined && !subset.has(candidate.row.uid)) continue;
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
    const { number, candidates: rest } = open[split];
    if (rest.length > 0) yield { split, number, pairs: rest };
  }
}

/** The hash that a finished shard carries: another plan or configuration gives another one. */
export function planHash(plan: ShardPlan, configuration: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(configuration));
  for (const candidate of plan.pairs) hash.update(JSON.stringify(candidate));
  return hash.digest('hex');
}

/** The plan's pairs with a way to their images. */
export function* planItems({ pairs: all }: ShardPlan, raw: RawStore): Generator<ShardItem> {
  for (const { row, image, failure, fetchedAtMs } of all) {
    yield { row, image: image === null ? null : () => readRaw(raw, image), failure, fetchedAtMs };
  }
}

/** The image's bytes, null when its segment is gone or cut. */
function readRaw(raw: RawStore, image: NonNullable<PlannedPair['image']>): Buffer | null {
  try {
    return raw.read(image);
  } catch {
    return null;
  }
}

/** Kept samples and pairs whose image failed, merged by id. */
function* candidates(ledger: Ledger): Generator<PlannedPair> {
  const failures = plannedFailures(ledger);
  let failed = failures.next();
  for (const sample of keptSamples(ledger)) {
    for (; !failed.done && failed.value.row.uid < sample.id; failed = failures.next()) yield failed.value;
    yield fromSample(sample, evidenceOf(ledger, sample.id));
  }
  for (; !failed.done; failed = failures.next()) yield failed.value;
}

function fromSample(sample: KeptSample, evidence: Evidence): PlannedPair {
  const { segment, offset, byteLength, format } = sample;
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
      scores: JSON.stringify(sorted(sample.scores)),
      ...evidenceColumns(evidence),
    },
    image: { segment, offset, byteLength, format },
    failure: null,
    fetchedAtMs: evidence.fetchedAtMs,
  };
}

function evidenceColumns({ pageRights, imageRights, fetchedAtMs, etag, lastModified, damaged }: Evidence) {
  return {
    rights: JSON.stringify({ page: JSON.parse(pageRights ?? '{}'), image: JSON.parse(imageRights ?? '{}') }),
    fetched_at: fetchedAtMs === null ? null : new Date(fetchedAtMs).toISOString(),
    http_etag: etag,
    last_modified: lastModified,
    damaged: damaged === 1,
  };
}

const sorted = (record: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Pairs that the text rules let through and whose image was tried in vain, ordered by id. */
function* plannedFailures(ledger: Ledger): Generator<PlannedPair> {
  for (const row of failedPairs(ledger)) {
    yield {
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
        scores: null,
        ...evidenceColumns(row),
      },
      image: null,
      failure: {
        status: row.status === 'failed_to_decode' ? 'failed_to_resize' : 'failed_to_download',
        reason: row.reason ?? row.status.replaceAll('_', '-'),
      },
      fetchedAtMs: row.fetchedAtMs,
    };
  }
}
