/**
 * Bytes to a measured image: the real format by its first bytes, whatever the server called it; a full decode under a cap
 * on pixels, so that a cut-off or broken file is known now; width and height as shown, frames, SHA-256, perceptual hash.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { jpegHeader } from './jpeg-header.ts';
import { hashSidePx, perceptualHash } from './phash.ts';

/**
 * Ours: the share of its rows that a damaged picture shows at least. Chromium shows any row that it can decode; a picture of
 * which less is there is not what its text describes.
 */
const minShownShare = 0.5;

/** Rows that a damaged picture is looked at in. */
const shownRows = 64;

/** Pillow's and LAION's limit against decompression bombs. */
const maxPixels = 89_478_485;

/** Why bytes are no picture that can be used. */
export type ImageFault =
  | 'not-an-image'
  | `unsupported-format-${'svg' | 'jp2' | 'jxl' | 'ico' | 'bmp' | 'tiff' | 'heic'}`
  | 'broken-image'
  | 'too-many-pixels';

sharp.cache(false);
sharp.concurrency(1);

export interface Decoded {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly sha256: string;
  readonly phash: string;
  /** The file is cut or has a wrong checksum: browsers show it all the same, perhaps not to its last row. */
  readonly damaged: boolean;
}

/** Formats that browsers or cameras have and libvips, as sharp brings it, has not, by their first bytes in hexadecimal digits. */
const unsupported: readonly (readonly [start: RegExp, reason: ImageFault])[] = [
  [/^.{8}66747970(?:686569|686576|6d696631|6d736631)/, 'unsupported-format-heic'], // ftyp hei? hev? mif1 msf1
  [/^(?:49492[ab]00|4d4d002[ab])/, 'unsupported-format-tiff'],
  [/^424d.{8}00000000/, 'unsupported-format-bmp'],
  [/^00000[12]00(?!00)..00/, 'unsupported-format-ico'], // icons and cursors
  [/^(?:ff0a|0000000c4a584c20)/, 'unsupported-format-jxl'],
  [/^(?:ff4fff51|0000000c6a502020)/, 'unsupported-format-jp2'],
];

/** What bytes are that are no image which the project reads. */
function otherFormat(bytes: Buffer): ImageFault {
  const start = bytes.toString('latin1', 0, 1024);
  if (/^(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!DOCTYPE svg|svg)/.test(start) && /<svg[\s>]/.test(start)) {
    return 'unsupported-format-svg';
  }
  const digits = bytes.toString('hex', 0, 16);
  return unsupported.find(([pattern]) => pattern.test(digits))?.[1] ?? 'not-an-image';
}

/** Null when the bytes do not begin like an image that the project reads; SVG is none, since it is a program. */
export function sniffFormat(bytes: Buffer): 'jpg' | 'png' | 'gif' | 'webp' | 'avif' | null {
  if (bytes.length < 12) return null;
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpg';
  if (bytes.readUInt32BE(0) === 0x89504e47 && bytes.readUInt32BE(4) === 0x0d0a1a0a) return 'png';
  const start = bytes.toString('latin1', 0, 12);
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'gif';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'webp';
  if (start.slice(4, 8) === 'ftyp' && /avi[fs]/.test(bytes.toString('latin1', 8, 40))) return 'avif';
  return null;
}

/**
 * Decodes and measures, or says why not: `not-an-image`, `unsupported-format-…`, `too-many-pixels`, `broken-image`. A damaged
 * picture that shows most of itself counts, as it does for browsers.
 */
export async function decodeImage(bytes: Buffer): Promise<Decoded | { readonly reason: ImageFault }> {
  const format = sniffFormat(bytes);
  if (format === null) return { reason: otherFormat(bytes) };
  try {
    return await measure(bytes, format, 'error');
  } catch (error) {
    if (/pixel limit/i.test((error as Error).message)) return { reason: 'too-many-pixels' };
  }
  try {
    return (await shownShare(bytes)) >= minShownShare
      ? await measure(bytes, format, 'none')
      : { reason: 'broken-image' };
  } catch {
    return { reason: 'broken-image' };
  }
}

async function measure(
  bytes: Buffer,
  format: string,
  failOn: 'error' | 'none',
): Promise<Decoded | { readonly reason: ImageFault }> {
  const image = sharp(bytes, { limitInputPixels: maxPixels, failOn });
  const header = format === 'jpg' ? jpegHeader(bytes) : null;
  const { width, height, orientation = 1, pages = 1 } = header ? { ...header, pages: 1 } : await image.metadata();
  if (width * height > maxPixels) return { reason: 'too-many-pixels' };
  // Each step costs some 0.1 ms, whatever the image: only those that change something.
  if (orientation > 1) image.autoOrient();
  if (header === null) image.flatten({ background: '#fff' });
  const grey = await image
    .resize(hashSidePx, hashSidePx, { fit: 'fill' })
    .grayscale()
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const turned = orientation >= 5;
  return {
    format,
    width: turned ? height : width,
    height: turned ? width : height,
    frames: pages,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    phash: perceptualHash(grey),
    damaged: failOn === 'none',
  };
}

/** The share of a damaged picture's rows above the plain area that decoders leave where data is missing. */
async function shownShare(bytes: Buffer): Promise<number> {
  const rowPx = 16;
  const grey = await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'none' })
    .flatten({ background: '#fff' })
    .resize(rowPx, shownRows, { fit: 'fill', kernel: 'nearest' })
    .grayscale()
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  let end = grey.length;
  const fill = grey[end - 1]!;
  while (end > 0 && grey[end - 1] === fill) end -= 1;
  return Math.ceil(end / rowPx) / shownRows;
}
