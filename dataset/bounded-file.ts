/** Files that are read whole and that anybody may have made: no more of one is read than such a file ever has. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { expected } from './user-error.ts';

/**
 * Of the texts of a model: tokenizer.json, vocab.txt, config.json. Ours: the largest tokenizer.json that we know, of Gemma 3 with its
 * 262,144 pieces, has 33.4 MB, as its pages on the Hugging Face hub say (2026-12-01).
 */
export const maxModelTextBytes = 64_000_000;

/** All bytes of a file. Throws a UserError for one of more than `maxBytes`, before it is read where the file system knows. */
export function readBounded(path: string, maxBytes: number = maxModelTextBytes): Buffer {
  const file = openSync(path, 'r');
  try {
    const stat = fstatSync(file);
    if (stat.size > maxBytes) throw tooLarge(path, maxBytes, `${(stat.size / 1e6).toFixed(0)} MB`);
    const chunks: Buffer[] = [];
    for (let total = 0; ; ) {
      // What is no file has no size: it is read until it ends, or is too much.
      const chunk = Buffer.allocUnsafe(stat.isFile() ? stat.size - total + 1 : 65_536);
      const got = readSync(file, chunk);
      if (got === 0) return Buffer.concat(chunks);
      total += got;
      if (total > maxBytes) throw tooLarge(path, maxBytes, 'more');
      chunks.push(chunk.subarray(0, got));
      if (stat.isFile() && total === stat.size) return Buffer.concat(chunks);
    }
  } finally {
    closeSync(file);
  }
}

const tooLarge = (path: string, maxBytes: number, received: string) =>
  expected(`a file of at most ${maxBytes / 1e6} MB`, path, received, 'take the one of a model');
