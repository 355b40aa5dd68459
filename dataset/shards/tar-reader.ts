/** Reads tar archives from streams and files. */

import { type FileHandle, open } from 'node:fs/promises';
import { type TarEntry, type TarMember, type TarOptions, TarParser } from './tar.ts';

/**
 * The members of an archive that comes as chunks, such as a file stream or an HTTP body. Yields, chunk by chunk, the
 * members that the chunk completes: one `await` per chunk and not per member is most of the speed.
 */
export async function* readTar(
  chunks: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: TarOptions = {},
): AsyncGenerator<TarMember[]> {
  const parser = new TarParser(options);
  for await (const chunk of chunks) {
    const members = parser.push(chunk);
    if (members.length > 0) yield members;
    if (parser.ended) return;
  }
  parser.end();
}

/** The bytes of a file in fresh chunks, so that views of them stay valid; the next one is read while one is in use. */
export async function* fileChunks(path: string, chunkBytes = 1 << 20): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  const readNext = () => {
    const read = file.read(Buffer.allocUnsafeSlow(chunkBytes), 0, chunkBytes, null);
    read.catch(() => {}); // it is awaited below, perhaps after the reader has gone
    return read;
  };
  let next = readNext();
  try {
    for (;;) {
      const { buffer, bytesRead } = await next;
      if (bytesRead === 0) return;
      next = readNext();
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await next.catch(() => {});
    await file.close();
  }
}

/** Every regular file of an archive and where its body lies, in order: reads headers and passes over bodies. */
export async function tarEntries(file: FileHandle, options: TarOptions = {}): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  const parser = new TarParser({ ...options, onEntry: (entry) => entries.push(entry) });
  for (let position = 0; !parser.ended; ) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(8 << 10), 0, 8 << 10, position);
    if (bytesRead === 0) break;
    parser.push(buffer.subarray(0, bytesRead));
    position += bytesRead;
    position += parser.passOver((await file.stat()).size - position);
  }
  parser.end();
  return entries;
}
