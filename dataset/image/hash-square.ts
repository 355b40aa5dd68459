/**
 * The 32 × 32 grey pixels of a perceptual hash, from a JPEG that was made smaller in its decoder. The steps are those of sharp and libvips 8.18 for
 * `resize(32, 32, { fit: 'fill' }).grayscale()`, in their order and with their rounding, so that hashes of both go into one ledger: of
 * pictures measured both ways all differ in 2 bits at most.
 */
import type { JpegHeader } from './jpeg-header.ts';
import { hashSidePx } from './phash.ts';
import { shrinkAsSharp } from './plain-jpeg.ts';
import { type Raster, sumRows, weightsOf } from './resample.ts';
import type { Shrink } from './turbo-jpeg.ts';

/** By how much sharp has the decoder make a picture smaller for its hash; null for one that is smaller than the hash's square. */
export function hashShrink({ width, height }: Pick<JpegHeader, 'width' | 'height'>): Shrink | null {
  return shrinkAsSharp(Math.min(width, height) / hashSidePx);
}

/** `raster` is smaller than the picture by `hashShrink`. */
export function hashSquare({ pixels, width, height }: Raster, header: JpegHeader): Uint8Array {
  const grey = header.components === 1 ? firstOf(pixels, width * height) : greyOf(pixels, width * height);
  const low = reducedRows(grey, width, height); // [32, W]
  const narrow = reducedRows(transposed(low, width, hashSidePx), hashSidePx, width); // [32, 32], columns first
  return transposed(narrow, hashSidePx, hashSidePx);
}

/** The same columns in 32 rows: means of rows where there are four times as many or more, then Lanczos. */
function reducedRows(plane: Uint8Array, width: number, height: number): Uint8Array {
  const step = height / hashSidePx;
  const together = Math.max(1, Math.floor(step / 2));
  const rows = Math.ceil(height / together);
  const means = together === 1 ? plane : new Uint8Array(rows * width);
  for (let y = 0; together > 1 && y < rows; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = 0; i < together; i++) sum += plane[Math.min(height - 1, y * together + i) * width + x]!;
      means[y * width + x] = Math.floor((sum + together / 2) / together);
    }
  }
  return sumRows(
    means,
    { width, from: rows, to: hashSidePx },
    weightsOf(rows, hashSidePx, 'lanczos3', step / together),
  );
}

function transposed(plane: Uint8Array, width: number, height: number): Uint8Array {
  const turned = new Uint8Array(plane.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) turned[x * height + y] = plane[y * width + x]!;
  return turned;
}

/** The light of each value of sRGB (IEC 61966-2-1), 0 to 255. */
const light = Float64Array.from({ length: 256 }, (_, value) => {
  const share = value / 255;
  return 255 * (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4);
});

/** The values of light 0 to 255, which libvips looks up and interpolates between. */
const valueAt = Float64Array.from({ length: 257 }, (_, level) => {
  const share = Math.min(level, 255) / 255;
  return Math.round(255 * (share <= 0.0031308 ? 12.92 * share : 1.055 * share ** (1 / 2.4) - 0.055));
});

/** Luminance as BT.709 weighs light, and as libvips rounds it. */
export function greyOf(pixels: Uint8Array, count: number): Uint8Array {
  const grey = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const level =
      0.2126 * light[pixels[4 * i]!]! + 0.7152 * light[pixels[4 * i + 1]!]! + 0.0722 * light[pixels[4 * i + 2]!]!;
    const below = Math.min(255, Math.floor(level));
    const value = valueAt[below]!;
    grey[i] = Math.round(value + (valueAt[below + 1]! - value) * (level - below));
  }
  return grey;
}

const firstOf = (pixels: Uint8Array, count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => pixels[4 * i]!);
