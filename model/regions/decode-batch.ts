/** What becomes of a batch of images when some do not decode: the others are computed together, and every result returns to its place. */
import type { ShapedArray } from '../runtime/array.ts';

/** Results in the places of their items; null stays null. `compute` gets the items that are not null, in order, if there are any. */
export async function mapDecoded<Item, Result>(
  items: readonly (Item | null)[],
  compute: (decoded: readonly Item[]) => ArrayLike<Result> | Promise<ArrayLike<Result>>,
): Promise<(Result | null)[]> {
  const decoded = items.filter((item) => item !== null);
  if (decoded.length === 0) return items.map(() => null);
  const results = await compute(decoded);
  let place = -1;
  return items.map((item) => {
    if (item === null) return null;
    place += 1;
    return results[place]!;
  });
}

/** Images of `decodePixels` as one array [B, side, side, 3]. */
export function stackPixels(images: readonly Float32Array[], sidePx: number): ShapedArray {
  const size = sidePx * sidePx * 3;
  const values = new Float32Array(images.length * size);
  for (const [index, image] of images.entries()) values.set(image, index * size);
  return { shape: [images.length, sidePx, sidePx, 3], values };
}
