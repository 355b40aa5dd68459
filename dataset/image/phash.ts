/**
 * The 64-bit perceptual hash of an image as ImageHash's `phash` computes it: 32 × 32 grey pixels, their DCT-II, the 8 × 8
 * lowest frequencies, one bit for each that is above the median. Near copies differ in few bits.
 */

const side = 32;
const low = 8;

/** cos[k][n] of the DCT-II's first eight rows. */
const cosines = Array.from({ length: low }, (_, k) =>
  Float64Array.from({ length: side }, (_, n) => Math.cos((Math.PI * k * (2 * n + 1)) / (2 * side))),
);

/** `grey` holds 32 × 32 bytes, row by row; returns 16 hexadecimal digits. */
export function perceptualHash(grey: Uint8Array): string {
  const rows = new Float64Array(low * side); // [8, 32]: each row of pixels transformed, transposed
  for (let y = 0; y < side; y++) {
    for (let k = 0; k < low; k++) {
      let sum = 0;
      const cosine = cosines[k]!;
      for (let x = 0; x < side; x++) sum += grey[y * side + x]! * cosine[x]!;
      rows[k * side + y] = sum;
    }
  }
  const frequencies = new Float64Array(low * low); // [vertical, horizontal]
  for (let k = 0; k < low; k++) {
    for (let j = 0; j < low; j++) {
      let sum = 0;
      const cosine = cosines[j]!;
      for (let y = 0; y < side; y++) sum += rows[k * side + y]! * cosine[y]!;
      frequencies[j * low + k] = sum;
    }
  }
  const sorted = Float64Array.from(frequencies).sort();
  const median = (sorted[31]! + sorted[32]!) / 2;
  let hash = '';
  for (let i = 0; i < low * low; i += 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit++) digit = digit * 2 + (frequencies[i + bit]! > median ? 1 : 0);
    hash += digit.toString(16);
  }
  return hash;
}

/** The size of the grey picture that `perceptualHash` takes, in pixels. */
export const hashSidePx = side;
