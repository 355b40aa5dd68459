/**
 * The one reader of shards, for training and for tools. Streams WebDataset archives in constant memory: members with the
 * same key that lie together are a sample (`KEY.FIELD`, the field being everything after the first dot). What is broken is a
 * reason told to `onBad`, and reading goes on. Order, shuffle and split depend on the seed, the epoch and the part alone.
 */
import { hash } from 'node:crypto';
import { blobChunks } from '../blobs/chunks.ts';
import { openBlob } from '../blobs/open.ts';
import { isS3 } from '../blobs/place.ts';
import { UserError } from '../user-error.ts';
import { decompressed } from './decompress.ts';
import { HttpFault, httpChunks } from './http-chunks.ts';
import { expandShardPaths, isUrl } from './paths.ts';
import type { BadInput, ReadShardsOptions, ShardSample } from './sample.ts';
import { shuffledSamples, shuffledShards } from './shuffle.ts';
import type { TarFault, TarMember } from './tar.ts';
import { fileChunks, readTar } from './tar-reader.ts';

export type { BadInput, ReadShardsOptions, ShardSample } from './sample.ts';

/** Image fields that this project and open_clip read, most usual first. */
export const imageFields: readonly string[] = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'avif'];

/** Reads samples. Throws a UserError before the first one when a path does not exist. */
export async function* readShards(options: ReadShardsOptions): AsyncGenerator<ShardSample> {
  let left = options.skip ?? 0;
  for await (const batch of shuffledBatches(options)) {
    for (const sample of batch) {
      if (left > 0) left -= 1;
      else yield sample;
    }
    options.signal?.throwIfAborted();
  }
}

/** The good samples of one shard. */
export async function* readShard(shard: string, options: ShardOptions = {}): AsyncGenerator<ShardSample> {
  for await (const batch of shardBatches(shard, options)) for (const sample of batch) yield sample;
}

// Inside, samples go in batches, as many as a chunk of the file has: a promise for each sample at each step would cost
// more than reading it.
type Batches = AsyncGenerator<readonly ShardSample[]>;

function shuffledBatches(options: ReadShardsOptions): Batches {
  const { shuffle, part } = options;
  if (shuffle === undefined) return partOfShards(options);
  return shuffledSamples(owned(partOfShards(options)), shuffle, part?.index);
}

/** The samples of this part's shards, in order. */
async function* partOfShards(options: ReadShardsOptions): Batches {
  const { shuffle, part = { index: 0, count: 1 } } = options;
  let shards = await expandShardPaths(options.paths);
  if (shuffle !== undefined) shards = shuffledShards(shards, shuffle);
  const byShard = shards.length >= part.count;
  if (byShard) shards = shards.filter((_, i) => i % part.count === part.index);
  let before = 0;
  for (const shard of shards) {
    for await (const batch of shardBatches(shard, options)) {
      const first = before;
      before += batch.length;
      yield byShard ? batch : batch.filter((_, i) => (first + i) % part.count === part.index);
    }
  }
}

/** Copies fields out of the chunk they were read in, so that a shuffle buffer holds its samples and nothing more. */
async function* owned(batches: Batches): Batches {
  for await (const batch of batches) {
    yield batch.map(({ fields, ...sample }) => ({
      ...sample,
      fields: Object.fromEntries(Object.entries(fields).map(([field, bytes]) => [field, Buffer.from(bytes)])),
    }));
  }
}

type ShardOptions = Pick<ReadShardsOptions, 'hashImages' | 'require' | 'maxMemberBytes' | 'http' | 'onBad' | 'signal'>;

async function* shardBatches(shard: string, options: ShardOptions): Batches {
  const { hashImages = false, onBad = () => {} } = options;
  const require = [...(options.require ?? []), ...(hashImages ? [imageFields] : [])];
  const bad = (key: string, reason: BadInput['reason']) => onBad({ shard, key, reason });
  const isGood = (sample: ShardSample) => {
    const fault = faultOf(sample, require);
    if (fault !== null) bad(sample.key, fault);
    return fault === null;
  };
  for await (const batch of groupMembers(shard, options, bad)) {
    const good = require.length === 0 ? batch : batch.filter(isGood);
    yield hashImages ? good.map(withHash) : good;
  }
}

/** The image of a sample; undefined where it has none. */
export function imageOf({ fields }: Pick<ShardSample, 'fields'>): Buffer | undefined {
  for (const name of imageFields) if (fields[name] !== undefined) return fields[name];
  return undefined;
}

/** What an image is known by: the SHA-256 of its encoded bytes, in hexadecimal, as the tables' `image_sha256`. */
export const imageHash = (image: Buffer): string => hash('sha256', image, 'hex');

function withHash(sample: ShardSample): ShardSample {
  const fields = Object.fromEntries(Object.entries(sample.fields).filter(([name]) => !imageFields.includes(name)));
  return { ...sample, fields, imageSha256: imageHash(imageOf(sample)!) };
}

/** Why a sample lacks what is required of it. */
function faultOf({ fields }: ShardSample, require: readonly (readonly string[])[]): BadInput['reason'] | null {
  for (const names of require) {
    const name = names.find((one) => fields[one] !== undefined);
    if (name === undefined) return 'missing-field';
    if (fields[name]!.length === 0) return 'empty-field';
  }
  return null;
}

/** webdataset's rule: the key ends at the first dot of the last part of the path. */
const memberName = /^((?:.*\/)?[^./][^./]*)\.([^/]+)$/;

async function* groupMembers(
  shard: string,
  options: ShardOptions,
  bad: (key: string, reason: BadInput['reason']) => void,
): Batches {
  let key: string | null = null;
  let fields: Record<string, Buffer> = {};
  for await (const members of readMembers(shard, options, bad)) {
    const batch: ShardSample[] = [];
    for (const { name, bytes } of members) {
      const [, nextKey, field] = memberName.exec(name) ?? [];
      if (nextKey === undefined || field === undefined) {
        if (!/(^|\/)__[^/]*__$/.test(name)) bad(name, 'no-field'); // webdataset's own notes are named __so__
        continue;
      }
      if (nextKey !== key) {
        if (key !== null) batch.push({ key, shard, fields });
        key = nextKey;
        fields = {};
      }
      const lower = field.toLowerCase();
      if (fields[lower] === undefined) fields[lower] = bytes;
      else bad(key, 'duplicate-field');
    }
    yield batch;
  }
  if (key !== null) yield [{ key, shard, fields }];
}

async function* readMembers(
  shard: string,
  shardOptions: ShardOptions,
  bad: (key: string, reason: BadInput['reason']) => void,
): AsyncGenerator<TarMember[]> {
  const { maxMemberBytes, signal } = shardOptions;
  const options = {
    onBad: (fault: TarFault, name: string) => bad(name, fault),
    ...(maxMemberBytes === undefined ? {} : { maxMemberBytes }),
  };
  const archive = readTar(decompressed(openChunks(shard, shardOptions)), options);
  try {
    for (;;) {
      // Only reading may fail here: what the caller does with the members is outside of this `try`.
      const next = await archive.next().catch((error: unknown) => {
        signal?.throwIfAborted();
        // A store that is gone for good is no fault of this shard: who goes on without it would lose all that is left.
        if (error instanceof UserError) throw error;
        bad('', error instanceof HttpFault && error.status !== null ? `http-${error.status}` : 'cannot-read');
        return null;
      });
      if (next === null || next.done) return;
      yield next.value;
    }
  } finally {
    await archive.return(undefined);
  }
}

function openChunks(shard: string, { http, signal }: ShardOptions): AsyncIterable<Buffer> {
  if (shard === '-') return process.stdin;
  if (isS3(shard)) return objectChunks(shard, signal);
  return isUrl(shard) ? httpChunks(shard, { ...http, ...(signal && { signal }) }) : fileChunks(shard);
}

async function* objectChunks(name: string, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  yield* blobChunks(await openBlob(name, signal), { signal });
}
