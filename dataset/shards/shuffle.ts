/** Orders that a seed decides: the same seed and epoch always give the same order, on every machine. */

/** Numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One 32-bit seed from several numbers, so that epochs and streams of one seed do not overlap (FNV-1a). */
export function mixSeeds(...parts: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    for (let shift = 0; shift < 32; shift += 8) hash = Math.imul(hash ^ ((part >>> shift) & 0xff), 0x01000193);
  }
  return hash;
}

/** A shuffled copy (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}

/** A stream of batches shuffled within a buffer: each new item takes the place of a random one, which goes out. */
export async function* bufferShuffled<T>(
  batches: AsyncIterable<readonly T[]>,
  bufferSize: number,
  random: () => number,
): AsyncGenerator<T[]> {
  const buffer: T[] = [];
  for await (const batch of batches) {
    const out: T[] = [];
    for (const item of batch) {
      if (buffer.length < bufferSize) {
        buffer.push(item);
        continue;
      }
      const i = Math.floor(random() * buffer.length);
      out.push(buffer[i]!);
      buffer[i] = item;
    }
    if (out.length > 0) yield out;
  }
  yield shuffled(buffer, random);
}
