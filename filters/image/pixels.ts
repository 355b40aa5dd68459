/** A small grey picture of an image: what the rules that look at pixels look at. */
import { greyOf } from '../../dataset/image/hash-square.ts';
import { withImage } from '../../dataset/image/open-image.ts';
import { decodePlainJpeg, type PlainJpeg, shrinkAsSharp } from '../../dataset/image/plain-jpeg.ts';
import { resample } from '../../dataset/image/resample.ts';

export interface Pixels {
  /** Rows of 8-bit grey values. */
  readonly grey: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The longer side of the picture, or less for a smaller image: the same scale for a thumbnail's and a poster's blur. */
export const pixelsSidePx = 256;

/** Decodes an image at a reduced size, in threads of libuv; null when it cannot be decoded. */
export async function decodePixels(bytes: Buffer): Promise<Pixels | null> {
  try {
    const plain = await decodePlainJpeg(bytes, ({ width, height }) =>
      shrinkAsSharp(Math.max(1, Math.max(width, height) / pixelsSidePx)),
    );
    if (plain !== null) return pixelsOf(plain);
    const { data, info } = await withImage(bytes, { failOn: 'none' }, (image) =>
      image
        .resize(pixelsSidePx, pixelsSidePx, { fit: 'inside', withoutEnlargement: true })
        .flatten({ background: '#ffffff' })
        .greyscale()
        .raw()
        .toBuffer({ resolveWithObject: true }),
    );
    return { grey: data, width: info.width, height: info.height };
  } catch {
    return null;
  }
}

function pixelsOf({ raster, header: { width, height } }: PlainJpeg): Pixels {
  const share = Math.min(1, pixelsSidePx / Math.max(width, height));
  const size = { width: Math.max(1, Math.round(width * share)), height: Math.max(1, Math.round(height * share)) };
  const { pixels } = resample(raster, size, 'lanczos3');
  return { ...size, grey: greyOf(pixels, size.width * size.height) };
}
