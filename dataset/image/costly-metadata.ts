/**
 * Metadata that cost readers more than they weigh. EXIF blocks (CIPA DC-008, TIFF 6.0) whose directories lead back to themselves, whose
 * values lie over one another, or which have tags without end: libexif, which libvips asks, takes seconds for 100 KB of that, and a
 * reader of values gigabytes. Segments of a JPEG by the million, each of which libjpeg keeps; texts of a PNG that unfold to gigabytes; frames of a
 * WebP by the ten thousand, for each of which libwebp counts from the first. They are made unreadable before anything
 * else looks at them; no camera and no editor writes such a file.
 */
import type { ImageFormat } from './sniff.ts';

/** Ours: cameras write 40 to 200 tags. */
const maxEntries = 2000;

/** Ours: values do not share bytes, so a block that is not made to cost has at most its own length of them. */
const valueBytesBeside = 131_072;
const maxValueShare = 2;

/** Ours: a picture has one block, and in AVIF bytes that look like one may be anything. Those beyond are made unreadable unseen. */
const maxBlocks = 64;

/** Ours: a colour profile of 255 segments, the most there may be, and as many of XMP and others. */
const maxSegments = 1000;

/** Ours: texts of a PNG that may be compressed; ImageMagick writes one for each of four profiles. libspng unfolds 8 MB of each. */
const maxPackedTexts = 8;

/** Ours: a minute of animation has 1,500 frames. Only the first is looked at; 20,000 take two seconds at each opening, and four times that for twice as many. */
const maxFrames = 2000;

/** Exif, GPS and interoperability directories. */
const pointerTags: ReadonlySet<number> = new Set([0x8769, 0x8825, 0xa005]);

/** Bytes of a value of each TIFF type. */
const typeBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];

/**
 * Whether a block, from its byte order on (`II*\0` or `MM\0*`), can be read in time linear in its length. What lies outside of the
 * bytes is left out. Looks at 2,000 entries at most.
 */
export function isPlainExif(tiff: Buffer): boolean {
  if (!isTiff(tiff, 0) || tiff.length < 8) return true; // nobody reads it
  const isLittle = tiff[0] === 0x49;
  const u16 = (at: number): number => (isLittle ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const u32 = (at: number): number => (isLittle ? tiff.readUInt32LE(at) : tiff.readUInt32BE(at));
  const first = u32(4);
  const directories = [first];
  const known = new Set(directories);
  let entries = 0;
  let valueBytes = 0;
  for (let at = directories.pop(); at !== undefined; at = directories.pop()) {
    if (at + 2 > tiff.length) continue;
    const count = u16(at);
    entries += Math.min(count, Math.floor((tiff.length - at - 2) / 12));
    if (entries > maxEntries) return false;
    for (let entry = at + 2, i = 0; i < count && entry + 12 <= tiff.length; i++, entry += 12) {
      const value = u32(entry + 8);
      if (pointerTags.has(u16(entry))) {
        if (known.has(value)) return false;
        known.add(value);
        directories.push(value);
      }
      const length = (typeBytes[u16(entry + 2)] ?? 1) * u32(entry + 4);
      if (length > 4 && value < tiff.length) valueBytes += Math.min(length, tiff.length - value);
    }
    if (valueBytes > valueBytesBeside + maxValueShare * Math.min(tiff.length, 1_000_000)) return false;
    const end = at + 2 + 12 * count;
    // Readers follow the first directory to the thumbnail's, and no further.
    const next = at === first && end + 4 <= tiff.length ? u32(end) : 0;
    if (next !== 0 && !known.has(next)) {
      known.add(next);
      directories.push(next);
    }
  }
  return true;
}

/** The same buffer, or a copy without costly metadata. Linear in the file. */
export function withoutCostlyMetadata(file: Buffer, format: ImageFormat | null): Buffer {
  if (format === null || format === 'gif') return file;
  const small =
    format === 'jpg'
      ? withoutMany(file, metadataSegments, maxSegments)
      : format === 'png'
        ? withoutMany(file, packedTexts, maxPackedTexts)
        : format === 'webp'
          ? withoutLaterFrames(file)
          : file;
  let bytes = small;
  let known = 0;
  for (const [start, end] of blocksOf[format](small)) {
    known += 1;
    if (known <= maxBlocks && isPlainExif(small.subarray(start, end))) continue;
    if (bytes === file) bytes = Buffer.from(file);
    bytes.fill(0, start, start + 4); // without a byte order it is no EXIF
  }
  return bytes;
}

/** Application segments and comments of a JPEG, but for JFIF's and Adobe's, which say what the colours are. */
function* metadataSegments(bytes: Buffer): Generator<Piece> {
  for (const { marker, at, end } of jpegSegments(bytes)) {
    if (marker === 0xfe || (marker > 0xe0 && marker <= 0xef && marker !== 0xee)) yield { at, end };
  }
}

/** Texts of a PNG that may be compressed. */
function* packedTexts(bytes: Buffer): Generator<Piece> {
  for (const { type, at, end } of pngChunks(bytes)) if (type === zTXt || type === iTXt) yield { at, end };
}

interface Piece {
  readonly at: number;
  readonly end: number;
}

/** The same buffer, or a copy without these pieces where they are more than `most`. */
function withoutMany(file: Buffer, pieces: (bytes: Buffer) => Iterable<Piece>, most: number): Buffer {
  let count = 0;
  for (const _ of pieces(file)) {
    count += 1;
    if (count > most) break;
  }
  if (count <= most) return file;
  const kept = Buffer.allocUnsafe(file.length);
  let length = 0;
  let from = 0;
  for (const { at, end } of pieces(file)) {
    length += file.copy(kept, length, from, at);
    from = end;
  }
  length += file.copy(kept, length, from);
  return kept.subarray(0, length);
}

/** The same buffer, or a copy that ends where a frame begins that is one too many. */
function withoutLaterFrames(file: Buffer): Buffer {
  let frames = 0;
  for (const { type, at } of riffChunks(file)) {
    if (type === ANMF) frames += 1;
    if (frames <= maxFrames) continue;
    const cut = Buffer.from(file.subarray(0, at));
    cut.writeUInt32LE(at - 8, 4);
    return cut;
  }
  return file;
}

interface Segment extends Piece {
  readonly marker: number;
}

/** The segments of a JPEG before its first scan. */
function* jpegSegments(bytes: Buffer): Generator<Segment> {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) at += 2;
    else if (marker === 0xd9 || marker === 0xda) return;
    else {
      const end = Math.min(Math.max(at + 2 + bytes.readUInt16BE(at + 2), at + 4), bytes.length);
      yield { marker, at, end };
      at = end;
    }
  }
}

const eXIf = 0x65584966;
const zTXt = 0x7a545874;
const iTXt = 0x69545874;

/** The chunks of a PNG, from a chunk's length to its checksum's end. */
function* pngChunks(bytes: Buffer): Generator<{ readonly type: number; readonly at: number; readonly end: number }> {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = Math.min(at + 12 + bytes.readUInt32BE(at), bytes.length);
    yield { type: bytes.readUInt32BE(at + 4), at, end };
    at = end;
  }
}

const ANMF = 0x414e4d46;
const EXIF = 0x45584946;

/** The chunks of a WebP (RIFF), from a chunk's name to the end of its data. */
function* riffChunks(bytes: Buffer): Generator<Piece & { readonly type: number }> {
  for (let at = 12; at + 8 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32LE(at + 4);
    yield { type: bytes.readUInt32BE(at), at, end: Math.min(end, bytes.length) };
    at = end + (end % 2);
  }
}

type Blocks = (bytes: Buffer) => Generator<readonly [start: number, end: number]>;

/** Where blocks lie, from their byte order to their end. */
const blocksOf: Readonly<Record<'jpg' | 'png' | 'webp' | 'avif', Blocks>> = {
  *jpg(bytes) {
    for (const { marker, at, end } of jpegSegments(bytes)) {
      if (marker === 0xe1 && isTiff(bytes, at + 10)) yield [at + 10, end];
    }
  },
  *png(bytes) {
    for (const { type, at, end } of pngChunks(bytes)) if (type === eXIf) yield [at + 8, end];
  },
  *webp(bytes) {
    for (const { type, at, end } of riffChunks(bytes)) {
      if (type !== EXIF) continue;
      const named = bytes.toString('latin1', at + 8, at + 14) === 'Exif\0\0' ? 6 : 0;
      yield [at + 8 + named, end];
    }
  },
  // A block is an item, of which only tables far away say where it is.
  *avif(bytes) {
    for (const mark of ['II*\0', 'MM\0*']) {
      for (let at = bytes.indexOf(mark, 0, 'latin1'); at !== -1; at = bytes.indexOf(mark, at + 4, 'latin1')) {
        yield [at, bytes.length];
      }
    }
  },
};

function isTiff(bytes: Buffer, at: number): boolean {
  const head = bytes.toString('latin1', at, at + 4);
  return head === 'II*\0' || head === 'MM\0*';
}
