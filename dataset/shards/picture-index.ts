/**
 * Where the columns of a picture lie: for each segment (`00000.tar`) an index beside it (`00000.index`) of records of 42 bytes, the
 * picture's SHA-256, the offset (48 bits) and the length (32 bits) of its members, in the order written. The archive has all
 * of it too, so a lost index costs one look at its headers. Nothing is believed of an index: who reads a picture's members looks
 * whether they bear its hash.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { openBlobs, readAt } from '../blobs/open.ts';
import { isS3, within } from '../blobs/place.ts';
import { expected } from '../user-error.ts';
import { paddingBytes } from './tar-header.ts';
import { tarEntries } from './tar-reader.ts';

export const hashBytes = 32;
const recordBytes = hashBytes + 6 + 4;

/** A picture's members in a segment, their headers included. */
export interface Place {
  readonly offset: number;
  readonly byteLength: number;
}

export const segmentName = (segment: number): string => `${String(segment).padStart(5, '0')}.tar`;
export const segmentPath = (folder: string, segment: number): string => join(folder, segmentName(segment));
export const indexPath = (segment: string): string => segment.replace(/\.tar$/, '.index');

/** Numbers of the segments in a folder, ascending. */
export function segmentsIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^\d{5}\.tar$/.test(name));
  return names.map((name) => Number(name.slice(0, 5))).sort((a, b) => a - b);
}

export function indexRecord(sha256: string, { offset, byteLength }: Place): Buffer {
  const record = Buffer.alloc(recordBytes);
  record.write(sha256, 0, 'hex');
  record.writeUIntLE(offset, hashBytes, 6);
  record.writeUInt32LE(byteLength, hashBytes + 6);
  return record;
}

/** The records of a segment whose members lie whole in it; of one without an index, from its headers. */
export async function readIndex(segment: string): Promise<Buffer> {
  const path = indexPath(segment);
  if (!existsSync(path)) return indexOfArchive(segment);
  return wholeRecords(readFileSync(path), statSync(segment).size);
}

/** The segments of a folder or of a place in S3, ascending, with their records. */
export async function indexesIn(place: string): Promise<{ readonly segment: number; readonly records: Buffer }[]> {
  const found = [];
  if (!isS3(place)) {
    for (const segment of segmentsIn(place))
      found.push({ segment, records: await readIndex(segmentPath(place, segment)) });
    return found;
  }
  for await (const { key, byteLength } of (await openBlobs(place)).list()) {
    if (!/^\d{5}\.tar$/.test(key)) continue;
    const records = await readAt(place, indexPath(key));
    if (records === null)
      throw expected('an index beside every archive of features', within(place, key), 'none', 'publish them once more');
    found.push({ segment: Number(key.slice(0, 5)), records: wholeRecords(records, byteLength) });
  }
  return found;
}

/** Without those of members that do not lie whole in a segment of this size. */
function wholeRecords(records: Buffer, size: number): Buffer {
  let end = records.length - (records.length % recordBytes);
  while (end > 0) {
    const { offset, byteLength } = placeAt(records, end / recordBytes - 1);
    if (offset + byteLength <= size) break;
    end -= recordBytes;
  }
  return records.subarray(0, end);
}

export const recordCount = (records: Buffer): number => records.length / recordBytes;

export const hashAt = (records: Buffer, index: number): Buffer =>
  records.subarray(index * recordBytes, index * recordBytes + hashBytes);

export function placeAt(records: Buffer, index: number): Place {
  const at = index * recordBytes + hashBytes;
  return { offset: records.readUIntLE(at, 6), byteLength: records.readUInt32LE(at + 6) };
}

/** Where the members of the last record end. */
export function endOfRecords(records: Buffer): number {
  let end = 0;
  for (let index = 0; index < recordCount(records); index += 1) {
    const { offset, byteLength } = placeAt(records, index);
    end = Math.max(end, offset + byteLength);
  }
  return end;
}

/** Members that follow each other with one hash before the dot. The last picture of an archive that has no end may be cut, and is left out. */
async function indexOfArchive(segment: string): Promise<Buffer> {
  const file = await open(segment, 'r');
  try {
    const { size } = await file.stat();
    const found: { sha256: string; offset: number; end: number }[] = [];
    let before = 0;
    for (const { name, offset, byteLength } of await tarEntries(file)) {
      const end = offset + byteLength + paddingBytes(byteLength);
      const sha256 = /^([0-9a-f]{64})\./.exec(name)?.[1];
      const last = found.at(-1);
      if (sha256 !== undefined && last?.sha256 === sha256 && last.end === before) last.end = end;
      else if (sha256 !== undefined) found.push({ sha256, offset: before, end });
      before = end;
    }
    if (size <= before) found.pop();
    return Buffer.concat(
      found.map(({ sha256, offset, end }) => indexRecord(sha256, { offset, byteLength: end - offset })),
    );
  } finally {
    await file.close();
  }
}
