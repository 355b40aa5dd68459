/**
 * The one way by which bytes from outside come into sharp: limits on pixels and on memory by the header, and no metadata that cost
 * more than they weigh. Whoever decodes a picture of the web opens it here.
 */
import sharp, { type Metadata, type Sharp } from 'sharp';
import { profileName } from './colour-profile.ts';
import { withoutCostlyMetadata } from './costly-metadata.ts';
import { maxDecodeBytes, withDecodeMemory } from './decode-memory.ts';
import { jpegHeader } from './jpeg-header.ts';
import { sniffFormat } from './sniff.ts';

/** Pillow's and LAION's limit against decompression bombs. */
export const maxPixels = 89_478_485;

/** JPEG's and GIF's. A PNG of one pixel by 80 million takes libvips ten seconds. */
const maxSidePx = 65_535;

sharp.cache(false);
sharp.concurrency(1);

/** What a picture's header says. */
export interface ImageHeader {
  /** As sharp calls it: `jpeg`, `png`, `webp`, `gif`, `heif`. */
  readonly format: string;
  /** Stored size in pixels, before orientation. */
  readonly width: number;
  readonly height: number;
  /** Exif orientation, 1 to 8; 1 when the file has none. */
  readonly orientation: number;
  readonly frames: number;
  readonly exif: Buffer | null;
  readonly icc: Buffer | null;
  /** `srgb` and `b-w` for ordinary pictures. */
  readonly space: string;
  /** Has no transparency to be laid on something. */
  readonly isOpaque: boolean;
}

/** A picture of more pixels than are decoded, or one whose decoding takes more memory than there is for it. */
export class TooManyPixels extends Error {}

/**
 * Opens a picture and hands it out while its memory is held. Throws `TooManyPixels`, and what libvips says of broken bytes. With
 * `failOn: 'none'` as much is decoded as there is.
 */
export async function withImage<T>(
  given: Buffer,
  { failOn }: { readonly failOn: 'error' | 'none' },
  use: (image: Sharp, header: ImageHeader) => Promise<T>,
): Promise<T> {
  const format = sniffFormat(given);
  const bytes = withoutCostlyMetadata(given, format);
  const image = sharp(bytes, { limitInputPixels: maxPixels, failOn });
  const known = format === 'jpg' ? jpegHeader(bytes) : null;
  const header = known === null ? headerFrom(await image.metadata()) : { ...known, ...ordinaryJpeg };
  if (header.width * header.height > maxPixels || Math.max(header.width, header.height) > maxSidePx)
    throw new TooManyPixels();
  const turnedBytes = header.orientation > 1 ? header.width * header.height * header.sampleBytes : 0;
  const byteLength = header.wholeBytes + turnedBytes;
  if (byteLength > maxDecodeBytes) throw new TooManyPixels();
  return withDecodeMemory(byteLength, () => use(image, header));
}

const ordinaryJpeg = { format: 'jpeg', frames: 1, space: 'srgb', isOpaque: true, sampleBytes: 3 } as const;

/** Grey or sRGB: with no colour profile, or one that says it is sRGB. */
export function isStandardColour({ space, icc }: Pick<ImageHeader, 'space' | 'icc'>): boolean {
  return (space === 'srgb' || space === 'b-w') && (icc === null || profileName(icc).startsWith('sRGB'));
}

interface SizedHeader extends ImageHeader {
  /** Bytes of a pixel. */
  readonly sampleBytes: number;
  /** Bytes of what the decoder holds of the whole picture, beside some rows. */
  readonly wholeBytes: number;
}

function headerFrom(meta: Metadata): SizedHeader {
  const { format, width, height, orientation = 1, pages = 1, exif = null, icc = null, space, hasAlpha } = meta;
  const sampleBytes = meta.channels * (meta.depth === 'ushort' ? 2 : 1);
  return {
    ...{ format, width, height, orientation, frames: pages, exif, icc, space },
    isOpaque: !hasAlpha,
    sampleBytes,
    wholeBytes: Math.ceil(width * height * wholeBytesOfPixel(meta, sampleBytes)),
  };
}

/** Ours, by the peak memory of pictures of 64 to 89 megapixels, rounded up. */
function wholeBytesOfPixel(
  { format, isProgressive, channels, pages = 1, bitsPerSample = 8 }: Metadata,
  sampleBytes: number,
): number {
  if (format === 'jpeg') return isProgressive ? 2 * channels : 0; // coefficients of 16 bits
  if (format === 'png') return isProgressive ? sampleBytes : 0;
  if (format === 'gif') return 4;
  if (format === 'webp') return pages > 1 ? 8 : 1;
  return bitsPerSample > 8 ? 36 : 18; // planes of the decoder, their copy, and RGB
}
