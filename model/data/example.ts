/**
 * One training example: the word pieces of a text and the regions of its image, which are found by the content of the image, so that
 * they are its own whatever its key is and wherever it lies. A sample with several captions (`texts` in its JSON member) is as many examples.
 */

import { isS3 } from '../../dataset/blobs/place.ts';
import { random } from '../../dataset/random.ts';
import { type Fields, PictureColumns } from '../../dataset/shards/picture-columns.ts';
import { type BadInput, readShards, type ShardSample } from '../../dataset/shards/reader.ts';
import { type ColumnsManifest, type RegionsFault, readColumnsManifest, regionsOf } from '../regions/columns.ts';
import { type Regions, topRegions } from '../regions/region.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface Example {
  readonly key: string;
  /** Word pieces without [CLS] and [SEP]; at least one. */
  readonly pieces: readonly number[];
  readonly regions: Regions;
  /** SHA-256 of its picture: what several captions of one share. Numbers and keys that shards give are others' in another set. */
  readonly imageId: string;
}

/**
 * Which text of a sample an epoch learns from: another in each epoch, whatever the order of reading, so that no batch
 * has an image twice and no image counts for more than another.
 */
export function drawnText(key: string, texts: number, { seed, epoch = 0 }: { seed: number; epoch?: number }): number {
  let hash = 0;
  for (let index = 0; index < key.length; index++) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  return random(seed, epoch, hash, 0x7e475).below(texts);
}

export interface ReadExamplesOptions {
  /** Shards of one split, as `readShards` takes them: a folder, files, globs, in S3 too. */
  readonly shards: string | readonly string[];
  /** The folder with region features, `regions/NAME`, or its place in S3. */
  readonly regions: string;
  readonly tokenizer: Tokenizer;
  /** Longer texts are cut. The paper: 41. */
  readonly maxPieces: number;
  /** Of more regions, the most confident are kept. The paper: 100. */
  readonly maxRegions: number;
  /** Reads in another order, and of several texts of a sample only the one drawn for the epoch. */
  readonly shuffle?: { readonly seed: number; readonly epoch?: number; readonly bufferSamples?: number };
  readonly part?: { readonly index: number; readonly count: number };
  /** Samples to skip at the start, counted in the order that the same options give. */
  readonly skip?: number;
  /** Hears of every skipped sample, with the reason. */
  readonly onBad?: (bad: BadExample) => void;
  /** Hears what each sample that is used says of its picture. */
  readonly onPicture?: (picture: ToldPicture) => void;
  readonly signal?: AbortSignal;
}

export interface ToldPicture {
  /** Of the picture in the shard. */
  readonly sha256: string;
  /** Of the picture before an export made it smaller, where the sample says that. */
  readonly originalSha256?: string;
  /** What earlier versions told pictures apart by: `image_id`, else `sha256` of the JSON member, else the key. */
  readonly earlierId: string;
}

/** A skipped sample. */
export interface BadExample {
  readonly shard: string;
  readonly key: string;
  readonly reason: BadInput['reason'] | RegionsFault | 'no-features' | 'no-text';
}

/**
 * Reads the examples of a split in order, or shuffled. A sample without text, without features of its own picture or with
 * features that are not finite is skipped and reported to `onBad`. Throws a UserError when there are no shards or no region features.
 */
export async function* readExamples(options: ReadExamplesOptions): AsyncGenerator<Example> {
  const { shards, regions, onBad, shuffle, part, skip, signal } = options;
  const manifest = await readColumnsManifest(regions);
  const samples = readShards({
    paths: shards,
    hashImages: true,
    require: [['txt', 'json']],
    ...(shuffle && { shuffle }),
    ...(part && { part }),
    ...(skip && { skip }),
    ...(signal && { signal }),
    ...(onBad && { onBad }),
  });
  const columns = await PictureColumns.open(regions);
  const join = async (sample: ShardSample) => ({ sample, found: await columns.fields(sample.imageSha256!) });
  try {
    for await (const { sample, found } of readAhead(
      samples,
      join,
      isS3(regions) ? samplesAhead.inS3 : samplesAhead.inFolder,
    )) {
      const examples = found === null ? 'no-features' : examplesOf(sample, found, manifest, options);
      if (typeof examples !== 'string') {
        options.onPicture?.(toldPicture(sample));
        yield* examples;
      } else onBad?.({ shard: sample.shard, key: sample.key, reason: examples });
    }
  } finally {
    await columns.close();
  }
}

/** Samples whose features are read while the ones before them are in use. Ours: from a disk 4; S3 answers after tens of milliseconds. */
export const samplesAhead = { inFolder: 4, inS3: 32 };

/** What `read` gives of each item, in their order, a few of them ahead. */
export async function* readAhead<T, U>(
  items: AsyncIterable<T>,
  read: (item: T) => Promise<U>,
  ahead: number,
): AsyncGenerator<U> {
  const waiting: Promise<U>[] = [];
  try {
    for await (const item of items) {
      const next = read(item);
      next.catch(() => {}); // it is awaited below, perhaps after another one has failed
      waiting.push(next);
      if (waiting.length > ahead) yield await waiting.shift()!;
    }
    while (waiting.length > 0) yield await waiting.shift()!;
  } finally {
    await Promise.allSettled(waiting);
  }
}

/** The examples of a sample, or why it has none. */
function examplesOf(
  { key, fields, imageSha256 }: ShardSample,
  features: Fields,
  manifest: ColumnsManifest,
  { tokenizer, maxPieces, maxRegions, shuffle }: ReadExamplesOptions,
): Example[] | RegionsFault | 'no-text' {
  const all = textsOf(fields);
  const chosen = shuffle && all.length > 1 ? all.slice(drawnText(key, all.length, shuffle)).slice(0, 1) : all;
  const encoded = chosen.map((text) => tokenizer.encode(text, maxPieces)).filter((pieces) => pieces.length > 0);
  if (encoded.length === 0) return 'no-text';
  const found = regionsOf(features, manifest);
  if (typeof found === 'string') return found;
  const regions = topRegions(found, maxRegions, manifest.featureSize);
  return encoded.map((pieces) => ({ key, pieces, regions, imageId: imageSha256! }));
}

/**
 * The texts of a sample. `texts` of its JSON member are all captions of an import (the first is `KEY.txt` too), `caption` is img2dataset's.
 */
export function textsOf(fields: Readonly<Record<string, Buffer>>): readonly string[] {
  const json = objectOf(fields.json);
  const several = Array.isArray(json.texts)
    ? json.texts.filter((text) => typeof text === 'string' && text.trim() !== '')
    : [];
  const own = fields.txt === undefined ? wordOf(json.caption) : fields.txt.toString('utf8');
  return several.length > 0 || own === undefined ? several : [own];
}

function toldPicture({ key, fields, imageSha256 }: ShardSample): ToldPicture {
  const { image_id: id, sha256: own } = objectOf(fields.json);
  const original = typeof own === 'string' && /^[0-9a-f]{64}$/.test(own) ? own : undefined;
  return {
    sha256: imageSha256!,
    earlierId: wordOf(id) ?? wordOf(own) ?? key,
    ...(original && { originalSha256: original }),
  };
}

const wordOf = (value: unknown): string | undefined =>
  (typeof value === 'string' && value !== '') || Number.isInteger(value) ? String(value) : undefined;

function objectOf(member: Buffer | undefined): Readonly<Record<string, unknown>> {
  if (!member) return {};
  try {
    const json: unknown = JSON.parse(member.toString('utf8'));
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
