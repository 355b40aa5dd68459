/**
 * A set of 64-bit hashes that answers "is there one within d bits?" (multi-index hashing, Norouzi et al., CVPR 2012): cut
 * into d + 1 bands, two hashes at most d bits apart agree in one band at least, so only those that share a band are
 * compared. Pictures may be made whose hashes all agree in a band and differ elsewhere, by which each would be compared with all: so only
 * the last of a band are.
 */

export interface NearHashes {
  /** Whether a hash within the distance was added before; 16 hexadecimal digits. Of those that agree in a band the last 16,384 count. */
  readonly has: (hash: string) => boolean;
  readonly add: (hash: string) => void;
}

/** Ours: with 4 bits so many agree in a band of 134 million even hashes. */
const maxCompared = 16_384;

/** The hashes that agree in one band, their high and low halves in turns, one beside the other for speed. */
interface Bucket {
  halves: Uint32Array;
  used: number;
}

/** `maxDistanceBits` from 0 (equal) to 7 (bands of eight bits). Each hash takes some 15 bytes a band. */
export function nearHashes(maxDistanceBits: number): NearHashes {
  const bandCount = maxDistanceBits + 1;
  // As even as they get, since a band of few bits has full buckets; of a long one 16 bits are enough.
  const bands = Array.from({ length: bandCount }, (_, band) => {
    const shift = Math.floor((64 * band) / bandCount);
    const bits = Math.min(16, Math.floor((64 * (band + 1)) / bandCount) - shift);
    return { shift, mask: (1 << bits) - 1, buckets: new Map<number, Bucket>() };
  });

  return {
    has: (hash) => {
      const [high, low] = halvesOf(hash);
      for (const { shift, mask, buckets } of bands) {
        const bucket = buckets.get(bandOf(high, low, shift, mask));
        if (bucket && holds(bucket, high, low, maxDistanceBits)) return true;
      }
      return false;
    },
    add: (hash) => {
      const [high, low] = halvesOf(hash);
      for (const { shift, mask, buckets } of bands) {
        const key = bandOf(high, low, shift, mask);
        let bucket = buckets.get(key);
        if (!bucket) {
          bucket = { halves: new Uint32Array(4), used: 0 };
          buckets.set(key, bucket);
        }
        if (bucket.used === bucket.halves.length) {
          const grown = new Uint32Array(bucket.used * 2);
          grown.set(bucket.halves);
          bucket.halves = grown;
        }
        bucket.halves[bucket.used] = high;
        bucket.halves[bucket.used + 1] = low;
        bucket.used += 2;
      }
    },
  };
}

const halvesOf = (hash: string): readonly [high: number, low: number] => [
  Number.parseInt(hash.slice(0, 8), 16),
  Number.parseInt(hash.slice(8), 16),
];

/** The bits of a band, from `shift` on, as a number. */
function bandOf(high: number, low: number, shift: number, mask: number): number {
  if (shift >= 32) return (high >>> (shift - 32)) & mask;
  return (shift === 0 ? low : (low >>> shift) | (high << (32 - shift))) & mask;
}

function holds({ halves, used }: Bucket, high: number, low: number, maxDistanceBits: number): boolean {
  for (let at = Math.max(0, used - 2 * maxCompared); at < used; at += 2) {
    const first = bitCount(halves[at]! ^ high);
    if (first <= maxDistanceBits && first + bitCount(halves[at + 1]! ^ low) <= maxDistanceBits) return true;
  }
  return false;
}

/** Ones among 32 bits (Hacker's Delight, figure 5-2). */
function bitCount(bits: number): number {
  let count = bits - ((bits >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  return Math.imul((count + (count >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
