/** What `readShards` gives, what it leaves out, and what it may be told. */
import type { HttpOptions } from './http-chunks.ts';
import type { Shuffle } from './shuffle.ts';
import type { TarFault } from './tar.ts';

/** One sample; `fields` by name in lower case: `jpg`, `txt`, `json`, `boxes.npy`. */
export interface ShardSample {
  readonly key: string;
  /** The shard's path or URL. */
  readonly shard: string;
  readonly fields: Readonly<Record<string, Buffer>>;
  /** Of the image's bytes, where it was asked for. */
  readonly imageSha256?: string;
}

/** Something skipped. `key` is the sample's key or the member's name, '' for a whole shard. */
export interface BadInput {
  readonly shard: string;
  readonly key: string;
  readonly reason:
    | TarFault
    | 'cannot-read'
    | 'duplicate-field'
    | 'empty-field'
    | 'missing-field'
    | 'no-field'
    | `http-${number}`;
}

export interface ReadShardsOptions {
  /** Files, folders, globs, brace ranges, in S3 too, URLs, `-`: see `expandShardPaths`. */
  readonly paths: string | readonly string[];
  /** Fields that a sample must have, each as a list of names of which one is enough: `[['jpg', 'png'], ['txt']]`. */
  readonly require?: readonly (readonly string[])[];
  /** Shuffles shards, then samples within a buffer. Without it, the order is the one written. */
  readonly shuffle?: Shuffle;
  /**
   * This reader's share, `index` of `count` (rank × workers + worker of world × workers). Whole shards while there are as
   * many as parts, else every `count`-th sample. All parts together read everything once.
   */
  readonly part?: { readonly index: number; readonly count: number };
  /** Leaves out this many samples at the start of this reader's stream: where an interrupted run goes on. */
  readonly skip?: number;
  /**
   * Gives `imageSha256`, which names what is in `PictureColumns`, in place of the image itself. Samples without an image are left
   * out.
   */
  readonly hashImages?: boolean;
  readonly maxMemberBytes?: number;
  /** How often, and after how long, a URL is tried again. */
  readonly http?: Pick<HttpOptions, 'retries' | 'delayMs'>;
  readonly onBad?: (bad: BadInput) => void;
  readonly signal?: AbortSignal;
}
