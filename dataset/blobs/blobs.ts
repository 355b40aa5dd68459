/**
 * Bytes under keys, in a folder or in S3: whole or absent, written under a condition, read in ranges of one version. Everything that
 * may lie on another machine than its readers goes through here; `open.ts` opens it.
 */
import { UserError } from '../user-error.ts';

/** What is known of a blob without reading it. */
export interface BlobFacts {
  /** Its path below the place, with `/` between the parts. */
  readonly key: string;
  readonly byteLength: number;
  /** Another for other bytes: S3's ETag; of a file, when it was written, its size and number. */
  readonly version: string;
}

/** A blob in a list. */
export interface ListedBlob extends BlobFacts {
  /** By the clock of where it lies; S3's has whole seconds. */
  readonly writtenAtMs: number;
}

/** A blob as it was when it was opened. */
export interface BlobReader extends BlobFacts {
  /** The bytes from `offset` on, in a buffer of their own: `byteLength` of them, or as many as there are up to the end. */
  read(offset: number, byteLength: number, signal?: AbortSignal): Promise<Buffer>;
  /** Writes the bytes from `offset` on to `target`, where that saves a copy; returns how many there were. */
  readInto?(target: Uint8Array, offset: number): Promise<number>;
  close(): Promise<void>;
}

/** When a blob may be written: only where there is none, or only over this version. */
export type PutCondition = { readonly ifAbsent: true } | { readonly ifVersion: string };

export interface PutOptions {
  readonly condition?: PutCondition;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A place of blobs. What fails for a passing reason is tried again for some minutes; what remains is a UserError of one line. A key
 * that would lead out of the place is refused.
 */
export interface Blobs {
  /** As an operator writes it. */
  readonly place: string;
  /** Null where there is no such blob. */
  facts(key: string, signal?: AbortSignal): Promise<BlobFacts | null>;
  /** Opens one version of a blob; what is written under the key later is never read as a part of it. Null where there is none. */
  open(key: string, signal?: AbortSignal): Promise<BlobReader | null>;
  /** Blobs whose keys begin with `prefix`, in the order of their keys as UTF-8. */
  list(prefix?: string, signal?: AbortSignal): AsyncGenerator<ListedBlob>;
  /** Writes all of it or nothing. Null where the condition is not met. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<BlobFacts | null>;
  /** As `put`, with the content of a file, which may be larger than memory. */
  putFile(key: string, path: string, options?: PutOptions): Promise<BlobFacts | null>;
  /** Whether the bytes of a file are known to be those of a blob that was put by `putFile`; false where nothing tells. */
  holds(blob: BlobFacts, path: string): Promise<boolean>;
  /** Removes blobs; those that are not there count as removed. */
  remove(keys: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Removes what writers left half written more than so long ago, which no reader sees; gives how many there were. */
  sweep(options: { readonly olderThanMs: number; readonly signal?: AbortSignal }): Promise<number>;
}

/** Throws for a key that is none, or would lead out of the place. */
export function checkKey(key: string): void {
  const isKey = key.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));
  if (!isKey) throw new UserError(`Expected a key below its place but received ${JSON.stringify(key)}; rename it.`);
}

/** The order of S3's lists: by bytes of UTF-8, which is not that of JavaScript's strings above U+D7FF. */
export const inKeyOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
