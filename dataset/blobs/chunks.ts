/** A blob as a stream of fresh chunks, in order; the next ones are read while one is in use. */
import type { BlobReader } from './blobs.ts';

/**
 * Ours: a range of 8 MiB costs S3's latency once in a tenth of a second of one connection, and two ahead of the one in use keep three
 * connections busy in 24 MiB.
 */
const defaults = { chunkBytes: 8 << 20, ahead: 2 };

/** Gives the bytes and closes the reader. Throws what reading throws. */
export async function* blobChunks(
  reader: BlobReader,
  { chunkBytes = defaults.chunkBytes, ahead = defaults.ahead, signal }: ChunkOptions = {},
): AsyncGenerator<Buffer> {
  const coming: Promise<Buffer>[] = [];
  let asked = 0;
  const ask = (): void => {
    while (coming.length <= ahead && asked < reader.byteLength) {
      const chunk = reader.read(asked, chunkBytes, signal);
      chunk.catch(() => {}); // it is awaited below, perhaps after another one has failed
      coming.push(chunk);
      asked += chunkBytes;
    }
  };
  try {
    for (ask(); coming.length > 0; ask()) yield await coming.shift()!;
  } finally {
    await Promise.allSettled(coming);
    await reader.close();
  }
}

export interface ChunkOptions {
  readonly chunkBytes?: number;
  readonly ahead?: number;
  readonly signal?: AbortSignal | undefined;
}
