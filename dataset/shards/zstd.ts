/**
 * Zstandard (RFC 8878) as a stream. Frames and blocks are found here, so that what a frame asks for is checked before the decoder sees
 * it and one block at a time is decoded; Node has a decoder of its own only from 22.15 on.
 */
import { Decompress } from 'fzstd';
import { maxBlockBytes, zstdBlock, zstdFrame, zstdHeaderBytes } from './zstd-frame.ts';

/** The largest window that the reference decoder takes unless it is told otherwise (`--memory`, 2²⁷). */
const maxWindowBytes = 128 << 20;

/** The content of frames behind one another. Rejects at what is cut or broken, or asks for too much memory. */
export async function* unzstd(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const take = taker(chunks);
  for (;;) {
    const magic = await take(4, true);
    if (magic === null) return;
    const number = magic.readUInt32LE(0);
    if (number >= 0x184d2a50 && number <= 0x184d2a5f) await skip(take, (await take(4))!.readUInt32LE(0));
    else if (number === 0xfd2fb528) yield* frame(take, magic);
    else throw new Error('not a Zstandard frame');
  }
}

async function* frame(take: Take, magic: Buffer): AsyncGenerator<Buffer> {
  let ready: Buffer[] = [];
  const decoder = new Decompress((piece) => {
    if (piece.length > 0) ready.push(Buffer.from(piece)); // a copy: the decoder goes on with its own
  });
  const descriptor = (await take(1))!;
  const rest = (await take(zstdHeaderBytes(descriptor[0]!) - magic.length - descriptor.length))!;
  const header = Buffer.concat([magic, descriptor, rest]);
  const found = zstdFrame(header);
  if (found === null) throw new Error('not a Zstandard frame');
  if (found.dictionaryId !== 0) throw new Error('a Zstandard frame with a dictionary');
  if (found.windowBytes > maxWindowBytes) throw new Error('a Zstandard window over 128 MiB');
  decoder.push(header);
  for (let isLast = false; !isLast; ) {
    const blockHeader = (await take(3))!;
    const block = zstdBlock(blockHeader);
    if (block.byteLength === null) throw new Error('no Zstandard block');
    isLast = block.isLast;
    decoder.push(blockHeader);
    const body = (await take(block.byteLength))!;
    // The decoder waits for 18 bytes in all before it looks at a frame.
    decoder.push(body, false);
    yield* ready;
    ready = [];
  }
  if (found.hasChecksum) decoder.push((await take(4))!);
  decoder.push(new Uint8Array(0), true);
  yield* ready;
}

/** Exactly so many bytes; null at the end, where it may be. */
type Take = (count: number, mayEnd?: boolean) => Promise<Buffer | null>;

function taker(chunks: AsyncIterable<Buffer>): Take {
  const source = chunks[Symbol.asyncIterator]();
  let have: Buffer = Buffer.alloc(0);
  return async (count, mayEnd = false) => {
    if (have.length < count) {
      const parts: Buffer[] = [have];
      let length = have.length;
      while (length < count) {
        const next = await source.next();
        if (next.done) {
          if (mayEnd && length === 0) return null;
          throw new Error('a Zstandard frame that is cut');
        }
        parts.push(next.value);
        length += next.value.length;
      }
      have = Buffer.concat(parts);
    }
    const taken = have.subarray(0, count);
    have = have.subarray(count);
    return taken;
  };
}

async function skip(take: Take, count: number): Promise<void> {
  for (let left = count; left > 0; left -= maxBlockBytes) await take(Math.min(left, maxBlockBytes));
}
