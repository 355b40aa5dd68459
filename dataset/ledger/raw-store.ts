/**
 * The original bytes of every downloaded image, in append-only tar segments `raw/000000.tar` of about 1 GB that any tar
 * program can list (members SHA256.FORMAT). An image is found by segment, offset and length, which the ledger keeps. An
 * image counts as stored when its ledger row is committed: what lies after the last committed one was torn by a
 * kill and is cut off when the store is opened for writing.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { writeAll } from '../atomic-file.ts';
import { blockBytes, endOfArchive, headerChecksum, paddingBytes, tarHeader } from '../shards/tar-header.ts';
import { UserError } from '../user-error.ts';
import type { Ledger } from './ledger.ts';

/** Where an image lies: the segment's number and the offset of the first byte of the image in it. */
export interface RawPlace {
  readonly segment: number;
  readonly offset: number;
}

/** The end of what the ledger knows to be stored: a segment and the offset after the last image's last byte. */
export interface RawEnd {
  readonly segment: number;
  readonly end: number;
}

export interface RawStore {
  /** Writes an image to the end of the last segment and says where. The caller commits that place to the ledger. */
  append(image: { readonly sha256: string; readonly format: string; readonly bytes: Uint8Array }): RawPlace;
  /** The image's bytes; throws when the segment is missing or ends before. */
  read(place: RawPlace & { readonly byteLength: number }): Buffer;
  /** Overwrites an image with zeros and its name with `removed`, so that all other places stay true. A missing segment is fine. */
  erase(place: RawPlace & { readonly byteLength: number }): void;
  /** Waits until the bytes appended so far are on the disk; call it before the ledger's commit to survive power loss. */
  sync(): void;
  close(): void;
}

export interface RawStoreOptions {
  /**
   * What the ledger knows, see `committedRawEnd`: anything after it is cut off at once. Without it nothing is changed
   * until the first `append`, which cuts off a torn last member only.
   */
  readonly committedEnd?: RawEnd;
  /** A new segment starts once one has reached this many bytes. 1 GB: the size of file that hosts and tools handle well. */
  readonly segmentBytes?: number;
}

/** The end of the last image that the ledger has committed, replaced ones too; segment 0, offset 0 when it has none. */
export function committedRawEnd(ledger: Ledger): RawEnd {
  const row = ledger.db
    .prepare<[], RawEnd>(
      `SELECT segment, offset + byte_length AS end FROM (
         SELECT * FROM (SELECT segment, offset, byte_length FROM images WHERE segment IS NOT NULL
           ORDER BY segment DESC, offset DESC LIMIT 1)
         UNION ALL SELECT * FROM (SELECT segment, offset, byte_length FROM replaced_images
           ORDER BY segment DESC, offset DESC LIMIT 1))
       ORDER BY segment DESC, offset DESC LIMIT 1`,
    )
    .get();
  return row ?? { segment: 0, end: 0 };
}

/** Opens `raw/` in a corpus directory for reading and appending; one writer at a time. */
export function openRawStore(corpusDir: string, options: RawStoreOptions = {}): RawStore {
  const { committedEnd, segmentBytes = 1_000_000_000 } = options;
  const folder = join(corpusDir, 'raw');
  const path = (segment: number) => join(folder, `${String(segment).padStart(6, '0')}.tar`);
  const readers = new Map<number, number>(); // segment → file descriptor, least recently used first
  let writer: { segment: number; fd: number; end: number } | undefined;

  if (committedEnd !== undefined) cutBack(committedEnd);

  /** Leaves segments as the ledger knows them. */
  function cutBack({ segment, end }: RawEnd): void {
    const later = segments(folder).filter((number) => number > segment);
    if (later.length > 1) {
      throw new UserError(
        `Expected at most one raw segment after ${path(segment)}, the last the ledger knows, but received ${later.length}; ` +
          `put the ledger.db that belongs to ${folder} back, or start a new corpus.`,
      );
    }
    for (const number of later) rmSync(path(number));
    const memberEnd = end + paddingBytes(end);
    if (existsSync(path(segment)) && statSync(path(segment)).size > memberEnd) truncateSync(path(segment), memberEnd);
  }

  function openWriter(): { segment: number; fd: number; end: number } {
    mkdirSync(folder, { recursive: true });
    const last = segments(folder).at(-1) ?? committedEnd?.segment ?? 0;
    const fd = existsSync(path(last)) ? openSync(path(last), 'r+') : create(last);
    const end = endOfWholeMembers(fd);
    // Bytes that the ledger counts on are gone (power loss): what comes next must not lie where they should be.
    if (committedEnd?.segment === last && end < committedEnd.end) {
      closeSync(fd);
      return { segment: last + 1, fd: create(last + 1), end: 0 };
    }
    ftruncateSync(fd, end);
    return { segment: last, fd, end };
  }

  function nextSegment(full: { segment: number; fd: number; end: number }): typeof full {
    writeAll(full.fd, [endOfArchive], full.end);
    fsyncSync(full.fd);
    closeSync(full.fd);
    return { segment: full.segment + 1, fd: create(full.segment + 1), end: 0 };
  }

  /** A file is there after a loss of power once its folder was synced too. */
  function create(segment: number): number {
    const fd = openSync(path(segment), 'w+');
    const folderFd = openSync(folder, 'r');
    fsyncSync(folderFd);
    closeSync(folderFd);
    return fd;
  }

  function reader(segment: number): number {
    if (writer?.segment === segment) return writer.fd;
    const known = readers.get(segment);
    const fd = known ?? openSync(path(segment), 'r');
    readers.delete(segment);
    readers.set(segment, fd);
    if (readers.size > 16) {
      const [oldest, oldestFd] = readers.entries().next().value!;
      closeSync(oldestFd);
      readers.delete(oldest);
    }
    return fd;
  }

  return {
    append({ sha256, format, bytes }) {
      writer ??= openWriter();
      if (writer.end >= segmentBytes) writer = nextSegment(writer);
      const header = tarHeader(`${sha256}.${format}`, bytes.byteLength);
      writeAll(writer.fd, [header, bytes, Buffer.alloc(paddingBytes(bytes.byteLength))], writer.end);
      const offset = writer.end + blockBytes;
      writer.end = offset + bytes.byteLength + paddingBytes(bytes.byteLength);
      return { segment: writer.segment, offset };
    },
    read({ segment, offset, byteLength }) {
      const bytes = Buffer.allocUnsafe(byteLength);
      const got = readSync(reader(segment), bytes, 0, byteLength, offset);
      if (got !== byteLength) throw new Error(`${path(segment)} ends before byte ${offset + byteLength}`);
      return bytes;
    },
    erase({ segment, offset, byteLength }) {
      if (!existsSync(path(segment))) return;
      const fd = openSync(path(segment), 'r+');
      writeAll(fd, [tarHeader('removed', byteLength), Buffer.alloc(byteLength)], offset - blockBytes);
      fsyncSync(fd);
      closeSync(fd);
    },
    sync() {
      if (writer !== undefined) fsyncSync(writer.fd);
    },
    close() {
      if (writer !== undefined) {
        fsyncSync(writer.fd);
        closeSync(writer.fd);
        writer = undefined;
      }
      for (const fd of readers.values()) closeSync(fd);
      readers.clear();
    },
  };
}

function segments(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^\d{6,}\.tar$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

/** Walks from header to header and returns the offset after the last member that is whole. */
function endOfWholeMembers(fd: number): number {
  const size = fstatSync(fd).size;
  const header = Buffer.alloc(blockBytes);
  let end = 0;
  while (end + blockBytes <= size) {
    readSync(fd, header, 0, blockBytes, end);
    const sum = Number.parseInt(header.toString('latin1', 148, 154), 8);
    if (sum !== headerChecksum(header)) break;
    const byteLength = Number.parseInt(header.toString('latin1', 124, 135), 8);
    const next = end + blockBytes + byteLength + paddingBytes(byteLength);
    if (next > size) break;
    end = next;
  }
  return end;
}
