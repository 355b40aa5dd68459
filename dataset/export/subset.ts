/**
 * Subsets of ids as DataComp has them: a sorted NumPy array of `dtype("u8,u8")`, each id as two 64-bit halves. Also read: a
 * parquet table with a `uid` column, or a text file with an id on each line.
 */

import { readFileSync, statSync } from 'node:fs';
import { readParquet } from '../shards/parquet.ts';
import { parquetFault } from '../shards/parquet-fault.ts';
import { expected } from '../user-error.ts';

/** The ids of a subset file: `.npy`, `.parquet`, else text. Throws a UserError when it has another form. */
export async function readSubset(path: string): Promise<Set<string>> {
  if (path.endsWith('.npy')) return npyIds(path);
  const ids = path.endsWith('.parquet')
    ? await parquetIds(path)
    : bytesOf(path)
        .toString()
        .split(/\s+/)
        .filter((id) => id !== '');
  const bad = ids.find((id) => !/^[0-9a-f]{32}$/.test(id));
  if (bad !== undefined) throw expected('ids of 32 hexadecimal digits', path, bad, 'take them from the uid column');
  return new Set(ids);
}

async function parquetIds(path: string): Promise<string[]> {
  refuseFolder(path);
  try {
    return (await readParquet(path, ['uid'])).map(({ uid }) => String(uid));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== undefined) throw error;
    throw expected('a parquet file with a column uid', path, parquetFault(error), 'fetch or save it again');
  }
}

function bytesOf(path: string): Buffer {
  refuseFolder(path);
  return readFileSync(path);
}

function refuseFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw expected('a file of ids', 'subset', `the folder ${path}`, 'name the file');
}

function npyIds(path: string): Set<string> {
  const bytes = bytesOf(path);
  if (bytes.length < 12) throw expected('an array of dtype u8,u8', path, `${bytes.length} bytes`, 'fetch it again');
  const isVersion1 = bytes[6] === 1;
  const start = isVersion1 ? 10 + bytes.readUInt16LE(8) : 12 + bytes.readUInt32LE(8);
  const header = bytes.toString('latin1', isVersion1 ? 10 : 12, start);
  const isPairs = /'descr': \[\('f0', '<u8'\), \('f1', '<u8'\)\]/.test(header);
  if (bytes.toString('latin1', 1, 6) !== 'NUMPY' || !isPairs || (bytes.length - start) % 16 !== 0) {
    throw expected('an array of dtype u8,u8', path, header.trim().slice(0, 80), 'see DataComp’s subset files');
  }
  const ids = new Set<string>();
  const half = (at: number) => bytes.readBigUInt64LE(at).toString(16).padStart(16, '0');
  for (let at = start; at < bytes.length; at += 16) ids.add(half(at) + half(at + 8));
  return ids;
}

/** The bytes of a DataComp subset file of these ids. */
export function subsetNpy(ids: Iterable<string>): Buffer {
  const sorted = [...ids].sort();
  const dictionary = `{'descr': [('f0', '<u8'), ('f1', '<u8')], 'fortran_order': False, 'shape': (${sorted.length},), }`;
  const headerBytes = Math.ceil((10 + dictionary.length + 1) / 64) * 64;
  const bytes = Buffer.alloc(headerBytes + sorted.length * 16);
  bytes.write('\x93NUMPY\x01\x00', 0, 'latin1');
  bytes.writeUInt16LE(headerBytes - 10, 8);
  bytes.write(`${dictionary.padEnd(headerBytes - 11)}\n`, 10, 'latin1');
  for (const [i, id] of sorted.entries()) {
    bytes.writeBigUInt64LE(BigInt(`0x${id.slice(0, 16)}`), headerBytes + i * 16);
    bytes.writeBigUInt64LE(BigInt(`0x${id.slice(16)}`), headerBytes + i * 16 + 8);
  }
  return bytes;
}
