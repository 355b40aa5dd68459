/**
 * What an epoch has to know of a shard before it reads features: of each sample its key, its picture's hash, its texts as word pieces and
 * where its features lie, or why it cannot be used. To find that, every picture is hashed, every text made into word pieces and every number
 * of the features looked at; so it is kept in a file, as a column of the shard, and no later epoch does it again. What decides the content
 * decides the file's name. Threads share the work: the one that asks for a shard first reads it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, writeFileAtomic } from '../../dataset/atomic-file.ts';
import { openBlobs } from '../../dataset/blobs/open.ts';
import { isS3, lastPart, parentOf } from '../../dataset/blobs/place.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { isUrl } from '../../dataset/shards/paths.ts';
import { type PictureColumns, Room } from '../../dataset/shards/picture-columns.ts';
import { type BadInput, readShard, type ShardSample } from '../../dataset/shards/reader.ts';
import { type ColumnsManifest, columnsIdentity, type RegionsFault, regionsOf } from '../regions/columns.ts';
import { type FeaturesPlace, featuresPlace } from '../regions/stored-regions.ts';
import { readAhead, samplesAhead, textsOf } from './example.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A sample as a shard has it. */
export interface ShardText {
  readonly key: string;
  /** Of its picture. */
  readonly sha256: string;
  /** Word pieces of each text. */
  readonly texts: readonly (readonly number[])[];
  /** Why it has no regions that can be used. */
  readonly fault?: RegionsFault | 'no-features';
  /** R, of all that the columns have. */
  readonly count: number;
  /** Of features that are halves. */
  readonly place?: FeaturesPlace;
}

/** A shard's samples in order, and what is left out of it. */
export interface ShardTexts {
  readonly samples: readonly ShardText[];
  readonly bad: readonly { readonly key: string; readonly reason: BadInput['reason'] }[];
}

export interface ShardTextsOptions {
  readonly shards: readonly string[];
  readonly regions: string;
  readonly columns: PictureColumns;
  readonly manifest: ColumnsManifest;
  readonly tokenizer: Tokenizer;
  readonly maxPieces: number;
  /** Where files are kept; without one, in memory. */
  readonly folder?: string | undefined;
  /** Of threads that share a folder, for each shard what has been done of it: see `claim`. */
  readonly claims?: SharedArrayBuffer | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Of a shard: nobody reads it, one thread does, it lies in the folder, or it is nothing to be kept and each thread has to read it. */
const claim = { free: 0, taken: 1, kept: 2, notKept: 3 } as const;

/** Room for the claims on so many shards. */
export const claimsOn = (shards: number): SharedArrayBuffer => new SharedArrayBuffer(4 * shards);

export interface OpenShardTexts {
  /** Those of a shard, by its number. */
  of(shard: number): Promise<ShardTexts>;
  /**
   * Reads shards that are to be asked for later, unless another thread has begun to: one after the other, and none beside one that this thread
   * reads already, so that what comes first is done first and all threads have something to do.
   */
  ahead(shards: readonly number[]): Promise<void>;
}

export async function openShardTexts(options: ShardTextsOptions): Promise<OpenShardTexts> {
  const { shards, regions, manifest, tokenizer, maxPieces, folder } = options;
  const claims = new Int32Array(options.claims ?? claimsOn(shards.length));
  const inMemory = new Map<number, Promise<ShardTexts>>();
  const decidedBy = digestOf(
    JSON.stringify([
      layout,
      digestOf(JSON.stringify([tokenizer.vocabulary, tokenizer.definition ?? null])).sha256,
      maxPieces,
      columnsIdentity(manifest).identity,
      folder === undefined ? null : await versionsIn(regions),
    ]),
  ).sha256;
  if (folder !== undefined) makeFolder(folder);

  const pathOf = async (shard: number): Promise<string | null> => {
    const name = shards[shard]!;
    const version = folder === undefined ? null : await versionOf(name);
    return version && join(folder!, `${digestOf(JSON.stringify([decidedBy, name, version])).sha256.slice(0, 32)}.json`);
  };
  const settle = (shard: number, as: number): void => {
    Atomics.store(claims, shard, as);
    Atomics.notify(claims, shard);
  };
  let underWay = 0;
  const read = async (shard: number): Promise<ShardTexts> => {
    underWay += 1;
    try {
      const path = await pathOf(shard);
      if (path !== null && existsSync(path)) {
        settle(shard, claim.kept);
        return JSON.parse(readFileSync(path, 'utf8')) as ShardTexts;
      }
      const { texts, isWhole } = await readTexts(shards[shard]!, options);
      settle(shard, path !== null && isWhole && isWritten(path, texts) ? claim.kept : claim.notKept);
      return texts;
    } catch (error) {
      settle(shard, claim.free);
      throw error;
    } finally {
      underWay -= 1;
    }
  };
  const take = (shard: number): Promise<ShardTexts> | undefined => {
    if (Atomics.compareExchange(claims, shard, claim.free, claim.taken) !== claim.free) return undefined;
    const texts = read(shard);
    texts.catch(() => {}); // whoever asks for it hears of it
    inMemory.set(shard, texts);
    return texts;
  };
  return {
    async of(shard) {
      for (;;) {
        const own = inMemory.get(shard) ?? take(shard);
        if (own) {
          const texts = await own;
          if (folder !== undefined && claims[shard] === claim.kept) inMemory.delete(shard);
          return texts;
        }
        if (claims[shard] === claim.kept) {
          const path = await pathOf(shard);
          if (path !== null && existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as ShardTexts;
        }
        if (claims[shard] !== claim.taken) {
          // It cannot be kept, or what was kept is gone.
          const texts = read(shard);
          inMemory.set(shard, texts);
          return texts;
        }
        await changed(claims, shard);
      }
    },
    async ahead(shards) {
      for (const shard of shards) {
        if (underWay > 0) return;
        await take(shard)?.catch(() => {});
      }
    },
  };
}

/** Of the files; another one reads none of an older one. */
const layout = 1;

/** Waits until another thread has done with a shard, and no longer than a while, since threads end. */
async function changed(claims: Int32Array, shard: number): Promise<void> {
  // TypeScript's library has it from ES2024 on.
  const { waitAsync } = Atomics as unknown as {
    waitAsync(on: Int32Array, at: number, is: number, ms: number): { value: string | Promise<string> };
  };
  await waitAsync(claims, shard, claim.taken, 1000).value;
}

/** `isWhole` is false where something could not be read that may be read the next time. */
async function readTexts(
  shard: string,
  { regions, columns, manifest, tokenizer, maxPieces, signal }: ShardTextsOptions,
): Promise<{ texts: ShardTexts; isWhole: boolean }> {
  const samples: ShardText[] = [];
  const bad: { key: string; reason: BadInput['reason'] }[] = [];
  const reading = {
    hashImages: true,
    require: [['txt', 'json']],
    onBad: ({ key, reason }: BadInput) => bad.push({ key, reason }),
    ...(signal && { signal }),
  };
  const ahead = isS3(regions) ? samplesAhead.inS3 : 1;
  const rooms = Array.from({ length: ahead + 1 }, () => new Room());
  let read = 0;
  const join = async ({ key, fields, imageSha256 }: ShardSample) => {
    const room = rooms[read % rooms.length]!;
    read += 1;
    return { key, fields, sha256: imageSha256!, members: await columns.members(imageSha256!, room) };
  };
  for await (const { key, fields, sha256, members } of readAhead(readShard(shard, reading), join, ahead)) {
    const texts = textsOf(fields);
    const found = members === null ? 'no-features' : regionsOf(members.fields, manifest);
    const place = members && typeof found !== 'string' ? featuresPlace(members.bytes, sha256) : null;
    samples.push({
      ...{ key, sha256 },
      texts: texts.map((text) => tokenizer.encode(text, maxPieces)),
      ...(typeof found === 'string' ? { fault: found, count: 0 } : { count: found.labels.length }),
      ...(place && { place }),
    });
  }
  const isWhole = !bad.some(({ reason }) => reason === 'cannot-read' || reason.startsWith('http-'));
  return { texts: { samples, bad }, isWhole };
}

/**
 * Whether it could be: a run needs no file of its texts, whose folder a takedown removes and whose disk may be full. A stage
 * that has a corpus twice, and ranks with one folder, write the same file at the same time.
 */
function isWritten(path: string, texts: ShardTexts): boolean {
  try {
    writeFileAtomic(path, JSON.stringify(texts));
    return true;
  } catch {
    return false;
  }
}

/** Null for what has none: a URL, standard input. */
async function versionOf(shard: string): Promise<string | null> {
  if (isUrl(shard) || shard === '-') return null;
  return (await (await openBlobs(parentOf(shard))).facts(lastPart(shard)))?.version ?? null;
}

/** Of everything that columns consist of. */
async function versionsIn(regions: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key, version } of (await openBlobs(regions)).list()) {
    if (/^\d{5}\.tar$/.test(key)) found.push(`${key} ${version}`);
  }
  return found;
}
