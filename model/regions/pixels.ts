/** Encoded image to the pixels a network takes: upright, sRGB, on white, scaled to a square. */
import { withImage } from '../../dataset/image/open-image.ts';

/**
 * [side, side, 3] RGB 0 to 255, the aspect ratio not kept; null for bytes that do not decode. What is transparent becomes
 * white, as a page would show it.
 */
export async function decodePixels(image: Buffer, sidePx: number): Promise<Float32Array | null> {
  try {
    const bytes = await withImage(image, { failOn: 'error' }, (opened) =>
      opened
        .rotate()
        .flatten({ background: '#ffffff' })
        .toColourspace('srgb')
        .resize(sidePx, sidePx, { fit: 'fill', kernel: 'linear' })
        .raw()
        .toBuffer(),
    );
    return bytes.length === sidePx * sidePx * 3 ? Float32Array.from(bytes) : null;
  } catch {
    return null;
  }
}
