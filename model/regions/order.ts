/** What is asked for where somebody else is to detect the regions of a shard, and under which keys it and its answer lie. */
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { readBlob } from '../../dataset/blobs/open.ts';
import type { ColumnsManifest } from './columns.ts';

/** What is to be detected in a shard. */
export interface RegionsPlan {
  /** Below the folder of shards: `train/00000.tar`. */
  readonly shard: string;
  readonly manifest: ColumnsManifest;
  /** How the detector is opened, as `lait.yaml` has it. */
  readonly settings: unknown;
  readonly maxRegions: number;
  /** SHA-256 of the pictures that no shard before has and that were not looked at yet. */
  readonly pictures: readonly string[];
}

/** What follows the prefix of an order in the keys of what is asked for, and of the columns. */
export const planName = '/plan.json';
/** Put last: the names and sizes of the other files. */
export const doneName = '/done.json';
/** A shard of a million pictures has a plan of 70 MB. */
const maxJsonBytes = 1 << 28;

/** Null where there is none. */
export const readJson = async <T>(orders: Blobs, key: string, signal: AbortSignal | undefined): Promise<T | null> => {
  const bytes = await readBlob(orders, key, { maxBytes: maxJsonBytes, signal });
  return bytes === null ? null : (JSON.parse(bytes.toString('utf8')) as T);
};
