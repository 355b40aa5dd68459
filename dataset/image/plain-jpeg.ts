/**
 * The quick way for the usual picture of the web: a well-formed JPEG of grey or sRGB that stands upright, decoded by libjpeg-turbo. libvips
 * decodes it with the same pixels, but sets up a graph of objects for it that takes longer than the decoding. Every other file, and any
 * that libjpeg-turbo so much as warns about, is sharp's.
 */
import { withoutCostlyMetadata } from './costly-metadata.ts';
import { withDecodeMemory } from './decode-memory.ts';
import { type JpegHeader, jpegHeader } from './jpeg-header.ts';
import { isStandardColour, maxPixels } from './open-image.ts';
import type { Planes } from './planes.ts';
import type { Raster } from './resample.ts';
import { type Shrink, turboJpeg } from './turbo-jpeg.ts';

/** Ours: what is larger at the size at which it is asked for is left to libvips, which streams. 16 megapixels. */
const maxRasterBytes = 2 ** 26;

export interface PlainJpeg {
  readonly header: JpegHeader;
  readonly raster: Raster;
  /** By how much the raster is smaller than the picture. */
  readonly shrink: Shrink;
}

/** What of a file is decided before it is decoded. */
interface Opened {
  readonly bytes: Buffer;
  readonly header: JpegHeader;
  readonly shrink: Shrink;
  /** What decoding takes, a raster's pixels with it, which are more than planes'. */
  readonly memoryBytes: number;
}

function openPlainJpeg(given: Buffer, shrinkOf: (header: JpegHeader) => Shrink | null): Opened | null {
  const bytes = withoutCostlyMetadata(given, 'jpg');
  const header = jpegHeader(bytes);
  if (header === null || !header.isCommon || header.orientation !== 1) return null;
  const { width, height, icc, wholeBytes } = header;
  if (width * height > maxPixels || !isStandardColour({ space: 'srgb', icc })) return null;
  const shrink = shrinkOf(header);
  if (shrink === null) return null;
  const rasterBytes = 4 * Math.ceil(width / shrink) * Math.ceil(height / shrink);
  return rasterBytes > maxRasterBytes ? null : { bytes, header, shrink, memoryBytes: wholeBytes + rasterBytes };
}

/** Decodes a JPEG as much smaller as `shrinkOf` says for its size; null when it is not for this decoder. */
export async function decodePlainJpeg(
  given: Buffer,
  shrinkOf: (header: JpegHeader) => Shrink | null,
): Promise<PlainJpeg | null> {
  const turbo = turboJpeg();
  const opened = turbo === null ? null : openPlainJpeg(given, shrinkOf);
  if (turbo === null || opened === null) return null;
  const { bytes, header, shrink, memoryBytes } = opened;
  const raster = await withDecodeMemory(memoryBytes, () => turbo.decode(bytes, header, shrink));
  return raster === null ? null : { header, shrink, raster: withoutPartOfPixel(raster, header, shrink) };
}

/** The same to planes of grey or YCbCr, as much smaller; what `use` makes of them, or null. */
export async function withPlainPlanes<T>(
  given: Buffer,
  shrinkOf: (header: JpegHeader) => Shrink | null,
  use: (plain: Omit<PlainJpeg, 'raster'> & { readonly planes: Planes }) => T,
): Promise<T | null> {
  const turbo = turboJpeg();
  const opened = turbo === null ? null : openPlainJpeg(given, shrinkOf);
  if (turbo === null || opened === null) return null;
  const { bytes, header, shrink, memoryBytes } = opened;
  return withDecodeMemory(memoryBytes, () =>
    turbo.decodePlanes(bytes, header, shrink, (planes) => use({ header, shrink, planes })),
  );
}

/** As libvips does, without the last column and row where they are not wholly of the picture. */
function withoutPartOfPixel(raster: Raster, header: JpegHeader, shrink: Shrink): Raster {
  const width = Math.floor(header.width / shrink);
  const height = Math.floor(header.height / shrink);
  if (width === raster.width) return { ...raster, height };
  const pixels = Buffer.allocUnsafe(4 * width * height);
  for (let y = 0; y < height; y++) {
    const from = 4 * y * raster.width;
    pixels.set(raster.pixels.subarray(from, from + 4 * width), 4 * y * width);
  }
  return { pixels, width, height };
}

/** By how much sharp has the decoder make a picture smaller that is to be so many times smaller; null for one that is to be larger. */
export function shrinkAsSharp(times: number): Shrink | null {
  if (times < 1) return null;
  const most = times >= 8 ? 8 : times >= 4 ? 4 : times >= 2 ? 2 : 1;
  // sharp mistrusts the rounding of libjpeg where nothing would be left to resize.
  return most > 1 && Math.floor(times) === most ? ((most / 2) as Shrink) : most;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size with a shorter side of `sidePx` and the same shape, rounded as libvips does. */
export function sizeOfShorter({ width, height }: Size, sidePx: number): Size {
  const other = Math.round((Math.max(width, height) * sidePx) / Math.min(width, height));
  return width < height ? { width: sidePx, height: other } : { width: other, height: sidePx };
}

/** The most by which a picture may be made smaller in the decoder so that it is still this large. */
export function shrinkTo({ width, height }: Size, least: Size): Shrink {
  const isEnough = (shrink: number): boolean =>
    Math.floor(width / shrink) >= least.width && Math.floor(height / shrink) >= least.height;
  return isEnough(8) ? 8 : isEnough(4) ? 4 : isEnough(2) ? 2 : 1;
}
