/** The order in which shards are read in turns: the shards of an epoch, and a stream of batches that does not fit in memory. */
import { type Random, random } from '../random.ts';

/** What decides an order, beside the shards. */
export interface Shuffle {
  readonly seed: number;
  readonly epoch?: number;
  /** Samples among which one is drawn; 1,000 unless given. */
  readonly bufferSamples?: number;
}

/** The shards as an epoch reads them. */
export const shuffledShards = (shards: readonly string[], { seed, epoch = 0 }: Shuffle): string[] =>
  random(seed, epoch, 0x54a2d).shuffle([...shards]);

/** The samples of an epoch's shards, which come in batches, as the epoch reads them. `part` is the reader's number. */
export const shuffledSamples = <T>(
  batches: AsyncIterable<readonly T[]>,
  { seed, epoch = 0, bufferSamples = 1000 }: Shuffle,
  part = 0,
): AsyncGenerator<T[]> => bufferShuffled(batches, bufferSamples, random(seed, epoch, part, 0xb0ff));

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
