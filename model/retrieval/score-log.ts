/**
 * Scores of pairs in a file as they are made, so that hours of scoring go on where they were stopped. After one line that says what
 * was scored come records of 8 bytes, little-endian: the pair's place + 1 (uint32, so that zeros left by a lost write are none) and its
 * score (float32).
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeAll } from '../../dataset/atomic-file.ts';

const recordBytes = 8;

export interface ScoreLog {
  /** By place; NaN where no score is known. */
  readonly known: Float32Array;
  /** Makes scores known by their places, and durable. */
  add(places: readonly number[], scores: Float32Array): void;
  close(): void;
  /** The scores are no longer needed. */
  remove(): void;
}

/** A log in memory, for work that need not survive its process. */
export function passingLog(places: number): ScoreLog {
  const known = new Float32Array(places).fill(Number.NaN);
  const add: ScoreLog['add'] = (added, scores) => {
    added.forEach((place, index) => {
      known[place] = scores[index]!;
    });
  };
  return { known, add, close() {}, remove() {} };
}

/** Opens the log of what `key` (a single line) names, in a folder, for so many places. Logs of different keys are different files. */
export function openScoreLog(folder: string, key: string, places: number): ScoreLog {
  const file = join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 16)}.scores`);
  const header = Buffer.from(`${key}\n`);
  const { known, add } = passingLog(places);
  const descriptor = openSync(file, existsSync(file) ? 'r+' : 'w+');
  let end = header.length;
  if (startsWith(descriptor, header)) end = readRecords(descriptor, header.length, known);
  else writeAll(descriptor, [header], 0);
  ftruncateSync(descriptor, end);
  let open = true;
  const close = () => {
    if (open) closeSync(descriptor);
    open = false;
  };
  return {
    known,
    add(added, scores) {
      add(added, scores);
      const bytes = Buffer.alloc(added.length * recordBytes);
      added.forEach((place, index) => {
        bytes.writeUInt32LE(place + 1, index * recordBytes);
        bytes.writeFloatLE(scores[index]!, index * recordBytes + 4);
      });
      writeAll(descriptor, [bytes], end);
      fsyncSync(descriptor);
      end += bytes.length;
    },
    close,
    remove() {
      close();
      rmSync(file, { force: true });
    },
  };
}

function startsWith(descriptor: number, header: Buffer): boolean {
  const start = Buffer.alloc(header.length);
  readSync(descriptor, start, 0, header.length, 0);
  return start.equals(header);
}

/** Gives where the last whole record ends. */
function readRecords(descriptor: number, from: number, known: Float32Array): number {
  const part = Buffer.alloc(recordBytes * 65_536);
  let end = from;
  for (;;) {
    const read = readSync(descriptor, part, 0, part.length, end);
    for (let at = 0; at + recordBytes <= read; at += recordBytes) {
      const place = part.readUInt32LE(at) - 1;
      if (place < 0 || place >= known.length) return end;
      known[place] = part.readFloatLE(at + 4);
      end += recordBytes;
    }
    if (read < part.length) return end;
  }
}
