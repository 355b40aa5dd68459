/**
 * Files that are either whole or not there: written under a temporary name in the same folder, flushed to the disk,
 * then renamed. A kill leaves at most a `.tmp` file: one that was written piece by piece, under a lock, is overwritten by the next run;
 * whole files are written by commands that nothing keeps apart (two reports at once), so their temporary names are each their own, and who
 * writes in that folder later removes them.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writevSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** What the manifest says of a file. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** Of a temporary file: what its name has behind that of the file itself. */
export const temporaryEnding = /(?:\.lait-[0-9a-f]{8})?\.tmp$/;

/** Writes a whole file; with `mode` its permissions are these. Where that fails, what it took of the disk is given back. */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode?: number): FileDigest {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  replaceFile(path, (temporary) => {
    const fd = openSync(temporary, 'wx', mode);
    try {
      if (mode !== undefined) fchmodSync(fd, mode);
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
  return digestOf(bytes);
}

/** Puts a file in its place that `write` makes, whole and synced, under the name that it is given. */
export function replaceFile(path: string, write: (temporary: string) => void): void {
  removeLeftFiles(dirname(path));
  const temporary = `${path}.lait-${randomBytes(4).toString('hex')}.tmp`;
  try {
    write(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw namingFile(error, temporary, path);
  }
}

/** An error of the system with the name that the operator knows. */
function namingFile(error: unknown, temporary: string, path: string): unknown {
  const fault = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || fault.path !== temporary) return error;
  fault.path = path;
  fault.message = fault.message.replaceAll(temporary, path);
  return fault;
}

/** Whole files are in memory and are written within seconds. */
const leftAfterMs = 3_600_000;

/** Where this process has looked for what others left. */
const lookedIn = new Set<string>();

/** Once in a process for each folder. What cannot be looked at or removed is somebody else's, or the next one's. */
function removeLeftFiles(folder: string): void {
  const full = resolve(folder);
  if (lookedIn.has(full)) return;
  lookedIn.add(full);
  for (const path of leftIn(full, (name) => name.includes('.lait-'))) {
    try {
      if (Date.now() - statSync(path).mtimeMs > leftAfterMs) rmSync(path);
    } catch {
      // It was renamed meanwhile, or may not be removed.
    }
  }
}

/** Temporary files of this one that kills have left, of an earlier lait too (`.tmp` alone), or that are being written. */
export const temporariesOf = (path: string): string[] =>
  leftIn(dirname(path), (name) => name.replace(temporaryEnding, '') === basename(path));

function leftIn(folder: string, isOne: (name: string) => boolean): string[] {
  try {
    const names = readdirSync(folder).filter((name) => temporaryEnding.test(name) && isOne(name));
    return names.map((name) => join(folder, name));
  } catch {
    return []; // A folder that may be written but not read.
  }
}

/** Appends a line to a file, whole or not at all; one that a kill has left half written before is ended first. */
export function appendLine(path: string, line: string): void {
  const fd = openSync(path, 'a+');
  try {
    const { size } = fstatSync(fd);
    const last = Buffer.alloc(1);
    const isTorn = size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last.toString() !== '\n';
    try {
      writeFileSync(fd, `${isTorn ? '\n' : ''}${line}\n`);
    } catch (error) {
      ftruncateSync(fd, size);
      throw error;
    }
  } finally {
    closeSync(fd);
  }
}

export function digestOf(content: string | Uint8Array): FileDigest {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { bytes: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A file written piece by piece, hashed on the way; it appears at `path` when it is committed. */
export class AtomicFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #sha256 = createHash('sha256');
  readonly #md5 = createHash('md5');
  #bytes = 0;
  #isOpen = true;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(`${path}.tmp`, 'w');
  }

  get bytes(): number {
    return this.#bytes;
  }

  write(pieces: readonly Uint8Array[]): void {
    const position = this.#bytes;
    for (const piece of pieces) {
      this.#sha256.update(piece);
      this.#md5.update(piece);
      this.#bytes += piece.byteLength;
    }
    this.#orAbandon(() => writeAll(this.#fd, pieces, position));
  }

  commit(): FileDigest & { readonly md5: string } {
    this.#orAbandon(() => {
      fsyncSync(this.#fd);
      this.#close();
      renameSync(`${this.#path}.tmp`, this.#path);
    });
    return { bytes: this.#bytes, sha256: this.#sha256.digest('hex'), md5: this.#md5.digest('hex') };
  }

  /** Gives the file up, as each failure does. */
  abandon(): void {
    this.#close();
    rmSync(`${this.#path}.tmp`, { force: true });
  }

  #orAbandon(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }
}

/** Writes all buffers at a position: the system may take fewer bytes than it was given. */
export function writeAll(fd: number, buffers: readonly Uint8Array[], position: number): void {
  let rest = buffers.filter((buffer) => buffer.byteLength > 0);
  let at = position;
  while (rest.length > 0) {
    let written = writevSync(fd, rest, at);
    at += written;
    while (rest.length > 0 && written >= rest[0]!.byteLength) {
      written -= rest[0]!.byteLength;
      rest = rest.slice(1);
    }
    if (written > 0) rest = [rest[0]!.subarray(written), ...rest.slice(1)];
  }
}
