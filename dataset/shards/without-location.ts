/**
 * Takes from an image file what says where it was made and with what settings of the camera's maker: the GPS position and the maker
 * note of EXIF (CIPA DC-008), and GPS properties of XMP. The bytes are blanked in their places, so pixels, orientation, artist and
 * copyright stay as they are; a PNG loses the whole chunk where a tool has packed EXIF or XMP as text. Names of cities and persons in XMP
 * and IPTC are the author's description and stay. Every format is handled, since EXIF and XMP blocks look alike in all of them.
 */
import { crc32 } from 'node:zlib';
import { isPlainExif } from '../image/costly-metadata.ts';

/** A file has one or two; a thumbnail or a second picture may have its own. */
const maxBlocks = 64;

const gpsTag = 0x8825;
const exifTag = 0x8769;
const makerNoteTag = 0x927c;

/** Bytes of a value of each TIFF type. */
const typeBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];

/** The same buffer where there is nothing to take. Linear in the file's length. */
export function withoutLocation(file: Buffer): Buffer {
  const bytes = Buffer.from(file);
  const isPng = bytes.subarray(0, 8).equals(pngSignature);
  const kept = isPng ? withoutTextBlocks(bytes) : bytes;
  let changed = kept.length !== bytes.length;
  for (const at of tiffBlocks(kept)) changed = blankTiff(kept, at) || changed;
  changed = blankXmp(kept) || changed;
  if (!changed) return file;
  if (isPng) for (const chunk of pngChunks(kept)) kept.writeUInt32BE(crcOf(kept, chunk), chunk.at + 8 + chunk.length);
  return kept;
}

/** Where EXIF blocks begin: behind `Exif\0\0` in JPEG, HEIF and WebP, and at the beginning of their chunk in WebP and PNG. */
function tiffBlocks(bytes: Buffer): number[] {
  const found = new Set<number>();
  for (const mark of ['Exif\0\0', 'EXIF', 'eXIf']) {
    const skip = mark === 'EXIF' ? 8 : mark.length; // a RIFF chunk's length stands between
    for (
      let at = bytes.indexOf(mark, 0, 'latin1');
      at !== -1 && found.size < maxBlocks;
      at = bytes.indexOf(mark, at + 1, 'latin1')
    ) {
      if (isTiff(bytes, at + skip)) found.add(at + skip);
    }
  }
  return [...found];
}

function isTiff(bytes: Buffer, at: number): boolean {
  const head = bytes.toString('latin1', at, at + 4);
  return head === 'II*\0' || head === 'MM\0*';
}

/** Removes maker note and GPS directory from a block; says whether there was one. Places outside of the file are left alone. */
function blankTiff(file: Buffer, start: number): boolean {
  const bytes = file.subarray(start);
  if (!isPlainExif(bytes)) {
    bytes.fill(0, 0, 4); // without a byte order nobody reads what it says
    return true;
  }
  const isLittle = bytes[0] === 0x49;
  const u16 = (at: number): number =>
    at + 2 > bytes.length ? 0 : isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  const u32 = (at: number): number =>
    at + 4 > bytes.length ? 0 : isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const setU16 = (at: number, value: number): number =>
    isLittle ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
  const entriesOf = (directory: number): number[] => {
    const room = Math.floor((bytes.length - directory - 2) / 12);
    const count = Math.max(0, Math.min(u16(directory), room));
    return directory < 8 ? [] : Array.from({ length: count }, (_, i) => directory + 2 + 12 * i);
  };
  const blankValue = (entry: number): void => {
    const length = (typeBytes[u16(entry + 2)] ?? 1) * u32(entry + 4);
    if (length <= 4) return;
    const at = u32(entry + 8);
    if (at >= 8 && at < bytes.length) bytes.fill(0, at, Math.min(bytes.length, at + length));
  };
  /** The entries behind it move up, and the place of the next directory with them. */
  const removeEntry = (directory: number, entry: number): void => {
    const end = directory + 2 + 12 * u16(directory) + 4;
    if (end > bytes.length) return void bytes.fill(0, entry + 2, entry + 12);
    bytes.copyWithin(entry, entry + 12, end);
    bytes.fill(0, end - 12, end);
    setU16(directory, Math.max(u16(directory) - 1, 0)); // a value may lie over the count
  };
  const takeFrom = (directory: number, tag: number, blank: (entry: number) => void): boolean => {
    let taken = false;
    for (const entry of entriesOf(directory).reverse()) {
      if (u16(entry) !== tag) continue;
      blank(entry);
      removeEntry(directory, entry);
      taken = true;
    }
    return taken;
  };
  const blankDirectory = (entry: number): void => {
    const directory = u32(entry + 8);
    for (const one of entriesOf(directory)) {
      blankValue(one);
      bytes.fill(0, one, one + 12);
    }
    if (directory >= 8 && directory + 2 <= bytes.length) setU16(directory, 0);
  };
  let taken = false;
  let directory = u32(4);
  for (let count = 0; count < 4 && directory !== 0; count += 1) {
    for (const entry of entriesOf(directory)) {
      if (u16(entry) === exifTag) taken = takeFrom(u32(entry + 8), makerNoteTag, blankValue) || taken;
    }
    taken = takeFrom(directory, gpsTag, blankDirectory) || taken;
    taken = takeFrom(directory, makerNoteTag, blankValue) || taken;
    directory = u32(directory + 2 + 12 * u16(directory));
  }
  return taken;
}

/** `exif:GPSLatitude="…"`, `<exif:GPSLatitude>…</exif:GPSLatitude>`, and those that makers of drones write. */
const gpsProperty =
  /(?<=\s)[\w-]{1,40}:gps\w{1,60}\s?=\s?(?:"[^"]{0,400}"|'[^']{0,400}')|<([\w-]{1,40}:gps\w{1,60})(?:\s[^<>]{0,400})?>[^<]{0,400}<\/\1>/gi;

/** Puts spaces in the place of GPS properties of every XMP packet. */
function blankXmp(bytes: Buffer): boolean {
  let changed = false;
  let packets = 0;
  for (let from = bytes.indexOf('<x:xmpmeta'); from !== -1 && packets < maxBlocks; packets += 1) {
    const close = bytes.indexOf('</x:xmpmeta>', from);
    const end = close === -1 ? bytes.length : close;
    const text = bytes.toString('latin1', from, end);
    for (const match of text.matchAll(gpsProperty)) {
      bytes.fill(0x20, from + match.index, from + match.index + match[0].length);
      changed = true;
    }
    from = bytes.indexOf('<x:xmpmeta', end);
  }
  return changed;
}

const pngSignature = Buffer.from('89504e470d0a1a0a', 'hex');

interface PngChunk {
  readonly at: number;
  readonly length: number;
  readonly type: string;
}

function* pngChunks(bytes: Buffer): Generator<PngChunk> {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    if (at + 12 + length > bytes.length) return;
    yield { at, length, type: bytes.toString('latin1', at + 4, at + 8) };
    at += 12 + length;
  }
}

const crcOf = (bytes: Buffer, { at, length }: PngChunk): number => crc32(bytes.subarray(at + 4, at + 8 + length));

/** ImageMagick packs profiles as text in hexadecimal, compressed or not; XMP may be compressed as well. */
function withoutTextBlocks(bytes: Buffer): Buffer {
  const gone = [...pngChunks(bytes)].filter(({ at, length, type }) => {
    if (type !== 'tEXt' && type !== 'zTXt' && type !== 'iTXt') return false;
    const text = bytes.subarray(at + 8, at + 8 + Math.min(length, 100));
    const keyword = text.toString('latin1', 0, Math.max(0, text.indexOf(0)));
    if (/^Raw profile type (exif|app1|xmp)$/i.test(keyword)) return true;
    return type === 'iTXt' && keyword === 'XML:com.adobe.xmp' && text[keyword.length + 1] === 1;
  });
  if (gone.length === 0) return bytes;
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { at, length } of gone) {
    pieces.push(bytes.subarray(from, at));
    from = at + 12 + length;
  }
  return Buffer.concat([...pieces, bytes.subarray(from)]);
}
