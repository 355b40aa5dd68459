/** The frames of a Zstandard file (RFC 8878), one after the other. The dictionary that a file gives is for all frames after it. */
import { Decompress } from 'fzstd';
import { isSkippable, maxFrameHeaderBytes, zstdBlock, zstdFrame } from '../../dataset/shards/zstd-frame.ts';
import { unzstdFrame } from '../fetch/zstd.ts';
import { type Broken, BrokenArchive, type Member } from './broken-archive.ts';
import type { ByteReader } from './byte-reader.ts';

/** What the reader is told of a frame whose content is left out. */
export type OnSkippedFrame = (memberOffset: number) => void;

/** Ours. zstd itself refuses more unless it is told to (`--long=27`). */
const maxWindowBytes = 2 ** 27;
/** Ours: zstd's trainer makes 110 KB unless told otherwise. */
const maxDictionaryBytes = 2 ** 24;
/** Ours: frames of this many bytes are decoded at once, and to at most as many as the other. */
const maxHeldBytes = 2 ** 22;
const maxContentBytes = 2 ** 26;

export function zstdMembers(onSkippedFrame: OnSkippedFrame): Member {
  let dictionary: Buffer | null = null;
  return async function* (input, memberOffset) {
    const broken: Broken = (reason) => new BrokenArchive(reason, memberOffset);
    const head = await input.peek(maxFrameHeaderBytes);
    if (isSkippable(head)) {
      const size = head.readUInt32LE(4);
      const isDictionary = head[0] === dictionaryMagic;
      await input.exactly(8);
      const held = isDictionary && size <= maxDictionaryBytes ? await input.exactly(size) : null;
      if (held !== null) dictionary = await dictionaryOf(held, broken);
      else if (!(await input.skip(size))) throw broken('cut');
      else if (isDictionary) throw broken('no-dictionary');
      return;
    }
    const frame = zstdFrame(head);
    if (frame === null) throw broken(head.length < maxFrameHeaderBytes ? 'cut' : 'damaged');
    if (frame.windowBytes > maxWindowBytes) throw broken('window-too-large');
    if (dictionary === null && frame.dictionaryId !== 0) throw broken('no-dictionary');
    const parts = partsOf(input, frame.headerBytes, frame.hasChecksum, broken);
    yield* contentOf(parts, dictionary, { broken, onTooLarge: () => onSkippedFrame(memberOffset) });
  };
}

/** The first byte of 0x184D2A5D, which tells a dictionary from other frames that decoders pass over. */
const dictionaryMagic = 0x5d;

/** The dictionary of a file, which may itself be compressed. */
async function dictionaryOf(held: Buffer, broken: Broken): Promise<Buffer> {
  const frame = zstdFrame(held);
  if (frame === null) return held;
  if (frame.windowBytes > maxDictionaryBytes) throw broken('no-dictionary');
  const dictionary = await unzstdFrame(held, maxDictionaryBytes).catch(() => null);
  if (dictionary === null) throw broken('no-dictionary');
  return dictionary;
}

interface Part {
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

/** A frame as it is stored: its header, then block by block; the checksum comes with the last block. */
async function* partsOf(
  input: ByteReader,
  headerBytes: number,
  hasChecksum: boolean,
  broken: Broken,
): AsyncGenerator<Part> {
  yield { bytes: (await input.exactly(headerBytes))!, isLast: false };
  for (;;) {
    const head = await input.peek(3);
    if (head.length < 3) throw broken('cut');
    const { isLast, byteLength } = zstdBlock(head);
    if (byteLength === null) throw broken('damaged');
    const bytes = await input.exactly(3 + byteLength + (isLast && hasChecksum ? 4 : 0));
    if (bytes === null) throw broken('cut');
    yield { bytes: Buffer.from(bytes), isLast };
    if (isLast) return;
  }
}

/**
 * The content of a frame: at once where it is short, as a record is. A long one, such as a whole archive in one frame, comes block
 * by block from fzstd, which knows no dictionaries and takes longer; with a dictionary it is left out.
 */
async function* contentOf(
  parts: AsyncGenerator<Part>,
  dictionary: Buffer | null,
  { broken, onTooLarge }: { readonly broken: Broken; readonly onTooLarge: () => void },
): AsyncGenerator<Buffer> {
  const held: Part[] = [];
  let byteLength = 0;
  let ending: unknown;
  try {
    while (byteLength <= maxHeldBytes) {
      const next = await parts.next();
      if (next.done) break;
      held.push(next.value);
      byteLength += next.value.bytes.length;
    }
  } catch (error) {
    ending = error;
  }
  if (ending === undefined && byteLength <= maxHeldBytes) {
    const frame = Buffer.concat(held.map(({ bytes }) => bytes));
    const whole = await unzstdFrame(frame, maxContentBytes, dictionary ?? undefined).catch(() => undefined);
    if (whole === undefined) throw broken('damaged');
    if (whole !== null) {
      yield whole;
      return;
    }
  }
  if (dictionary !== null) {
    if (ending !== undefined) throw ending;
    for await (const _ of parts);
    onTooLarge();
    return;
  }
  yield* streamed(heldThen(held, parts), broken);
  if (ending !== undefined) throw ending;
}

async function* heldThen(held: readonly Part[], parts: AsyncGenerator<Part>): AsyncGenerator<Part> {
  yield* held;
  yield* parts;
}

async function* streamed(parts: AsyncIterable<Part>, broken: Broken): AsyncGenerator<Buffer> {
  let out: Buffer[] = [];
  const decoder = new Decompress((bytes) => {
    // fzstd hands out views of memory that it uses again.
    out.push(Buffer.from(bytes));
  });
  for await (const { bytes, isLast } of parts) {
    try {
      decoder.push(bytes, isLast);
    } catch {
      throw broken('damaged');
    }
    yield* out;
    out = [];
  }
}
