/**
 * Files that are either whole or not there: written under a temporary name in the same folder, flushed to the disk,
 * then renamed. A kill leaves at most a `.tmp` file, which the next run overwrites.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writevSync,
} from 'node:fs';

/** What the manifest says of a file. */
export interface FileDigest {
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes a whole file; with `mode` its permissions are these. Where that fails, what it took of the disk is given back. */
export function writeFileAtomic(path: string, content: string | Uint8Array, mode?: number): FileDigest {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const temporary = `${path}.tmp`;
  const fd = openSync(temporary, 'w', mode);
  try {
    try {
      if (mode !== undefined) fchmodSync(fd, mode);
      writeFileSync(fd, bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return digestOf(bytes);
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
