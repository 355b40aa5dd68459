/**
 * One training example: the word pieces of a text and the regions of its image, joined by key from a shard and its
 * column of region features.
 */
import { type BadInput, readShards, type ShardSample } from '../dataset/shard-reader.ts';
import { type ColumnsManifest, type RegionsFault, readColumnsManifest, regionsOf } from './regions/columns.ts';
import { type Regions, topRegions } from './regions/region.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface Example {
  readonly key: string;
  /** Word pieces without [CLS] and [SEP]; at least one. */
  readonly pieces: readonly number[];
  readonly regions: Regions;
  /** What several captions of the same image share; the key where the shard does not say. */
  readonly imageId: string;
}

export interface ReadExamplesOptions {
  /** Shards of one split, as `readShards` takes them: a folder, files, globs. */
  readonly shards: string | readonly string[];
  /** The folder with their region features. */
  readonly regions: string;
  readonly tokenizer: Tokenizer;
  /** Longer texts are cut. The paper: 41. */
  readonly maxPieces: number;
  /** Of more regions, the most confident are kept. The paper: 100. */
  readonly maxRegions: number;
  readonly shuffle?: { readonly seed: number; readonly epoch?: number; readonly bufferSamples?: number };
  readonly part?: { readonly index: number; readonly count: number };
  /** Samples to pass over at the start, counted in the order that the same options give. */
  readonly skip?: number;
  /** Hears of every sample that is left out, with the reason. */
  readonly onBad?: (bad: BadExample) => void;
  readonly signal?: AbortSignal;
}

export interface BadExample {
  readonly shard: string;
  readonly key: string;
  readonly reason: BadInput['reason'] | RegionsFault | 'no-text';
}

/**
 * Reads the examples of a split in order, or shuffled. A sample without text, without regions or with features that are
 * not finite is left out and told to `onBad`. Throws a UserError when there are no shards or no region features.
 */
export async function* readExamples(options: ReadExamplesOptions): AsyncGenerator<Example> {
  const { shards, regions, onBad, shuffle, part, skip, signal } = options;
  const columns = readColumnsManifest(regions);
  const samples = readShards({
    paths: shards,
    columns: [regions],
    require: [['txt', 'json']],
    ...(shuffle && { shuffle }),
    ...(part && { part }),
    ...(skip && { skip }),
    ...(signal && { signal }),
    ...(onBad && { onBad }),
  });
  for await (const sample of samples) {
    const example = exampleOf(sample, columns, options);
    if (typeof example !== 'string') yield example;
    else onBad?.({ shard: sample.shard, key: sample.key, reason: example });
  }
}

/** The example of a sample, or why it is none. */
function exampleOf(
  { key, fields }: ShardSample,
  columns: ColumnsManifest,
  { tokenizer, maxPieces, maxRegions }: ReadExamplesOptions,
): Example | RegionsFault | 'no-text' {
  const about = aboutOf(fields);
  const pieces = tokenizer.encode(fields.txt?.toString('utf8') ?? about.caption ?? '', maxPieces);
  if (pieces.length === 0) return 'no-text';
  const regions = regionsOf(fields, columns);
  if (typeof regions === 'string') return regions;
  return {
    key,
    pieces,
    regions: topRegions(regions, maxRegions, columns.featureSize),
    imageId: about.image_id ?? about.sha256 ?? key,
  };
}

/** What the sample's JSON member says, if it is one: `sha256` is img2dataset's, `image_id` COCO's. */
function aboutOf(fields: Readonly<Record<string, Buffer>>): { caption?: string; image_id?: string; sha256?: string } {
  if (!fields.json) return {};
  let json: unknown;
  try {
    json = JSON.parse(fields.json.toString('utf8'));
  } catch {
    return {};
  }
  if (typeof json !== 'object' || json === null) return {};
  const texts = Object.entries(json).filter(
    ([, value]) => (typeof value === 'string' && value) || Number.isInteger(value),
  );
  return Object.fromEntries(texts.map(([name, value]) => [name, String(value)]));
}
