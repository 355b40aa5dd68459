/**
 * Which split a sample belongs to: a pure function of its image, so that it never moves when the corpus grows, and the same
 * image with two texts never lies on both sides.
 */

export const splits = ['train', 'validation'] as const;
export type Split = (typeof splits)[number];

/**
 * `validation` for about `validationFraction` (0 to 1) of all images. `hash` is at least 13 hexadecimal digits evenly
 * distributed, such as the image's SHA-256.
 */
export function splitOf(hash: string, validationFraction: number): Split {
  return Number.parseInt(hash.slice(0, 13), 16) / 2 ** 52 < validationFraction ? 'validation' : 'train';
}
