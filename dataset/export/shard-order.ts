/**
 * A shard that somebody else writes: its plan is an object, beside which what is made of it is put, so that no ledger is needed. Whoever
 * writes it writes the same bytes, by the same libraries. Its stats go last and name the plan.
 */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import sharp from 'sharp';
import { digestOf, writeFileAtomic } from '../atomic-file.ts';
import type { BlobReader, Blobs } from '../blobs/blobs.ts';
import { keptOpen } from '../blobs/kept-open.ts';
import { readBlob } from '../blobs/open.ts';
import { segmentName } from '../ledger/raw-store.ts';
import { makeFolder } from '../make-folder.ts';
import { fetchFile, type Order, prefixOf } from '../orders.ts';
import { finishedShard, type ShardStats, writeShard } from '../shards/writer.ts';
import { expected, UserError } from '../user-error.ts';
import { version } from '../version.ts';
import { type PlannedImage, planHash, planItemsRead, type ShardPlan } from './plan.ts';
import { type ShardSettings, writerOptions } from './remake.ts';

/** Where things lie. */
export interface OrderPlaces {
  /** Plans, and what is made of them. */
  readonly orders: Blobs;
  /** The segments of `raw/`. */
  readonly raw: Blobs;
}

/** What the bytes of a shard depend on beside its plan. */
export const shardSoftware = () => ({ lait: version, sharp: sharp.versions.sharp, vips: sharp.versions.vips });

interface PlanObject {
  readonly software: ReturnType<typeof shardSoftware>;
  readonly settings: ShardSettings;
  readonly plan: ShardPlan;
}

const planKey = (order: Order): string => `${prefixOf(order)}.plan.json.gz`;

/** Pictures that are read ahead of the one that is written. Ours: S3 answers a small range in some 20 ms, a core encodes one in as long. */
const picturesAhead = 8;
/** A plan of 10,000 pairs has some 10 MB, a tenth of it as gzip. */
const maxPlanBytes = 1 << 28;
const maxStatsBytes = 1 << 26;

/**
 * Puts the plan of a shard, unless it is there, and gives its order. The hash is that of all that is put: unlike `planHash`, which the shard
 * carries, it is another one for other software, and where pictures have moved in `raw/`.
 */
export async function putPlan(
  orders: Blobs,
  name: string,
  { plan, settings }: Pick<PlanObject, 'plan' | 'settings'>,
  signal?: AbortSignal,
): Promise<Order> {
  const object: PlanObject = { software: shardSoftware(), settings, plan };
  const json = Buffer.from(JSON.stringify(object));
  const order = { name, plan: digestOf(json).sha256 };
  const bytes = await promisify(gzip)(json);
  await orders.put(planKey(order), bytes, { condition: { ifAbsent: true }, signal });
  return order;
}

/**
 * Writes a shard by its plan and puts it beside that; `folder` is where it may work, and is removed. Throws a UserError where there is no
 * such plan or picture, and where this machine would write other bytes than the one that planned.
 */
export async function writeOrder(
  { orders, raw }: OrderPlaces,
  order: Order,
  {
    folder,
    signal,
    concurrency,
  }: { readonly folder: string; readonly signal?: AbortSignal; readonly concurrency?: number },
): Promise<void> {
  const { plan, settings } = await readPlan(orders, order, signal);
  const pictures = openPictures(raw, signal);
  try {
    makeFolder(folder);
    const base = join(folder, basename(order.name));
    const stats = await writeShard(
      base,
      plan.number,
      planItemsRead(plan, pictures.read, picturesAhead),
      planHash(plan, settings),
      {
        ...writerOptions(settings, plan.split),
        ...(concurrency === undefined ? {} : { concurrency }),
        ...(signal === undefined ? {} : { signal }),
      },
    );
    for (const ending of [...Object.keys(stats.lait.files), statsEnding]) {
      await orders.putFile(prefixOf(order) + ending, base + ending, { signal });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await pictures.close();
  }
}

const statsEnding = '_stats.json';

async function readPlan(orders: Blobs, order: Order, signal: AbortSignal | undefined): Promise<PlanObject> {
  const bytes = await readBlob(orders, planKey(order), { maxBytes: maxPlanBytes, signal });
  if (bytes === null) {
    throw new UserError(
      `Expected the plan of ${order.name} in ${orders.place} but there is none; give all machines the same blobs in lait.yaml, or without blobs a corpus folder that they share.`,
    );
  }
  const json = await promisify(gunzip)(bytes);
  if (digestOf(json).sha256 !== order.plan) throw new Error(`The plan of ${order.name} is not what its name says.`);
  const object = JSON.parse(json.toString('utf8')) as PlanObject;
  const { software } = object;
  const [theirs, ours] = [software, shardSoftware()].map((one) => JSON.stringify(one));
  if (theirs !== ours)
    throw expected(`the software that planned (${theirs})`, 'this machine', ours, 'install the same');
  return object;
}

/** Pictures by ranges of their segments. */
function openPictures(raw: Blobs, signal: AbortSignal | undefined) {
  const segments = keptOpen<number, BlobReader>(
    async (segment) => {
      const found = await raw.open(segmentName(segment), signal);
      if (found !== null) return found;
      throw expected(
        'the pictures that the plan names',
        raw.place,
        `no ${segmentName(segment)}`,
        'plan again: run the same lait export',
      );
    },
    { signal },
  );
  const readFrom = async (reader: BlobReader, { offset, byteLength }: PlannedImage): Promise<Buffer> => {
    const bytes = await reader.read(offset, byteLength, signal);
    if (bytes.length === byteLength) return bytes;
    throw expected(
      `${offset + byteLength} bytes or more`,
      reader.key,
      reader.byteLength,
      'plan again: run the same lait export',
    );
  };
  return {
    // A segment that has grown since it was opened has what it had where it was.
    read: (image: PlannedImage): Promise<Buffer> => segments.use(image.segment, (reader) => readFrom(reader, image)),
    async close(): Promise<void> {
      for (const reader of await segments.opened()) await reader.close();
    },
  };
}

/** Fetches what somebody has written to the path `base`, a shard of this `planHash`. Null where it is not there, or not whole. */
export async function fetchOrder(
  orders: Blobs,
  order: Order,
  { base, hash }: { readonly base: string; readonly hash: string },
  signal?: AbortSignal,
): Promise<ShardStats | null> {
  const json = await readBlob(orders, prefixOf(order) + statsEnding, { maxBytes: maxStatsBytes, signal });
  if (json === null) return null;
  const { lait } = JSON.parse(json.toString('utf8')) as ShardStats;
  if (lait.plan !== hash) return null;
  for (const [ending, digest] of Object.entries(lait.files)) {
    if (!isEnding.test(ending)) throw expected('files of a shard', orders.place, JSON.stringify(ending), 'remove it');
    const fetched = await fetchFile(orders, prefixOf(order) + ending, base + ending, signal);
    if (fetched?.sha256 !== digest.sha256) return null;
  }
  writeFileAtomic(base + statsEnding, json);
  return finishedShard(base, hash);
}

/** What follows the name of a shard in one of its files. */
const isEnding = /^(?:\.(?:tar|parquet|jsonl)|\/\w[\w-]*\.\w+)$/;
