/**
 * What the files of a checkpoint were when it was written: `checksums.json`. SHA-256 names its content to others; at each load it is
 * the CRC-32 that is compared, which finds what disks and copies do to bytes at three times the speed (docs/benchmarks.md).
 */

import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { UserError } from '../../dataset/user-error.ts';

export const checksumsName = 'checksums.json';

interface Checksum {
  readonly bytes: number;
  readonly crc32: number;
  readonly sha256: string;
}

type Checksums = Readonly<Record<string, Checksum>>;

/** Writes the sums of every file in a folder. */
export function writeChecksums(dir: string): void {
  const files: Record<string, Checksum> = {};
  for (const name of readdirSync(dir).sort()) {
    const hash = createHash('sha256');
    const sums = sumOf(join(dir, name), (bytes) => hash.update(bytes));
    files[name] = { ...sums, sha256: hash.digest('hex') };
  }
  writeFileSync(join(dir, checksumsName), `${JSON.stringify(files, null, 2)}\n`, { flush: true });
}

/**
 * Throws a UserError that names a file of a checkpoint whose bytes are not those that were written. Gives false where it was written
 * before there were sums, and nothing can be said.
 */
export function checkChecksums(dir: string, names: readonly string[]): boolean {
  const sums = readChecksums(dir);
  if (sums === null) return false;
  for (const name of names) {
    const wanted = sums[name];
    if (wanted === undefined) continue;
    if (!existsSync(join(dir, name))) throw new UserError(`Expected ${name} in ${dir} but it is gone.`);
    const is = sumOf(join(dir, name));
    if (is.bytes !== wanted.bytes || is.crc32 !== wanted.crc32) {
      throw new UserError(
        `Expected ${join(dir, name)} as it was written but its checksum is another: it is damaged or was changed.`,
      );
    }
  }
  return true;
}

/** The SHA-256 of a file as its checkpoint's sums have it; null where there are none. */
export const knownSha256 = (dir: string, name: string): string | null => readChecksums(dir)?.[name]?.sha256 ?? null;

function readChecksums(dir: string): Checksums | null {
  const path = join(dir, checksumsName);
  if (!existsSync(path)) return null;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Checksums;
  } catch (cause) {
    throw new UserError(`Expected JSON for ${path} but it does not read.`, { cause });
  }
}

function sumOf(path: string, onBytes?: (bytes: Buffer) => void) {
  const file = openSync(path, 'r');
  const chunk = Buffer.allocUnsafe(1 << 20);
  let [bytes, sum] = [0, 0];
  try {
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const part = chunk.subarray(0, read);
      sum = crc32(part, sum);
      bytes += read;
      onBytes?.(part);
    }
  } finally {
    closeSync(file);
  }
  return { bytes, crc32: sum };
}
