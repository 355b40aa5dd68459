/**
 * Where the pictures of a worker lie until they are collected: `work/PART/raw/000000.tar…`, below its corpus folder or in S3. A segment in
 * S3 is one batch's, and is never written again.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { BlobReader, Blobs } from '../../dataset/blobs/blobs.ts';
import { BlockCache } from '../../dataset/blobs/block-cache.ts';
import { keptOpen } from '../../dataset/blobs/kept-open.ts';
import { isMissing, openRawStore, segmentName } from '../../dataset/ledger/raw-store.ts';
import { blockBytes, endOfArchive, paddingBytes, tarHeader } from '../../dataset/shards/tar-header.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { PartPlace } from './batch.ts';

/** A picture as it is stored: the hash is the original's. */
export interface StoredPicture {
  readonly sha256: string;
  readonly format: string;
  readonly bytes: Buffer;
}

/** Writes the pictures of one worker. */
export interface PartWriter {
  /** Where they are, in their order; safe from the end of this process, or this machine's power, when it has resolved. */
  add(pictures: readonly StoredPicture[]): Promise<readonly PartPlace[]>;
  close(): void;
}

/** Reads the pictures of one worker. */
export interface PartReader {
  /** Null where the segment is not here or ends before. Throws a UserError for what cannot be read. */
  read(place: PartPlace): Promise<Buffer | null>;
  close(): Promise<void>;
}

/** The part of a worker below the corpus folder of its machine. */
export function folderWriter(corpusDir: string, part: string): PartWriter {
  const raw = openRawStore(join(corpusDir, 'work', part));
  return {
    async add(pictures) {
      const places = pictures.map((one) => ({ ...raw.append(one), byteLength: one.bytes.length }));
      if (places.length > 0) raw.sync();
      return places;
    },
    close: () => raw.close(),
  };
}

/** A part in a folder, as it was brought from a worker's machine. */
export function folderReader(folder: string): PartReader {
  const raw = openRawStore(folder);
  return {
    async read(place) {
      try {
        return raw.read(place);
      } catch (error) {
        if (isMissing(error)) return null;
        throw unreadable(join(folder, 'raw', segmentName(place.segment)), error);
      }
    },
    close: async () => raw.close(),
  };
}

/** What the system refuses to read may be there all the same. */
export function unreadable(path: string, error: unknown): UserError {
  const { message } = error as Error;
  return new UserError(
    `Expected pictures of a worker in ${path} but received an error of the system (${message}); see to the disk and who may read it, and collect again: what is there is not lost.`,
    { exitCode: 1, cause: error },
  );
}

/** What is put at once, at most, but for one larger picture: what is in memory for it twice. */
const maxSegmentBytes = 64 * 2 ** 20;

/** The key of a segment, below `work` of the place. */
export const segmentKey = (part: string, segment: number): string => `${part}/raw/${segmentName(segment)}`;

export interface WriterTools {
  /** Ends what is put, and what is tried again. */
  readonly signal?: AbortSignal | undefined;
  /** Gets a line when nothing could be put for some seconds, and when it could. */
  readonly say?: ((line: string) => void) | undefined;
}

/** What takes no longer is not worth a word, in ms. */
const saidAfterMs = 2000;

/** The part of a worker in S3; `blobs` is `work` of the place. Throws a UserError where nothing can be put there. */
export async function s3Writer(blobs: Blobs, part: string, { signal, say }: WriterTools): Promise<PartWriter> {
  const options = signal === undefined ? {} : { signal };
  // Says whose it is, and shows that this machine may write before anything is asked for.
  const about = { machine: hostname(), pid: process.pid, startedAt: new Date().toISOString() };
  await blobs.put(`${part}/worker.json`, Buffer.from(`${JSON.stringify(about)}\n`), options);
  let next = 0;
  for await (const { key } of blobs.list(`${part}/raw/`, signal)) {
    next = Math.max(next, 1 + Number.parseInt(key.slice(`${part}/raw/`.length), 10));
  }
  const put = async (pictures: readonly StoredPicture[]): Promise<PartPlace[]> => {
    const chunks: Uint8Array[] = [];
    const inSegment: Omit<PartPlace, 'segment'>[] = [];
    let end = 0;
    for (const { sha256, format, bytes } of pictures) {
      const padding = Buffer.alloc(paddingBytes(bytes.length));
      chunks.push(tarHeader(`${sha256}.${format}`, bytes.length), bytes, padding);
      inSegment.push({ offset: end + blockBytes, byteLength: bytes.length });
      end += blockBytes + bytes.length + padding.length;
    }
    const segment = Buffer.concat([...chunks, endOfArchive]);
    for (;;) {
      const number = next;
      next += 1;
      const facts = await blobs.put(segmentKey(part, number), segment, { condition: { ifAbsent: true }, ...options });
      if (facts !== null) return inSegment.map((one) => ({ segment: number, ...one }));
    }
  };
  return {
    async add(pictures) {
      let isSaid = false;
      const timer = setTimeout(() => {
        isSaid = true;
        say?.(`pictures are not in ${blobs.place} yet: waiting up to 5 minutes; what is fetched waits, too`);
      }, saidAfterMs);
      try {
        const places: PartPlace[] = [];
        for (const some of inSegments(pictures)) places.push(...(await put(some)));
        if (isSaid) say?.(`pictures are in ${blobs.place} again`);
        return places;
      } finally {
        clearTimeout(timer);
      }
    },
    close() {},
  };
}

function* inSegments(pictures: readonly StoredPicture[]): Generator<StoredPicture[]> {
  let some: StoredPicture[] = [];
  let byteLength = 0;
  for (const one of pictures) {
    if (some.length > 0 && byteLength + one.bytes.length > maxSegmentBytes) {
      yield some;
      [some, byteLength] = [[], 0];
    }
    some.push(one);
    byteLength += one.bytes.length;
  }
  if (some.length > 0) yield some;
}

/** A batch's segment is mostly smaller than a block: one request brings all of its pictures. */
const blocks = { blockBytes: 4 * 2 ** 20, maxBlocks: 32 };

/** Segments that are open at once: most pictures are in the one of their batch. */
const maxOpen = 64;

/** Reads parts in S3, of all workers by one cache. */
export function s3Readers(blobs: Blobs, signal: AbortSignal | undefined): (part: string) => PartReader {
  const cache = new BlockCache(blocks);
  const segments = keptOpen<string, BlobReader | null>(
    async (key) => {
      const found = await blobs.open(key, signal);
      return found && cache.through(found);
    },
    { maxOpen, signal },
  );
  return (part) => ({
    async read({ segment, offset, byteLength }) {
      // Where a takedown has written a segment anew all else is where it was.
      const bytes = await segments.use(segmentKey(part, segment), async (reader) =>
        reader?.read(offset, byteLength, signal),
      );
      return bytes?.length === byteLength ? bytes : null;
    },
    close: async () => {},
  });
}
