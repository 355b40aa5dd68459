/**
 * Memory for decoding, shared by all pictures that are decoded in this process. libvips streams most pictures row by row; those that it
 * must hold whole (interlaced PNG, progressive JPEG, AVIF, GIF, whatever is turned) may take a gigabyte for a kilobyte of file. What
 * a picture will take follows from its header; it waits until so much is free.
 */

/** Ours: what all pictures in flight may hold, and the most for one. An AVIF of 59 megapixels, an interlaced PNG of 16 bits of 134. */
export const maxDecodeBytes = 2 ** 30;

let freeBytes = maxDecodeBytes;
const waiting: { readonly byteLength: number; readonly start: () => void }[] = [];

/** Runs `decode` once `byteLength` bytes, `maxDecodeBytes` at most, are free; in the order of the calls. */
export async function withDecodeMemory<T>(byteLength: number, decode: () => Promise<T>): Promise<T> {
  if (waiting.length > 0 || byteLength > freeBytes) {
    await new Promise<void>((start) => waiting.push({ byteLength, start }));
  } else freeBytes -= byteLength;
  try {
    return await decode();
  } finally {
    freeBytes += byteLength;
    while (waiting.length > 0 && waiting[0]!.byteLength <= freeBytes) {
      const { byteLength: taken, start } = waiting.shift()!;
      freeBytes -= taken;
      start();
    }
  }
}
