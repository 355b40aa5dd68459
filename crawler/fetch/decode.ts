/**
 * Bytes to a measured image: the real format by its first bytes, whatever the server called it; a full decode under a cap
 * on pixels, so that a cut-off or broken file is known now; width and height as shown, frames, SHA-256, perceptual hash.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { Reason } from '../policy/reasons.ts';
import { jpegHeader } from './jpeg-header.ts';
import { hashSidePx, perceptualHash } from './phash.ts';

/** Pillow's and LAION's limit against decompression bombs. */
const maxPixels = 89_478_485;

sharp.cache(false);
sharp.concurrency(1);

export interface Decoded {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly sha256: string;
  readonly phash: string;
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

/** Decodes and measures, or says why not: `not-an-image`, `too-many-pixels`, `broken-image`. */
export async function decodeImage(bytes: Buffer): Promise<Decoded | { readonly reason: Reason }> {
  const format = sniffFormat(bytes);
  if (format === null) return { reason: 'not-an-image' };
  try {
    const image = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error' });
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
    };
  } catch (error) {
    return { reason: /pixel limit/i.test((error as Error).message) ? 'too-many-pixels' : 'broken-image' };
  }
}
