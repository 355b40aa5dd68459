/** What the headers of Zstandard's frames and blocks say (RFC 8878 §3.1), so that a frame's demands are known before a decoder sees it. */

/** Bytes that tell everything about a frame: magic number, descriptor, window, dictionary and content size (§3.1.1). */
export const maxFrameHeaderBytes = 18;

/** §3.1.1.2.3: no block is longer, compressed or not. */
export const maxBlockBytes = 131_072;

export interface ZstdFrame {
  readonly headerBytes: number;
  /** How far back the content may refer: the memory that decoding takes. */
  readonly windowBytes: number;
  /** 0 where none is named. */
  readonly dictionaryId: number;
  /** Null where the frame does not say. */
  readonly contentBytes: number | null;
  readonly hasChecksum: boolean;
}

/** Bytes of the parts of a frame's header that its descriptor, the fifth byte, announces. */
function headerParts(descriptor: number): { window: number; dictionary: number; size: number } {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  return {
    window: isSingleSegment ? 0 : 1,
    dictionary: [0, 1, 2, 4][descriptor & 3]!,
    size: [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!,
  };
}

/** Bytes of a frame's header, magic number and descriptor among them. */
export function zstdHeaderBytes(descriptor: number): number {
  const { window, dictionary, size } = headerParts(descriptor);
  return 5 + window + dictionary + size;
}

/** The header of the frame that begins here; null when none does, or only a part of its header is there. */
export function zstdFrame(bytes: Buffer): ZstdFrame | null {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== 0xfd2fb528) return null;
  const descriptor = bytes[4]!;
  if (descriptor & 0x08) return null;
  const { window: windowLength, dictionary: dictionaryBytes, size: sizeBytes } = headerParts(descriptor);
  const isSingleSegment = windowLength === 0;
  const dictionaryAt = 5 + windowLength;
  const sizeAt = dictionaryAt + dictionaryBytes;
  const headerBytes = zstdHeaderBytes(descriptor);
  if (bytes.length < headerBytes) return null;
  const contentBytes =
    sizeBytes === 0
      ? null
      : sizeBytes === 8
        ? Number(bytes.readBigUInt64LE(sizeAt))
        : bytes.readUIntLE(sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const window = bytes[5]!;
  const windowBytes = isSingleSegment ? contentBytes! : 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
  const dictionaryId = dictionaryBytes === 0 ? 0 : bytes.readUIntLE(dictionaryAt, dictionaryBytes);
  return { headerBytes, windowBytes, dictionaryId, contentBytes, hasChecksum: (descriptor & 0x04) !== 0 };
}

export interface ZstdBlock {
  readonly isLast: boolean;
  /** Bytes after the three of this header; null for a kind or size that no block has. */
  readonly byteLength: number | null;
}

/** The header of the block that begins here; its three bytes must be there (§3.1.1.2). */
export function zstdBlock(bytes: Buffer): ZstdBlock {
  const header = bytes.readUIntLE(0, 3);
  const kind = (header >> 1) & 3;
  const size = header >> 3;
  return { isLast: (header & 1) === 1, byteLength: kind === 3 || size > maxBlockBytes ? null : kind === 1 ? 1 : size };
}

/** §3.1.2: a frame that decoders pass over. */
export const isSkippable = (bytes: Buffer): boolean => bytes.length >= 8 && bytes.readUInt32LE(0) >>> 4 === 0x184d2a5;
