/**
 * The bytes of every downloaded image, in append-only tar segments `raw/000000.tar` of about 1 GB that any tar program can list
 * (members SHA256.FORMAT; where a crawl stores images smaller, the hash is the original's and the format `jpg`). An image is found by segment, offset and length, which the ledger keeps. An
 * image counts as stored when its ledger row is committed: what lies after the last committed one was torn by a
 * kill and is cut off when the store is opened for writing. That is one batch at most (`maxUncommitted`); a store that has more was
 * written with another ledger, and nothing of it is cut.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { writeAll } from '../atomic-file.ts';
import { makeFolder } from '../make-folder.ts';
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
  /** The last image, by which a store is known to be this ledger's; missing when there is none. */
  readonly last?: { readonly offset: number; readonly sha256: string };
}

/** So many images are appended at most before they are committed. */
export const maxUncommitted = 64;

/** A segment ends before the picture that is to be read. */
export class SegmentCutOff extends Error {
  override readonly name = 'SegmentCutOff';
}

/** There are no segments at all where pictures are to be read: a folder that is not mounted, or was moved away. */
export class NoSegments extends UserError {
  constructor(folder: string) {
    super(
      `Expected the pictures of the corpus in ${folder} but it has none; mount it or put it back and run the same command again, or, where they are lost, run \`lait verify --repair\`, which has them fetched again.`,
      { exitCode: 1 },
    );
  }
}

/** Whether reading failed because the bytes are not there: their segment is gone, or ends before. */
export const isMissing = (error: unknown): boolean =>
  error instanceof SegmentCutOff ||
  error instanceof NoSegments ||
  (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';

/** The bytes of a picture; null where only they are gone. Throws a NoSegments where all are, and what the system says where it cannot read. */
export function readUnlessLost(
  raw: Pick<RawStore, 'read'>,
  place: RawPlace & { readonly byteLength: number },
): Buffer | null {
  try {
    return raw.read(place);
  } catch (error) {
    if (error instanceof NoSegments || !isMissing(error)) throw error;
    return null;
  }
}

/** The name of a segment's file. */
export const segmentName = (segment: number): string => `${String(segment).padStart(6, '0')}.tar`;

export interface RawStore {
  /** Writes an image to the end of the last segment and says where. The caller commits that place to the ledger. */
  append(image: { readonly sha256: string; readonly format: string; readonly bytes: Uint8Array }): RawPlace;
  /** The image's bytes; throws when the segment is missing, a NoSegments when all are, and a SegmentCutOff when it ends before. */
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
    .prepare<[], { segment: number; offset: number; end: number; sha256: string }>(
      `SELECT segment, offset, offset + byte_length AS end, sha256 FROM (
         SELECT * FROM (SELECT segment, offset, byte_length, sha256 FROM images WHERE segment IS NOT NULL
           ORDER BY segment DESC, offset DESC LIMIT 1)
         UNION ALL SELECT * FROM (SELECT segment, offset, byte_length, sha256 FROM replaced_images
           ORDER BY segment DESC, offset DESC LIMIT 1))
       ORDER BY segment DESC, offset DESC LIMIT 1`,
    )
    .get();
  if (row === undefined) return { segment: 0, end: 0 };
  return { segment: row.segment, end: row.end, last: { offset: row.offset, sha256: row.sha256 } };
}

/** The end of what the ledger has of each segment, in order: how long the segment's file is at least. */
export function committedSegmentEnds(ledger: Ledger): { readonly segment: number; readonly end: number }[] {
  const next = ledger.db
    .prepare(
      `SELECT min(segment) FROM (SELECT min(segment) AS segment FROM images WHERE segment > @after
         UNION ALL SELECT min(segment) FROM replaced_images WHERE segment > @after)`,
    )
    .pluck();
  const endOf = ledger.db
    .prepare(
      `SELECT max(end) FROM (
         SELECT * FROM (SELECT offset + byte_length AS end FROM images WHERE segment = @segment
           ORDER BY offset DESC LIMIT 1)
         UNION ALL SELECT * FROM (SELECT offset + byte_length FROM replaced_images WHERE segment = @segment
           ORDER BY offset DESC LIMIT 1))`,
    )
    .pluck();
  const ends: { segment: number; end: number }[] = [];
  for (let after = -1; ; ) {
    const segment = next.get({ after }) as number | null;
    if (segment === null) return ends;
    ends.push({ segment, end: endOf.get({ segment }) as number });
    after = segment;
  }
}

/** Opens `raw/` in a corpus directory for reading and appending; one writer at a time. */
export function openRawStore(corpusDir: string, options: RawStoreOptions = {}): RawStore {
  const { committedEnd, segmentBytes = 1_000_000_000 } = options;
  const folder = join(corpusDir, 'raw');
  const path = (segment: number) => join(folder, segmentName(segment));
  const readers = new Map<number, number>(); // segment → file descriptor, least recently used first
  let writer: { segment: number; fd: number; end: number } | undefined;

  if (committedEnd !== undefined) cutBack(committedEnd);

  /** Leaves segments as the ledger knows them. Throws a UserError when that would be more than what a kill leaves behind. */
  function cutBack({ segment, end, last }: RawEnd): void {
    const later = segments(folder).filter((number) => number > segment);
    const memberEnd = end + paddingBytes(end);
    const isThere = existsSync(path(segment));
    const advice = `put the ledger.db that belongs to ${folder} back, or move ${folder} away`;
    if (isThere && last !== undefined && !isMemberOf(path(segment), last)) {
      throw new UserError(
        `Expected the picture ${last.sha256} at byte ${last.offset} of ${path(segment)} but received another one; ${advice}.`,
      );
    }
    const uncommitted = [
      ...(isThere ? [[path(segment), memberEnd] as const] : []),
      ...later.map((n) => [path(n), 0] as const),
    ];
    const count = uncommitted.reduce(
      (sum, [file, from]) => sum + countMembers(file, from, maxUncommitted + 1 - sum),
      0,
    );
    if (later.length > 1 || count > maxUncommitted) {
      throw new UserError(
        `Expected at most the ${maxUncommitted} pictures of one batch after those that ledger.db knows but received more in ${folder}: ` +
          `ledger.db is older than it, or another one's; ${advice}.`,
      );
    }
    for (const number of later) rmSync(path(number));
    if (isThere && statSync(path(segment)).size > memberEnd) truncateSync(path(segment), memberEnd);
  }

  function openWriter(): { segment: number; fd: number; end: number } {
    makeFolder(folder);
    const last = segments(folder).at(-1) ?? committedEnd?.segment ?? 0;
    const fd = existsSync(path(last)) ? openSync(path(last), 'r+') : create(last);
    const { end, isTorn } = endOfWholeMembers(fd);
    // Bytes that the ledger counts on are gone (power loss), or what follows is no picture cut short: what comes next must not
    // take their place.
    if (!isTorn || (committedEnd?.segment === last && end < committedEnd.end)) {
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

  function openReader(segment: number): number {
    try {
      return openSync(path(segment), 'r');
    } catch (error) {
      if (isMissing(error) && segments(folder).length === 0) throw new NoSegments(folder);
      throw error;
    }
  }

  function reader(segment: number): number {
    if (writer?.segment === segment) return writer.fd;
    const fd = readers.get(segment) ?? openReader(segment);
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
      if (got !== byteLength) throw new SegmentCutOff(`${path(segment)} ends before byte ${offset + byteLength}`);
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

/** The numbers of the segments in `raw/`, in order. */
export function segments(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^\d{6,}\.tar$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

/** A member of a segment: its name and where its bytes lie. */
export interface RawMember {
  readonly name: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** Walks from header to header, from a member's end on, as far as members are whole. Reads no picture. */
export function* rawMembers(fd: number, from = 0): Generator<RawMember> {
  const size = fstatSync(fd).size;
  for (let end = from; ; ) {
    const member = memberAt(fd, end, size);
    if (member === null) return;
    yield member;
    end = member.offset + member.byteLength + paddingBytes(member.byteLength);
  }
}

function memberAt(fd: number, at: number, size: number): RawMember | null {
  if (at + blockBytes > size) return null;
  const header = Buffer.alloc(blockBytes);
  readSync(fd, header, 0, blockBytes, at);
  const byteLength = lengthIn(header);
  const offset = at + blockBytes;
  if (byteLength === null || offset + byteLength + paddingBytes(byteLength) > size) return null;
  const name = header.toString('latin1', 0, 100);
  return { name: name.slice(0, name.indexOf('\0')), offset, byteLength };
}

/** The length of a member by its header; null when that is none. */
function lengthIn(header: Buffer): number | null {
  const sum = Number.parseInt(header.toString('latin1', 148, 154), 8);
  return sum === headerChecksum(header) ? Number.parseInt(header.toString('latin1', 124, 135), 8) : null;
}

/**
 * The offset after the last member that is whole, and whether what follows is the beginning of one more or the end of the archive:
 * what a kill leaves behind, and nothing that was damaged.
 */
function endOfWholeMembers(fd: number): { readonly end: number; readonly isTorn: boolean } {
  let end = 0;
  for (const { offset, byteLength } of rawMembers(fd)) end = offset + byteLength + paddingBytes(byteLength);
  const rest = fstatSync(fd).size - end;
  const header = Buffer.alloc(blockBytes);
  const read = readSync(fd, header, 0, blockBytes, end);
  const isEnd = header.every((byte) => byte === 0) && rest <= endOfArchive.byteLength;
  return { end, isTorn: read < blockBytes || isEnd || lengthIn(header) !== null };
}

/** How many whole members follow, `most` at most. */
function countMembers(file: string, from: number, most: number): number {
  const fd = openSync(file, 'r');
  try {
    let count = 0;
    for (const _ of rawMembers(fd, from)) {
      count += 1;
      if (count >= most) break;
    }
    return count;
  } finally {
    closeSync(fd);
  }
}

function isMemberOf(file: string, { offset, sha256 }: { readonly offset: number; readonly sha256: string }): boolean {
  const fd = openSync(file, 'r');
  try {
    const header = Buffer.alloc(64);
    // A segment that ends before was cut: `openWriter` sees to that.
    return readSync(fd, header, 0, 64, offset - blockBytes) < 64 || header.toString('latin1') === sha256;
  } finally {
    closeSync(fd);
  }
}
