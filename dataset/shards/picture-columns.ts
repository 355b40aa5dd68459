/**
 * Columns of pictures: what was computed from a picture, such as the features of its regions, under the SHA-256 of its encoded
 * bytes. Keys of samples move when a set is exported again, and a column that is found by the content of the picture cannot be
 * another picture's. Tar segments with members `SHA256.FIELD`, as WebDataset has them, and an index of each.
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readSync, rmSync, statSync } from 'node:fs';
import { writeAll, writeFileAtomic } from '../atomic-file.ts';
import type { BlobReader } from '../blobs/blobs.ts';
import { BlockCache } from '../blobs/block-cache.ts';
import { openBlob } from '../blobs/open.ts';
import { isS3, within } from '../blobs/place.ts';
import { makeFolder } from '../make-folder.ts';
import {
  endOfRecords,
  hashAt,
  hashBytes,
  indexesIn,
  indexPath,
  indexRecord,
  type Place,
  placeAt,
  readIndex,
  recordCount,
  segmentName,
  segmentPath,
  segmentsIn,
} from './picture-index.ts';
import { octal, untilNul } from './tar-fields.ts';
import { blockBytes, endOfArchive, paddingBytes, tarHeader } from './tar-header.ts';

export type Fields = Readonly<Record<string, Buffer>>;

/** A new segment begins once one has so many bytes. */
const segmentBytes = 4 * 2 ** 30;

/** So many hashes are kept as strings; beyond, the index is read again, which has them in a fifth of the room. */
const maxAdded = 200_000;

/**
 * What is kept in memory of columns in S3. Ours: pictures are read in the order of a shuffle over 1,000 samples, whose features are
 * some 100 kB each and lie side by side.
 */
const blocks = { blockBytes: 1 << 20, maxBlocks: 256 };
/** Of a thread, however many there are: what it reads at a time. Ours. */
const leastBlocks = 32;

export interface FirstField {
  readonly name: string;
  readonly byteLength: number;
}

/** Where the columns of a folder's pictures lie, in memory that several threads read. */
export interface SharedColumns {
  readonly segments: readonly {
    readonly segment: number;
    readonly records: SharedArrayBuffer;
    readonly first: number;
  }[];
  readonly table: SharedArrayBuffer;
  readonly size: number;
  /** Threads that share what may be kept in memory. */
  readonly threads: number;
}

/** Memory to read into again and again: that of large buffers costs more to get than to fill. */
export class Room {
  #bytes = Buffer.alloc(0);

  of(byteLength: number): Buffer {
    if (this.#bytes.length < byteLength) this.#bytes = Buffer.allocUnsafeSlow(byteLength);
    return this.#bytes.subarray(0, byteLength);
  }
}

/** Finds the columns of pictures in a folder. What is written to it later is not seen. */
export class PictureColumns {
  readonly #folder: string;
  readonly #segments: readonly { readonly segment: number; readonly records: Buffer; readonly first: number }[];
  /** Open addressing: the number of a record + 1, found by the first four bytes of its hash. */
  readonly #table: Uint32Array;
  readonly #files = new Map<number, Promise<BlobReader>>();
  readonly #cache: BlockCache | null;
  /** Pictures. */
  readonly size: number;

  private constructor(folder: string, all: readonly { segment: number; records: Buffer }[], shared?: SharedColumns) {
    const { threads = 1 } = shared ?? {};
    this.#folder = folder;
    this.#cache = isS3(folder)
      ? new BlockCache({ ...blocks, maxBlocks: Math.max(leastBlocks, Math.floor(blocks.maxBlocks / threads)) })
      : null;
    if (shared) {
      this.#segments = shared.segments.map((one) => ({ ...one, records: Buffer.from(one.records) }));
      this.#table = new Uint32Array(shared.table);
      this.size = shared.size;
      return;
    }
    let first = 0;
    const segments = [];
    for (const one of all) {
      segments.push({ ...one, first });
      first += recordCount(one.records);
    }
    this.#segments = segments;
    this.#table = new Uint32Array(new SharedArrayBuffer(4 * 2 ** Math.ceil(Math.log2(2 * first + 2))));
    let size = 0;
    for (const { records, first: before } of segments) {
      for (let index = 0; index < recordCount(records); index += 1) {
        const slot = this.#slot(hashAt(records, index));
        if (this.#table[slot] === 0) size += 1;
        this.#table[slot] = before + index + 1;
      }
    }
    this.size = size;
  }

  /** Opens those of a folder or of a place in S3. */
  static async open(folder: string): Promise<PictureColumns> {
    return new PictureColumns(folder, await indexesIn(folder));
  }

  /** Opens what another thread has opened, without reading it again. */
  static openShared(folder: string, shared: SharedColumns): PictureColumns {
    return new PictureColumns(folder, [], shared);
  }

  /** For so many threads to open. */
  shared(threads: number): SharedColumns {
    const segments = this.#segments.map(({ records, ...one }) => {
      const copy = new SharedArrayBuffer(records.length);
      Buffer.from(copy).set(records);
      return { ...one, records: copy };
    });
    return { segments, table: this.#table.buffer as unknown as SharedArrayBuffer, size: this.size, threads };
  }

  /** The hashes of all pictures, in the order that they were added in. */
  *hashes(): Generator<string> {
    for (const { records } of this.#segments) {
      for (let index = 0; index < recordCount(records); index += 1) yield hashAt(records, index).toString('hex');
    }
  }

  has(sha256: string): boolean {
    return this.#find(sha256) !== null;
  }

  /** The members of a picture, each a view of bytes of their own; null where there are none, or others than the index says. */
  async fields(sha256: string): Promise<Fields | null> {
    return (await this.members(sha256))?.fields ?? null;
  }

  /**
   * As `fields`, with the bytes of all members, headers included, of which the fields are views. With `room` they lie there where that saves
   * memory, until something else is read into it.
   */
  async members(sha256: string, room?: Room): Promise<{ readonly fields: Fields; readonly bytes: Buffer } | null> {
    const found = this.#find(sha256);
    if (found === null) return null;
    const { offset, byteLength } = found.place;
    const file = await this.#file(found.segment);
    const inRoom = room && file.readInto ? room.of(byteLength) : undefined;
    const bytes = inRoom
      ? inRoom.subarray(0, await file.readInto!(inRoom, offset))
      : await this.#read(found.segment, offset, byteLength);
    const fields = fieldsOf(bytes, sha256);
    return fields && { fields, bytes };
  }

  /** The first bytes of a picture's members, headers included, in a buffer of their own; null where there are none. */
  async head(sha256: string, byteLength: number): Promise<Buffer | null> {
    const found = this.#find(sha256);
    return found && this.#read(found.segment, found.place.offset, Math.min(byteLength, found.place.byteLength));
  }

  /** Writes a picture's bytes from `at` on to `target`; false where there are not so many. */
  async readInto(sha256: string, at: number, target: Uint8Array): Promise<boolean> {
    const found = this.#find(sha256);
    if (found === null || at + target.byteLength > found.place.byteLength) return false;
    const file = await this.#file(found.segment);
    if (file.readInto) return (await file.readInto(target, found.place.offset + at)) === target.byteLength;
    const bytes = await file.read(found.place.offset + at, target.byteLength);
    if (bytes.length < target.byteLength) return false;
    target.set(bytes);
    return true;
  }

  /** The name and size of a picture's first member; null as in `fields`. */
  async firstField(sha256: string): Promise<FirstField | null> {
    const found = this.#find(sha256);
    return found && headerOf(await this.#read(found.segment, found.place.offset, blockBytes), 0, sha256);
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await (await file).close();
  }

  /** The slot with this hash, or the empty one where it would be. */
  #slot(hash: Buffer): number {
    const mask = this.#table.length - 1;
    for (let slot = hash.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const record = this.#table[slot]!;
      if (record === 0) return slot;
      const { records, first } = this.#segmentOf(record - 1);
      const at = hashAt(records, record - 1 - first);
      if (at.equals(hash)) return slot;
    }
  }

  #segmentOf(record: number) {
    let [low, high] = [0, this.#segments.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#segments[middle]!.first <= record) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low]!;
  }

  #find(sha256: string): { readonly segment: number; readonly place: Place } | null {
    const record = this.#table[this.#slot(Buffer.from(sha256, 'hex'))]!;
    if (record === 0) return null;
    const { segment, records, first } = this.#segmentOf(record - 1);
    return { segment, place: placeAt(records, record - 1 - first) };
  }

  async #read(segment: number, offset: number, byteLength: number): Promise<Buffer> {
    // In a buffer of its own, so that arrays of numbers in it are aligned.
    return (await this.#file(segment)).read(offset, byteLength);
  }

  #file(segment: number): Promise<BlobReader> {
    let file = this.#files.get(segment);
    if (file === undefined) {
      file = openBlob(within(this.#folder, segmentName(segment)));
      if (this.#cache !== null) file = file.then((reader) => this.#cache!.through(reader));
      this.#files.set(segment, file);
    }
    return file;
  }
}

/** The member that begins at a place of a picture's bytes; null where that is not its. */
function headerOf(bytes: Buffer, at: number, sha256: string): FirstField | null {
  if (at + blockBytes > bytes.length || bytes.toString('latin1', at, at + 2 * hashBytes + 1) !== `${sha256}.`)
    return null;
  const byteLength = octal(bytes, at + 124, 12);
  if (!Number.isInteger(byteLength)) return null;
  return { name: untilNul(bytes.subarray(at + 2 * hashBytes + 1, at + 100)), byteLength };
}

function fieldsOf(bytes: Buffer, sha256: string): Fields | null {
  const fields: Record<string, Buffer> = {};
  for (const { name, at, byteLength } of membersIn(bytes, sha256)) {
    if (at + byteLength > bytes.length) return null;
    fields[name] = bytes.subarray(at, at + byteLength);
  }
  const last = Object.values(fields).at(-1);
  const end = last ? last.byteOffset - bytes.byteOffset + last.length : 0;
  return end + paddingBytes(end) >= bytes.length ? fields : null;
}

/** The members whose headers lie in the first bytes of a picture's, and where their own bytes begin, which may lie beyond. */
export function* membersIn(bytes: Buffer, sha256: string): Generator<FirstField & { readonly at: number }> {
  for (let at = 0; at < bytes.length; ) {
    const header = headerOf(bytes, at, sha256);
    if (header === null) return;
    yield { ...header, at: at + blockBytes };
    at += blockBytes + header.byteLength + paddingBytes(header.byteLength);
  }
}

/**
 * Adds columns to a folder; there must be one writer at a time. What `flush` has returned from survives a kill and a lost
 * power supply: the archive is on the disk before its index names it, and what lies behind the last name is cut off by the
 * next writer.
 */
export class PictureColumnWriter {
  readonly #folder: string;
  /** The first member of what was added since `#before` was opened. */
  readonly #added = new Map<string, FirstField>();
  #before: PictureColumns;
  #segment: number;
  #tar: number;
  #index: number;
  #end: number;
  #indexEnd: number;
  #waiting: { readonly sha256: string; readonly pieces: readonly Buffer[]; readonly byteLength: number }[] = [];

  private constructor(folder: string, before: PictureColumns, segment: number, records: Buffer) {
    this.#folder = folder;
    this.#before = before;
    this.#segment = segment;
    const path = segmentPath(folder, segment);
    const opened = (one: string) => openSync(one, existsSync(one) ? 'r+' : 'w+');
    [this.#tar, this.#index] = [opened(path), opened(indexPath(path))];
    this.#end = endOfRecords(records);
    this.#indexEnd = records.length;
    ftruncateSync(this.#tar, this.#end);
    ftruncateSync(this.#index, this.#indexEnd);
  }

  static async open(folder: string): Promise<PictureColumnWriter> {
    makeFolder(folder);
    for (const segment of segmentsIn(folder)) {
      const path = segmentPath(folder, segment);
      if (!existsSync(indexPath(path))) writeFileAtomic(indexPath(path), await readIndex(path));
    }
    const last = segmentsIn(folder).at(-1) ?? 0;
    const path = segmentPath(folder, last);
    const records = existsSync(path) ? await readIndex(path) : Buffer.alloc(0);
    return new PictureColumnWriter(folder, await PictureColumns.open(folder), last, records);
  }

  /** Of what was added and not yet written. */
  get waitingBytes(): number {
    return this.#waiting.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Pictures, those added included. */
  get size(): number {
    return this.#before.size + this.#added.size;
  }

  /** As that of `PictureColumns`, also of what was added. */
  async firstField(sha256: string): Promise<FirstField | null> {
    return this.#added.get(sha256) ?? this.#before.firstField(sha256);
  }

  /** Adds the members of a picture that has none, or none that can be read. */
  add(sha256: string, fields: Fields): void {
    const pieces = Object.entries(fields).flatMap(([field, bytes]) => [
      tarHeader(`${sha256}.${field}`, bytes.length),
      bytes,
      Buffer.alloc(paddingBytes(bytes.length)),
    ]);
    this.#waiting.push({ sha256, pieces, byteLength: pieces.reduce((sum, { length }) => sum + length, 0) });
    const [name, { length }] = Object.entries(fields)[0]!;
    this.#added.set(sha256, { name, byteLength: length });
  }

  /** Writes what was added and waits until it is on the disk. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    if (this.#end >= segmentBytes) this.#nextSegment();
    let offset = this.#end;
    const records = this.#waiting.map(({ sha256, byteLength }) => {
      offset += byteLength;
      return indexRecord(sha256, { offset: offset - byteLength, byteLength });
    });
    writeAll(this.#tar, this.#waiting.flatMap(({ pieces }) => pieces), this.#end); // biome-ignore format: one line
    fsyncSync(this.#tar);
    this.#end = offset;
    const index = Buffer.concat(records);
    writeAll(this.#index, [index], this.#indexEnd);
    fsyncSync(this.#index);
    this.#indexEnd += index.length;
    this.#waiting = [];
    if (this.#added.size < maxAdded) return;
    await this.#before.close();
    this.#before = await PictureColumns.open(this.#folder);
    this.#added.clear();
  }

  /** Writes what was added, and the archive's end, which the next writer writes over. */
  async close(): Promise<void> {
    try {
      await this.flush();
      this.#endSegment();
    } finally {
      await this.#before.close();
    }
  }

  #nextSegment(): void {
    this.#endSegment();
    this.#segment += 1;
    const path = segmentPath(this.#folder, this.#segment);
    [this.#tar, this.#index] = [openSync(path, 'w+'), openSync(indexPath(path), 'w+')];
    [this.#end, this.#indexEnd] = [0, 0];
  }

  #endSegment(): void {
    writeAll(this.#tar, [endOfArchive], this.#end);
    fsyncSync(this.#tar);
    closeSync(this.#tar);
    closeSync(this.#index);
  }
}

/**
 * Overwrites the members of pictures with zeros and takes their hashes out of archive and index. Returns how many pictures those
 * were. Killed half-way, it is to be called again.
 */
export async function erasePictures(folder: string, isErased: (sha256: string) => boolean): Promise<number> {
  let erased = 0;
  for (const segment of segmentsIn(folder)) {
    const path = segmentPath(folder, segment);
    const records = await readIndex(path);
    const kept: Buffer[] = [];
    const tar = openSync(path, 'r+');
    try {
      for (let index = 0; index < recordCount(records); index += 1) {
        const [hash, place] = [hashAt(records, index), placeAt(records, index)];
        const sha256 = hash.toString('hex');
        if (!isErased(sha256)) kept.push(indexRecord(sha256, place));
        else {
          erased += 1;
          writeAll(tar, [tarHeader(erasedName, place.byteLength - blockBytes), Buffer.alloc(place.byteLength - blockBytes)], place.offset); // biome-ignore format: one line
        }
      }
      cutTail(tar, path, Buffer.concat(kept));
      fsyncSync(tar);
    } finally {
      closeSync(tar);
    }
    if (recordCount(records) > kept.length || !existsSync(indexPath(path))) {
      writeFileAtomic(indexPath(path), Buffer.concat(kept));
    }
    rmSync(`${indexPath(path)}.tmp`, { force: true });
  }
  return erased;
}

/** webdataset passes over names of this form. */
const erasedName = '__erased__';

/** What a killed writer left behind the last picture that the index names may be of any picture. */
function cutTail(tar: number, path: string, records: Buffer): void {
  const end = endOfRecords(records);
  const { size } = statSync(path);
  const tail = Buffer.alloc(Math.min(size - end, endOfArchive.length));
  readSync(tar, tail, 0, tail.length, end);
  if (size - end === endOfArchive.length && tail.equals(endOfArchive)) return;
  ftruncateSync(tar, end);
  writeAll(tar, [endOfArchive], end);
}
