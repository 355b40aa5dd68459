/** Walks over a file of gzip members (RFC 1952), as a WARC file is one: where each lies and what is in it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

export interface GzipMember {
  readonly offset: number;
  readonly byteLength: number;
  readonly content: Buffer;
}

/** Larger members are none of ours: a page has some megabytes at most. */
const maxMemberBytes = 64 << 20;
const maxContentBytes = 256 << 20;

/** Members from a place on, as far as they are whole. One is in memory at a time. */
export function* gzipMembers(file: string, from = 0): Generator<GzipMember> {
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    for (let offset = from; offset < size; ) {
      const member = readMember(fd, offset, size);
      if (member === null) return;
      yield member;
      offset += member.byteLength;
    }
  } finally {
    closeSync(fd);
  }
}

function readMember(fd: number, offset: number, size: number): GzipMember | null {
  // Most members are small: more is read only where that was not enough.
  for (let length = 1 << 16; ; length *= 8) {
    const bytes = Buffer.alloc(Math.min(length, size - offset));
    readSync(fd, bytes, 0, bytes.length, offset);
    const header = headerLength(bytes);
    try {
      if (header !== null) {
        const options = { info: true, maxOutputLength: maxContentBytes } as const;
        const { buffer, engine } = inflateRawSync(bytes.subarray(header), options) as unknown as {
          buffer: Buffer;
          engine: { bytesWritten: number };
        };
        const byteLength = header + engine.bytesWritten + 8;
        return byteLength > size - offset ? null : { offset, byteLength, content: buffer };
      }
    } catch {
      // Cut, or no gzip.
    }
    if (bytes.length === size - offset || length > maxMemberBytes) return null;
  }
}

/** Null when it is no gzip member, or its header is not whole. Ours have no field but a comment. */
function headerLength(bytes: Buffer): number | null {
  if (bytes.length < 18 || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) return null;
  if (bytes[3] === 0) return 10;
  const end = bytes[3] === 0x10 ? bytes.indexOf(0, 10) : -1;
  return end === -1 ? null : end + 1;
}
