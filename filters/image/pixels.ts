/** A small grey picture of an image: what the rules that look at pixels look at. */
import { withImage } from '../../dataset/image/open-image.ts';

export interface Pixels {
  /** Rows of 8-bit grey values. */
  readonly grey: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The longer side of the picture, or less for a smaller image: the same scale for a thumbnail's and a poster's blur. */
export const pixelsSidePx = 256;

/** Decodes an image at a reduced size, in libvips' own threads; null when it cannot be decoded. */
export async function decodePixels(bytes: Buffer): Promise<Pixels | null> {
  try {
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
