/**
 * IEEE 754 half precision (binary16), in which region features are stored and small networks ship. Node 20 has no
 * Float16Array: halves are the bits of a Uint16Array. What is in no hurry is widened here, batches of features in the graph.
 */

/** Every half there is, as a float: 65,536 values, made once. */
let table: Float32Array | undefined;

function makeTable(): Float32Array {
  const made = new Float32Array(65536);
  for (let half = 0; half < 65536; half++) {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) made[half] = sign * fraction * 2 ** -24;
    else if (exponent === 31) made[half] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else made[half] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return made;
}

export function floatsFromHalves(halves: Uint16Array): Float32Array {
  table ??= makeTable();
  const floats = new Float32Array(halves.length);
  for (let index = 0; index < halves.length; index++) floats[index] = table[halves[index]!]!;
  return floats;
}

/** Floats, or halves widened. */
export const floatsOf = (numbers: Float32Array | Uint16Array): Float32Array =>
  numbers instanceof Uint16Array ? floatsFromHalves(numbers) : numbers;

/**
 * Whether none is infinite or no number: those have all five bits of the exponent set. Two halves at a time, added to which 0x0400
 * carries into the sign's place.
 */
export function halvesAreFinite(halves: Uint16Array): boolean {
  const isAligned = halves.byteOffset % 4 === 0;
  const pairs = isAligned ? halves.length >> 1 : 0;
  const words = new Uint32Array(halves.buffer, isAligned ? halves.byteOffset : 0, pairs);
  let carried = 0;
  for (let index = 0; index < pairs; index++) carried |= (words[index]! & 0x7c007c00) + 0x04000400;
  for (let index = 2 * pairs; index < halves.length; index++) carried |= (halves[index]! & 0x7c00) + 0x0400;
  return (carried & 0x80008000) === 0;
}

const word = new Uint32Array(1);
const asFloat = new Float32Array(word.buffer);

/** Rounds to the nearest half, ties to even; what is too large becomes infinite. */
export function halvesFromFloats(floats: Float32Array): Uint16Array {
  const halves = new Uint16Array(floats.length);
  for (let index = 0; index < floats.length; index++) halves[index] = half(floats[index]!);
  return halves;
}

function half(value: number): number {
  asFloat[0] = value;
  const bits = word[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // rounds to 2^16 or more
  if (magnitude >= 0x38800000) {
    // Normal: the exponent moves from bias 127 to 15, 13 bits of fraction go.
    const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
    return sign | (rounded >>> 13);
  }
  // Subnormal: adding 0.5 leaves the fraction in units of 2^-24 in the low bits, rounded by the processor.
  asFloat[0] = Math.abs(value) + 0.5;
  return sign | (word[0]! - 0x3f000000);
}
