/**
 * One training example: the word pieces of a text and the regions of its image, joined by key from a shard and its
 * column of region features.
 */
import type { Regions } from './regions/region.ts';

export interface Example {
  readonly key: string;
  /** Word pieces without [CLS] and [SEP]; at least one. */
  readonly pieces: readonly number[];
  readonly regions: Regions;
  /** What several captions of the same image share; the key where the shard does not say. */
  readonly imageId: string;
}
