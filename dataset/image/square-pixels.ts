/** Encoded image to the pixels a network takes: upright, sRGB, on white, scaled to a square. */
import { withImage } from './open-image.ts';
import { decodePlainJpeg, shrinkAsSharp } from './plain-jpeg.ts';
import { resample } from './resample.ts';

/**
 * [side, side, 3] RGB bytes, bilinear over what a pixel covers, the aspect ratio not kept; null for bytes that do not decode. What is
 * transparent becomes white, as a page would show it.
 */
export async function squarePixels(image: Buffer, sidePx: number): Promise<Uint8Array | null> {
  try {
    const plain = await decodePlainJpeg(image, ({ width, height }) => shrinkAsSharp(Math.min(width, height) / sidePx));
    if (plain !== null) {
      return withoutFourth(resample(plain.raster, { width: sidePx, height: sidePx }, 'triangle').pixels);
    }
    const bytes = await withImage(image, { failOn: 'error' }, (opened) =>
      opened
        .rotate()
        .flatten({ background: '#ffffff' })
        .toColourspace('srgb')
        .resize(sidePx, sidePx, { fit: 'fill', kernel: 'linear' })
        .raw()
        .toBuffer(),
    );
    return bytes.length === sidePx * sidePx * 3 ? bytes : null;
  } catch {
    return null;
  }
}

function withoutFourth(pixels: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    rgb[to] = pixels[from]!;
    rgb[to + 1] = pixels[from + 1]!;
    rgb[to + 2] = pixels[from + 2]!;
  }
  return rgb;
}
