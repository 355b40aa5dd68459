/** What an import is made from, so that the same one is known again on any machine: sizes and pieces of its files, and the choices made. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';

/** What an import is: the same source with the same choices is the same import, whatever machine it is on. */
export interface ImportIdentity {
  readonly from: string;
  /** Names of its files, without folders. */
  readonly names: readonly string[];
  readonly sha256: string;
}

/** `files` are local paths or URLs; a URL stands for itself. */
export function importIdentity(
  from: string,
  files: readonly string[],
  choices: Readonly<Record<string, unknown>>,
): ImportIdentity {
  const hash = createHash('sha256').update(JSON.stringify([from, choices]));
  for (const file of files) hash.update(existsSync(file) ? piecesOf(file) : file);
  return { from, names: files.slice(0, 100).map((file) => basename(file)), sha256: hash.digest('hex') };
}

const pieces = 64;
const pieceBytes = 4096;

/** A hash of a file's size and of pieces spread evenly over it: a set of a terabyte is not read twice. */
function piecesOf(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const hash = createHash('sha256').update(`${size}\n`);
    const piece = Buffer.alloc(pieceBytes);
    const step = Math.max(pieceBytes, (size - pieceBytes) / (pieces - 1));
    for (let i = 0; i < pieces && Math.floor(i * step) < size; i += 1) {
      hash.update(piece.subarray(0, readSync(fd, piece, 0, pieceBytes, Math.floor(i * step))));
    }
    return hash.digest();
  } finally {
    closeSync(fd);
  }
}
