/** Encoded image to the pixels a network takes. */
import { squarePixels } from '../../dataset/image/square-pixels.ts';

/** [side, side, 3] RGB 0 to 255, upright and on white, the aspect ratio not kept; null for bytes that do not decode. */
export async function decodePixels(image: Buffer, sidePx: number): Promise<Float32Array | null> {
  const bytes = await squarePixels(image, sidePx);
  return bytes === null ? null : new Float32Array(bytes);
}
