/**
 * Zstandard (RFC 8878) on every Node that we run on: its own zlib has it from 22.15 on. Frames are decoded whole by the reference
 * implementation, compiled to WebAssembly, which has no limit on memory: what a frame asks for is checked before it sees it.
 */
import { createDCtx, decompressUsingDict, freeDCtx, init } from '@bokuweb/zstd-wasm';
import { isSkippable, maxBlockBytes, type ZstdFrame, zstdBlock, zstdFrame } from '../../dataset/shards/zstd-frame.ts';

/** RFC 9659: a window that every client of HTTP accepts, and the largest that browsers do. */
const maxHttpWindowBytes = 8_388_608;

/** Ours: encoders that begin new frames do so every few kilobytes at the soonest. Each is set up for, however short it is. */
const maxFrames = 20_000;

/**
 * A body of frames in a row. One that is cut gives its whole blocks. Throws when it is none, when it needs more memory than
 * browsers give, and with the code ERR_BUFFER_TOO_LARGE when it would be longer than `maxBytes`.
 */
export async function unzstd(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let left = maxBytes;
  let frames = 0;
  for (let at = 0; at < bytes.length; ) {
    frames += 1;
    if (frames > maxFrames) throw new Error(`more than ${maxFrames} frames`);
    const rest = bytes.subarray(at);
    if (isSkippable(rest)) {
      at += 8 + rest.readUInt32LE(4);
      continue;
    }
    const frame = zstdFrame(rest);
    if (frame === null) {
      if (at === 0) throw new Error('not a zstd frame');
      break;
    }
    if (frame.windowBytes > maxHttpWindowBytes) throw new Error('a window larger than 8 MiB');
    if (frame.dictionaryId !== 0) throw new Error('a dictionary that is not there');
    const { end, isWhole } = wholeBlocks(rest, frame);
    if (end === frame.headerBytes) break;
    const piece = await unzstdFrame(isWhole ? rest.subarray(0, end) : asWhole(rest.subarray(0, end), frame), left);
    if (piece === null) throw Object.assign(new RangeError('more than allowed'), { code: 'ERR_BUFFER_TOO_LARGE' });
    pieces.push(piece);
    left -= piece.length;
    at += end;
    if (!isWhole) break;
  }
  return Buffer.concat(pieces);
}

/** Where the last block ends that is there whole. */
function wholeBlocks(bytes: Buffer, { headerBytes, hasChecksum }: ZstdFrame): { end: number; isWhole: boolean } {
  for (let at = headerBytes; ; ) {
    if (at + 3 > bytes.length) return { end: at, isWhole: false };
    const { isLast, byteLength } = zstdBlock(bytes.subarray(at));
    if (byteLength === null) throw new Error('a block that is none');
    const next = at + 3 + byteLength + (isLast && hasChecksum ? 4 : 0);
    if (next > bytes.length) return { end: at, isWhole: false };
    if (isLast) return { end: next, isWhole: true };
    at = next;
  }
}

/** A frame of these blocks, the last of them marked as such, with neither a size of its content nor a checksum. */
function asWhole(bytes: Buffer, frame: ZstdFrame): Buffer {
  const blocks = Buffer.from(bytes.subarray(frame.headerBytes));
  for (let at = 0; ; ) {
    const next = at + 3 + zstdBlock(blocks.subarray(at)).byteLength!;
    if (next >= blocks.length) {
      blocks[at]! |= 1;
      break;
    }
    at = next;
  }
  const windowLog = Math.max(10, Math.ceil(Math.log2(Math.max(1, frame.windowBytes))));
  return Buffer.concat([zstdMagic, Buffer.from([0, (windowLog - 10) << 3]), blocks]);
}

const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

let loading: Promise<void> | undefined;

/** Loads the WebAssembly once: a second `init` of the package takes the memory away from what is under way. */
export function zstdReady(): Promise<void> {
  loading ??= init();
  return loading;
}

/**
 * One whole frame, made with this dictionary if any; null when its content is longer than `maxBytes`. Throws when it is damaged or
 * was made with another dictionary. The caller has checked its window.
 */
export async function unzstdFrame(
  frame: Buffer,
  maxBytes: number,
  dictionary: Uint8Array = new Uint8Array(0),
): Promise<Buffer | null> {
  await zstdReady();
  const contentBytes = zstdFrame(frame)?.contentBytes ?? null;
  if (contentBytes !== null && contentBytes > maxBytes) return null;
  for (let space = contentBytes ?? 4 * maxBlockBytes + 16 * frame.length; ; space *= 8) {
    const context = createDCtx();
    try {
      return Buffer.from(
        decompressUsingDict(context, frame, dictionary, { defaultHeapSize: Math.min(space, maxBytes) }),
      );
    } catch (error) {
      const isTooSmall = error instanceof Error && error.message.endsWith(`${dstSizeTooSmall}`);
      if (!isTooSmall || contentBytes !== null) throw error;
      if (space >= maxBytes) return null;
    } finally {
      freeDCtx(context);
    }
  }
}

/** `ZSTD_error_dstSize_tooSmall` as zstd_errors.h has it, negated as its functions return it. */
const dstSizeTooSmall = -70;
