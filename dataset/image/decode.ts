/**
 * Bytes to a measured image: the real format by its first bytes, whatever the server called it; a full decode under a cap
 * on pixels and on memory, so that a cut-off or broken file is known now; width and height as shown, frames, SHA-256, perceptual hash.
 */
import { createHash } from 'node:crypto';
import type { Sharp } from 'sharp';
import { hashShrink, hashSquare } from './hash-square.ts';
import type { JpegHeader } from './jpeg-header.ts';
import { type ImageHeader, TooManyPixels, withImage } from './open-image.ts';
import { hashSidePx, perceptualHash } from './phash.ts';
import { decodePlainJpeg, shrinkTo, sizeOfShorter, withPlainPlanes } from './plain-jpeg.ts';
import { type Planes, resizePlanes, smallRaster } from './planes.ts';
import type { Raster } from './resample.ts';
import { type NoFormat, otherFormat, sniffFormat } from './sniff.ts';
import type { Shrink } from './turbo-jpeg.ts';

/**
 * Ours: the share of its rows that a damaged picture shows at least. Chromium shows any row that it can decode; a picture of
 * which less is there is not what its text describes.
 */
const minShownShare = 0.5;

/** Rows that a damaged picture is looked at in. */
const shownRows = 64;

/** Why bytes are no picture that can be used. */
export type ImageFault = NoFormat | 'broken-image' | 'too-many-pixels';

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

/** A picture that was measured, and a smaller one of it; null where it is no larger, or where sharp has to decode again. */
export interface DecodedAndSmall {
  readonly decoded: Decoded;
  readonly small: { readonly planes: Planes; readonly exif: Buffer | null } | null;
}

/**
 * Decodes and measures, or says why not: `not-an-image`, `unsupported-format-…`, `too-many-pixels`, `broken-image`. A damaged
 * picture that shows most of itself counts, as it does for browsers.
 */
export async function decodeImage(bytes: Buffer): Promise<Decoded | { readonly reason: ImageFault }> {
  const found = await decodeOnce(bytes, () => plainMeasured(bytes));
  return 'reason' in found ? found : found.decoded;
}

/** The same, with the picture whose shorter side is `sidePx`: one decode serves both, where it is made by libjpeg-turbo. */
export function decodeForSize(
  bytes: Buffer,
  sidePx: number,
): Promise<DecodedAndSmall | { readonly reason: ImageFault }> {
  return decodeOnce(bytes, async () => (await plainAndSmall(bytes, sidePx)) ?? plainMeasured(bytes));
}

async function plainMeasured(bytes: Buffer): Promise<Plain | null> {
  const plain = await decodePlainJpeg(bytes, hashShrink);
  return plain && { shown: measurePlain(plain.header, plain.raster), small: null };
}

function plainAndSmall(bytes: Buffer, sidePx: number): Promise<Plain | null> {
  const shrinkOf = (header: JpegHeader): Shrink | null => {
    const most = hashShrink(header);
    if (most === null || Math.min(header.width, header.height) <= sidePx) return null;
    return Math.min(most, shrinkTo(header, sizeOfShorter(header, sidePx))) as Shrink;
  };
  return withPlainPlanes(bytes, shrinkOf, ({ header, planes, shrink }) => ({
    shown: measurePlain(header, smallRaster(planes, hashShrink(header)! / shrink)),
    small: { planes: resizePlanes(planes, sizeOfShorter(header, sidePx)), exif: header.exif },
  }));
}

interface Plain {
  readonly shown: Measured;
  readonly small: DecodedAndSmall['small'];
}

async function decodeOnce(
  bytes: Buffer,
  decodePlain: () => Promise<Plain | null>,
): Promise<DecodedAndSmall | { readonly reason: ImageFault }> {
  const format = sniffFormat(bytes);
  if (format === null) return { reason: otherFormat(bytes) };
  const found = (shown: Measured, damaged: boolean, small: DecodedAndSmall['small'] = null): DecodedAndSmall => ({
    decoded: { format, ...shown, sha256: createHash('sha256').update(bytes).digest('hex'), damaged },
    small,
  });
  try {
    const plain = format === 'jpg' ? await decodePlain() : null;
    if (plain !== null) return found(plain.shown, false, plain.small);
    return found(await withImage(bytes, { failOn: 'error' }, measure), false);
  } catch (error) {
    if (isTooLarge(error)) return { reason: 'too-many-pixels' };
  }
  try {
    const shown = await withImage(bytes, { failOn: 'none' }, shownShare);
    if (shown < minShownShare) return { reason: 'broken-image' };
    return found(await withImage(bytes, { failOn: 'none' }, measure), true);
  } catch {
    return { reason: 'broken-image' };
  }
}

const isTooLarge = (error: unknown): boolean =>
  error instanceof TooManyPixels || /pixel limit/i.test((error as Error).message);

type Measured = Pick<Decoded, 'width' | 'height' | 'frames' | 'phash'>;

/** Of a raster that is smaller than the picture by as much as its hash asks for. */
function measurePlain(header: JpegHeader, raster: Raster): Measured {
  const { width, height } = header;
  return { width, height, frames: 1, phash: perceptualHash(hashSquare(raster, header)) };
}

async function measure(image: Sharp, { width, height, orientation, frames, isOpaque }: ImageHeader): Promise<Measured> {
  // Each step costs some 0.1 ms, whatever the image: only those that change something.
  if (orientation > 1) image.autoOrient();
  if (!isOpaque) image.flatten({ background: '#fff' });
  const grey = await image
    .resize(hashSidePx, hashSidePx, { fit: 'fill' })
    .grayscale()
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const turned = orientation >= 5;
  return { width: turned ? height : width, height: turned ? width : height, frames, phash: perceptualHash(grey) };
}

/** The share of a damaged picture's rows above the plain area that decoders leave where data is missing. */
async function shownShare(image: Sharp): Promise<number> {
  const rowPx = 16;
  const grey = await image
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
