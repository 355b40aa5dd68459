/** Shuffles a stream of batches that does not fit in memory. */
import type { Random } from '../random.ts';

/** A stream of batches shuffled within a buffer: each new item takes the place of a random one, which goes out. */
export async function* bufferShuffled<T>(
  batches: AsyncIterable<readonly T[]>,
  bufferSize: number,
  draw: Random,
): AsyncGenerator<T[]> {
  const buffer: T[] = [];
  for await (const batch of batches) {
    const out: T[] = [];
    for (const item of batch) {
      if (buffer.length < bufferSize) {
        buffer.push(item);
        continue;
      }
      const index = draw.below(buffer.length);
      out.push(buffer[index]!);
      buffer[index] = item;
    }
    if (out.length > 0) yield out;
  }
  yield draw.shuffle(buffer);
}
