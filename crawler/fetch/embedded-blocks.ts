/**
 * The blocks of a picture that may say what its author allows: XMP packets and C2PA manifest stores (JUMBF), by format. Nothing is
 * decoded. XMP: ISO 16684-1 and the XMP specification, part 3. C2PA: technical specification 2.2, annex A. A file that breaks off
 * keeps what came before; what is no block of either kind is stepped over, so the time is linear in the file.
 */
import { inflateSync } from 'node:zlib';
import sharp from 'sharp';
import { withoutCostlyMetadata } from '../../dataset/image/costly-metadata.ts';
import type { ImageFormat } from '../../dataset/image/sniff.ts';

export interface EmbeddedBlocks {
  readonly xmp: readonly Buffer[];
  readonly jumbf: readonly Buffer[];
}

/** Ours: packets with long edit histories have a few MB. Compressed ones of a file that unfold to more together are left out. */
const maxInflatedBytes = 8_000_000;

/** Ours: packets or manifest stores of one file: there is one, and room for what is odd. */
const maxBlocks = 20;

interface Found {
  readonly xmp: Buffer[];
  readonly jumbf: Buffer[];
}

/** The blocks of a picture whose format its first bytes tell. */
export async function embeddedBlocks(bytes: Buffer, format: ImageFormat): Promise<EmbeddedBlocks> {
  const found: Found = { xmp: [], jumbf: [] };
  if (format === 'jpg') readJpeg(bytes, found);
  else if (format === 'png') readPng(bytes, found);
  else if (format === 'webp') readWebp(bytes, found);
  else if (format === 'gif') readGif(bytes, found);
  else {
    readBoxes(bytes, found);
    // In AVIF the packet is an item, for which libvips reads the tables.
    const xmp = await itemXmp(bytes);
    if (xmp) addBlock(found.xmp, xmp);
  }
  return found;
}

const standardXmp = Buffer.from('http://ns.adobe.com/xap/1.0/\0', 'latin1');
const extendedXmp = Buffer.from('http://ns.adobe.com/xmp/extension/\0', 'latin1');

/** A part of a block that is spread over several segments. */
interface Part {
  readonly at: number;
  readonly bytes: Buffer;
}

function addPart(parts: Map<string, Part[]>, key: string, part: Part): void {
  const known = parts.get(key);
  if (known) known.push(part);
  else if (parts.size < maxBlocks) parts.set(key, [part]);
}

function addBlock(blocks: Buffer[], block: Buffer): void {
  if (blocks.length < maxBlocks) blocks.push(block);
}

const joined = (parts: Part[]): Buffer => Buffer.concat(parts.sort((a, b) => a.at - b.at).map(({ bytes }) => bytes));

/** APP1 has a packet, and more of it in segments of 64 KB; APP11 has boxes, cut into segments that repeat the box's header. */
function readJpeg(bytes: Buffer, found: Found): void {
  const extended = new Map<string, Part[]>();
  const boxes = new Map<string, Part[]>();
  for (let at = 2; at + 4 <= bytes.length; ) {
    if (bytes[at] !== 0xff) break;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) break;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    const length = bytes.readUInt16BE(at + 2);
    if (length < 2) break;
    const segment = bytes.subarray(at + 4, at + 2 + length);
    at += 2 + length;
    if (marker === 0xe1 && startsWith(segment, standardXmp)) addBlock(found.xmp, segment.subarray(standardXmp.length));
    else if (marker === 0xe1 && startsWith(segment, extendedXmp)) {
      const start = extendedXmp.length;
      if (segment.length < start + 40) continue;
      const guid = segment.toString('latin1', start, start + 32);
      addPart(extended, guid, { at: segment.readUInt32BE(start + 36), bytes: segment.subarray(start + 40) });
    } else if (marker === 0xeb && segment.length > 16 && segment.toString('latin1', 0, 2) === 'JP') {
      const sequence = segment.readUInt32BE(4);
      const header = segment.readUInt32BE(8) === 1 ? 16 : 8;
      const instance = `${segment.readUInt16BE(2)} ${segment.toString('latin1', 8, 8 + header)}`;
      addPart(boxes, instance, { at: sequence, bytes: segment.subarray(sequence > 1 ? 8 + header : 8) });
    }
  }
  for (const parts of extended.values()) addBlock(found.xmp, joined(parts));
  for (const parts of boxes.values()) addBlock(found.jumbf, joined(parts));
}

const startsWith = (bytes: Buffer, start: Buffer): boolean => bytes.subarray(0, start.length).equals(start);

/** XMP is in `iTXt`, of old ImageMagick as hexadecimal digits in `tEXt` or `zTXt`; C2PA in `caBX`. */
function readPng(bytes: Buffer, found: Found): void {
  let room = maxInflatedBytes;
  const inflated = (packed: Buffer): Buffer | null => {
    try {
      const plain = inflateSync(packed, { maxOutputLength: Math.max(room, 1) });
      room -= plain.length;
      return plain;
    } catch (error) {
      // A packet too many takes what is left, or each would be unfolded in vain.
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') room = 0;
      return null;
    }
  };
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const data = bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
    if (type === 'caBX') addBlock(found.jumbf, data);
    else if (found.xmp.length < maxBlocks && (type === 'iTXt' || type === 'tEXt' || type === 'zTXt')) {
      const text = pngXmp(type, data, inflated);
      if (text !== null) addBlock(found.xmp, text);
    }
  }
}

function pngXmp(
  type: 'iTXt' | 'tEXt' | 'zTXt',
  data: Buffer,
  inflated: (packed: Buffer) => Buffer | null,
): Buffer | null {
  const end = data.subarray(0, 80).indexOf(0);
  const keyword = data.toString('latin1', 0, Math.max(end, 0));
  if (keyword !== 'XML:com.adobe.xmp' && keyword !== 'Raw profile type xmp') return null;
  let text = data.subarray(end + 1);
  let isCompressed = type === 'zTXt';
  if (type === 'iTXt') {
    isCompressed = text[0] === 1;
    const language = text.indexOf(0, 2);
    const translated = language === -1 ? -1 : text.indexOf(0, language + 1);
    if (translated === -1) return null;
    text = text.subarray(translated + 1);
  } else if (isCompressed) text = text.subarray(1);
  const plain = isCompressed ? inflated(text) : text;
  if (plain === null || keyword === 'XML:com.adobe.xmp') return plain;
  // A name, a length, and the digits.
  const [, digits = ''] = /^\s*\w+\s+\d+\s([\s\da-f]*)/i.exec(plain.toString('latin1')) ?? [];
  return Buffer.from(digits.replace(/\s/g, ''), 'hex');
}

/** RIFF chunks `XMP ` and `C2PA`. */
function readWebp(bytes: Buffer, found: Found): void {
  for (let at = 12; at + 8 <= bytes.length; ) {
    const type = bytes.toString('latin1', at, at + 4);
    const length = bytes.readUInt32LE(at + 4);
    const data = bytes.subarray(at + 8, at + 8 + length);
    at += 8 + length + (length % 2);
    if (type === 'XMP ') addBlock(found.xmp, data);
    else if (type === 'C2PA') addBlock(found.jumbf, data);
  }
}

/**
 * Application extensions. XMP stands there as it is, not cut into sub-blocks: read as such it leads into the magic trailer of
 * 258 bytes that ends the chain.
 */
function readGif(bytes: Buffer, found: Found): void {
  const tableLength = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));
  for (let at = 13 + tableLength(bytes[10] ?? 0); at + 2 <= bytes.length; ) {
    if (bytes[at] === 0x2c) {
      at = afterSubBlocks(bytes, at + 11 + tableLength(bytes[at + 9] ?? 0));
      continue;
    }
    if (bytes[at] !== 0x21) break;
    const name = bytes[at + 1] === 0xff ? bytes.toString('latin1', at + 3, at + 11) : '';
    const start = at + 3 + (bytes[at + 2] ?? 0);
    const end = afterSubBlocks(bytes, start);
    if (name === 'XMP Data') addBlock(found.xmp, bytes.subarray(start, end));
    else if (name === 'C2PA_GIF') addBlock(found.jumbf, subBlocks(bytes, start, end));
    at = name === '' ? afterSubBlocks(bytes, at + 2) : end;
  }
}

function afterSubBlocks(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== 0) at += 1 + bytes[at]!;
  return at + 1;
}

function subBlocks(bytes: Buffer, start: number, end: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = start; at < end && (bytes[at] ?? 0) !== 0; at += 1 + bytes[at]!) {
    parts.push(bytes.subarray(at + 1, at + 1 + bytes[at]!));
  }
  return Buffer.concat(parts);
}

const xmpUuid = 'be7acfcb97a942e89c71999491e3afac';
const c2paUuid = 'd8fec3d61b0e483c92975828877ec481';

/** `uuid` boxes of an ISO base media file. */
function readBoxes(bytes: Buffer, found: Found): void {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const short = bytes.readUInt32BE(at);
    const header = short === 1 ? 16 : 8;
    if (at + header > bytes.length) break;
    const length = short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? bytes.length - at : short;
    if (length < header) break;
    const data = bytes.subarray(at + header, at + length);
    if (bytes.toString('latin1', at + 4, at + 8) === 'uuid') {
      const uuid = data.toString('hex', 0, 16);
      if (uuid === xmpUuid) addBlock(found.xmp, data.subarray(16));
      // Version and flags, a purpose that ends with a zero, an offset of 8 bytes.
      else if (uuid === c2paUuid) {
        const end = data.indexOf(0, 20);
        if (end !== -1) addBlock(found.jumbf, data.subarray(end + 9));
      }
    }
    at += length;
  }
}

async function itemXmp(bytes: Buffer): Promise<Buffer | undefined> {
  try {
    return (await sharp(withoutCostlyMetadata(bytes, 'avif'), { failOn: 'none' }).metadata()).xmp;
  } catch {
    return undefined;
  }
}
