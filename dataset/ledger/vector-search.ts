/**
 * The nearest vectors to a vector: all codes of a kind are in memory (64 bytes each for 512 numbers) and the differing bits are counted for
 * every one; the candidates that differ least are then ranked by their numbers. Exact search over bytes and sqlite-vec take longer
 * (docs/benchmarks.md#looking-at-a-large-corpus).
 */
import { codeOf, meanOf, unpacked, type VectorKind, type VectorStore, vectorModel } from './vector-store.ts';

export interface Neighbour {
  /** What the vector is of. */
  readonly key: string;
  /** The cosine, -1 to 1. */
  readonly similarity: number;
}

/** Candidates that are ranked by their numbers. Ours: see the recall in docs/benchmarks.md. */
const candidates = 1_000;

/** Codes of one kind, in the order of their ids. */
interface Codes {
  ids: Float64Array;
  words: Uint32Array;
  count: number;
  /** How often something was removed until it was read. */
  removals: number;
}

export interface VectorSearch {
  /** The `count` nearest of a kind, the nearest first. */
  nearest(kind: VectorKind, query: Float32Array, count: number): Neighbour[];
  /** The vector of a picture or text; null where there is none. */
  vectorOf(kind: VectorKind, key: string): Float32Array | null;
}

/** Opens a search over a store, which it follows as it grows. */
export function openVectorSearch(store: VectorStore): VectorSearch {
  const { db } = store;
  const size = vectorModel(store)?.size ?? 0;
  const wordCount = Math.ceil(size / 32);
  const known = new Map<VectorKind, Codes>();
  const removalCount = db.prepare('SELECT count FROM removals').pluck();
  const added = db.prepare('SELECT id, code FROM codes WHERE id > ? AND kind = ? ORDER BY id').raw();
  const numbers = db.prepare('SELECT key, vector FROM vectors WHERE id = ?').raw();
  const find = db.prepare('SELECT vector FROM vectors WHERE kind = ? AND key = ? AND vector IS NOT NULL').pluck();

  /** Reads what came since the last time; all of it when something was removed. */
  function codesOf(kind: VectorKind): Codes {
    const removals = removalCount.get() as number;
    const last = known.get(kind);
    const codes: Codes =
      last?.removals === removals
        ? last
        : { ids: new Float64Array(1_024), words: new Uint32Array(1_024 * wordCount), count: 0, removals };
    known.set(kind, codes);
    const after = codes.count === 0 ? 0 : codes.ids[codes.count - 1]!;
    for (const [id, code] of added.iterate(after, kind) as IterableIterator<[number, Buffer]>) {
      if (codes.count === codes.ids.length) {
        const [ids, words] = [new Float64Array(2 * codes.count), new Uint32Array(2 * codes.count * wordCount)];
        ids.set(codes.ids);
        words.set(codes.words);
        Object.assign(codes, { ids, words });
      }
      codes.ids[codes.count] = id;
      for (let at = 0; at < wordCount; at++) codes.words[codes.count * wordCount + at] = code.readUInt32LE(at * 4);
      codes.count += 1;
    }
    return codes;
  }

  return {
    nearest(kind, query, count) {
      const mean = meanOf(db, kind);
      if (mean === null) return [];
      const codes = codesOf(kind);
      const near = nearestCodes(codes, codeOf(query, mean), Math.max(candidates, count));
      const found = near.flatMap((id): Neighbour[] => {
        const [key, bytes] = (numbers.get(id) ?? []) as [string?, Buffer?];
        if (key === undefined || !bytes) return [];
        const bytesOfIt = new Int8Array(bytes.buffer, bytes.byteOffset + 4, size);
        let dot = 0;
        for (let at = 0; at < size; at++) dot += query[at]! * bytesOfIt[at]!;
        return [{ key, similarity: dot * bytes.readFloatLE() }];
      });
      return found.sort((a, b) => b.similarity - a.similarity || (a.key < b.key ? -1 : 1)).slice(0, count);
    },
    vectorOf(kind, key) {
      const bytes = find.get(kind, key) as Buffer | undefined;
      return bytes === undefined ? null : unpacked(bytes);
    },
  };
}

/** The ids of the codes with the fewest bits that differ, `count` of them and those that differ in as many. */
function nearestCodes({ ids, words, count: all }: Codes, code: Uint32Array, count: number): number[] {
  const wordCount = code.length;
  const distances = new Uint16Array(all);
  const byDistance = new Uint32Array(wordCount * 32 + 1);
  for (let row = 0; row < all; row++) {
    let distance = 0;
    const from = row * wordCount;
    for (let at = 0; at < wordCount; at++) {
      // Bits of a word that are 1 (Warren, Hacker's Delight, 5-1).
      let bits = (code[at]! ^ words[from + at]!) | 0;
      bits -= (bits >>> 1) & 0x55555555;
      bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
      distance += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    }
    distances[row] = distance;
    byDistance[distance]! += 1;
  }
  let limit = 0;
  for (let found = 0; limit < byDistance.length && found < count; limit++) found += byDistance[limit]!;
  const near: number[] = [];
  for (let row = 0; row < all; row++) if (distances[row]! < limit) near.push(ids[row]!);
  return near;
}
