/**
 * Small reads of far blobs by way of larger blocks, the latest of which stay in memory: a request costs S3 and us the same for 100 kB
 * as for a megabyte, and what is read next often lies beside what was read before.
 */
import type { BlobReader } from './blobs.ts';

export class BlockCache {
  readonly #blockBytes: number;
  readonly #maxBlocks: number;
  /** By blob and number, the least lately used first. */
  readonly #blocks = new Map<string, Promise<Buffer>>();

  constructor({ blockBytes, maxBlocks }: { readonly blockBytes: number; readonly maxBlocks: number }) {
    this.#blockBytes = blockBytes;
    this.#maxBlocks = maxBlocks;
  }

  /** A reader of the same blob by way of this cache. */
  through(reader: BlobReader): BlobReader {
    return {
      ...reader,
      read: async (offset, byteLength) => {
        const end = Math.min(offset + byteLength, reader.byteLength);
        if (end <= offset) return Buffer.alloc(0);
        const first = Math.floor(offset / this.#blockBytes);
        const last = Math.floor((end - 1) / this.#blockBytes);
        const numbers = Array.from({ length: last - first + 1 }, (_, at) => first + at);
        const blocks = await Promise.all(numbers.map((number) => this.#block(reader, number)));
        // A copy of its own: callers lay arrays of numbers over it, and a view would hold the block.
        const bytes = Buffer.allocUnsafeSlow(end - offset);
        for (const [at, block] of blocks.entries()) {
          const start = (first + at) * this.#blockBytes;
          block.copy(bytes, Math.max(0, start - offset), Math.max(0, offset - start), end - start);
        }
        return bytes;
      },
    };
  }

  #block(reader: BlobReader, number: number): Promise<Buffer> {
    const name = `${reader.key}\n${reader.version}\n${number}`;
    let block = this.#blocks.get(name);
    if (block === undefined) {
      block = reader.read(number * this.#blockBytes, this.#blockBytes);
      // A block that could not be read is asked for again.
      block.catch(() => this.#blocks.delete(name));
    }
    this.#blocks.delete(name);
    this.#blocks.set(name, block);
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= this.#maxBlocks) break;
      this.#blocks.delete(oldest);
    }
    return block;
  }
}
