/**
 * What is inside a file that is gzip, Zstandard or neither, told by its first bytes and not by its name, as it comes and with bounded
 * memory. Archives are many members (RFC 1952) or frames (RFC 8878) in a row, as a rule one a record, and every piece says in which
 * one it lies, so that a reader finds the next record after a damaged one and can say where in the file something is. A
 * `.warc.zst` may begin with a frame that holds the dictionary of all others (IIPC, "Zstandard Compression for WARC Files 1.0").
 */
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { isSkippable } from '../../dataset/shards/zstd-frame.ts';
import { type Broken, BrokenArchive, type Member } from './broken-archive.ts';
import { ByteReader } from './byte-reader.ts';
import { type OnSkippedFrame, zstdMembers } from './zstd-members.ts';

/** Bytes that follow each other within one member. */
export interface Piece {
  readonly bytes: Buffer;
  /** Where the member begins in the file; in a file that is not compressed, where these bytes do. */
  readonly memberOffset: number;
  /** Whether these are the first bytes of a member. A file that is not compressed has none. */
  readonly isStart: boolean;
}

const chunkBytes = 65_536;
/** So many bytes of a member come together, where it has them. */
const firstBytes = 16;

/** Throws a BrokenArchive where the file breaks off or is damaged; what came before was handed out. */
export async function* archivePieces(
  source: AsyncIterable<Uint8Array>,
  onSkippedFrame: OnSkippedFrame = () => {},
): AsyncGenerator<Piece> {
  const input = new ByteReader(source);
  try {
    const first = await input.peek(8);
    if (isGzip(first)) yield* members(input, gzipMember);
    else if (isZstd(first)) yield* members(input, zstdMembers(onSkippedFrame));
    else yield* plain(input);
  } finally {
    await input.close();
  }
}

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;
const isZstd = (bytes: Buffer): boolean =>
  isSkippable(bytes) || (bytes.length >= 4 && bytes.readUInt32LE(0) === 0xfd2fb528);

async function* plain(input: ByteReader): AsyncGenerator<Piece> {
  for (;;) {
    const memberOffset = input.offset;
    const bytes = await input.take(chunkBytes);
    if (bytes === null) return;
    yield { bytes, memberOffset, isStart: false };
  }
}

async function* members(input: ByteReader, member: Member): AsyncGenerator<Piece> {
  for (;;) {
    const memberOffset = input.offset;
    if ((await input.peek(1)).length === 0) return;
    let isStart = true;
    let waiting: Buffer[] = [];
    let waitingBytes = 0;
    for await (const bytes of member(input, memberOffset)) {
      if (bytes.length === 0) continue;
      if (!isStart) {
        yield { bytes, memberOffset, isStart };
        continue;
      }
      waiting.push(bytes);
      waitingBytes += bytes.length;
      if (waitingBytes < firstBytes) continue;
      yield { bytes: Buffer.concat(waiting), memberOffset, isStart };
      waiting = [];
      isStart = false;
    }
    if (waiting.length > 0) yield { bytes: Buffer.concat(waiting), memberOffset, isStart };
  }
}

/** One member of a gzip file (RFC 1952 §2.3), its checksum compared. */
async function* gzipMember(input: ByteReader, memberOffset: number): AsyncGenerator<Buffer> {
  const broken: Broken = (reason) => new BrokenArchive(reason, memberOffset);
  await gzipHeader(input, broken);
  let checksum = 0;
  let byteLength = 0;
  const whole = shortContent(input);
  for await (const bytes of whole === null ? inflated(input, broken) : [whole]) {
    checksum = crc32(bytes, checksum);
    byteLength += bytes.length;
    yield bytes;
  }
  const trailer = await input.exactly(8);
  if (trailer === null) throw broken('cut');
  if (trailer.readUInt32LE(0) !== checksum || trailer.readUInt32LE(4) !== byteLength % 2 ** 32) throw broken('damaged');
}

/** Ours: names and comments are short; lait's own longest takes the place of a page. */
const maxGzipFieldBytes = 100_000_000;

async function gzipHeader(input: ByteReader, broken: Broken): Promise<void> {
  const fixed = await input.exactly(10);
  if (fixed === null) {
    const rest = await input.peek(2);
    throw broken(rest.length < 2 || isGzip(rest) ? 'cut' : 'damaged');
  }
  if (!isGzip(fixed) || fixed[2] !== 8) throw broken('damaged');
  const flags = fixed[3]!;
  if (flags & 4) {
    const size = await input.exactly(2);
    if (size === null || (await input.exactly(size.readUInt16LE(0))) === null) throw broken('cut');
  }
  for (const flag of [8, 16]) if (flags & flag) await skipZeroEnded(input, broken);
  if (flags & 2 && (await input.exactly(2)) === null) throw broken('cut');
}

async function skipZeroEnded(input: ByteReader, broken: Broken): Promise<void> {
  for (let skipped = 0; skipped < maxGzipFieldBytes; ) {
    const bytes = await input.take(chunkBytes);
    if (bytes === null) throw broken('cut');
    const end = bytes.indexOf(0);
    if (end !== -1) {
      input.putBack(bytes.subarray(end + 1));
      return;
    }
    skipped += bytes.length;
  }
  throw broken('damaged');
}

/** Ours: a member that is not longer, as a record's seldom is, is decoded at once; a stream for each costs far more than it does. */
const maxShortBytes = 32_768;
const maxShortContentBytes = 1_048_576;

/**
 * The content of a short deflate stream that is here already, which is taken from the input; null, and nothing is taken, for one that is
 * longer, still to come or damaged.
 */
function shortContent(input: ByteReader): Buffer | null {
  const options = { info: true, chunkSize: 16_384, maxOutputLength: maxShortContentBytes } as const;
  try {
    const { buffer, engine } = inflateRawSync(input.here(maxShortBytes), options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    input.takeHere(engine.bytesWritten);
    return buffer;
  } catch {
    return null;
  }
}

/** One deflate stream; what follows it stays in the input. */
async function* inflated(input: ByteReader, broken: Broken): AsyncGenerator<Buffer> {
  const engine = createInflateRaw({ chunkSize: chunkBytes });
  let given = 0;
  let last: Buffer = Buffer.alloc(0);
  let failure: unknown;
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    const end = (): void => {
      isOver = true;
      resolve();
    };
    engine.on('end', end).on('error', end).on('close', end);
  });
  // A chunk that the engine does not take to its end was the last of the stream.
  const feed = async (): Promise<void> => {
    while (!isOver && engine.bytesWritten === given) {
      const bytes = await input.take(chunkBytes);
      if (bytes === null) break;
      given += bytes.length;
      last = bytes;
      await Promise.race([new Promise<void>((resolve) => engine.write(bytes, () => resolve())), over]);
    }
  };
  const feeding = feed()
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => engine.end());
  try {
    yield* engine as AsyncIterable<Buffer>;
  } catch (error) {
    if (failure !== undefined) throw failure;
    throw broken((error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR' ? 'cut' : 'damaged');
  } finally {
    engine.destroy();
  }
  await feeding;
  if (failure !== undefined) throw failure;
  const unread = given - engine.bytesWritten;
  if (unread > 0) input.putBack(last.subarray(last.length - unread));
}
