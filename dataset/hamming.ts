/** How many bits of two hashes of the same length, in hexadecimal, differ; infinite where one is no such hash. */
export function hammingDistance(a: string, b: string): number {
  if (a.length !== b.length || !/^[0-9a-f]*$/i.test(a + b)) return Number.POSITIVE_INFINITY;
  let bits = 0;
  for (let at = 0; at < a.length; at += 8) {
    let difference = Number.parseInt(a.slice(at, at + 8), 16) ^ Number.parseInt(b.slice(at, at + 8), 16);
    for (; difference !== 0; difference &= difference - 1) bits += 1;
  }
  return bits;
}
