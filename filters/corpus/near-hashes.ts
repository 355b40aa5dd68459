/**
 * A set of 64-bit hashes that answers "is there one within d bits?" (multi-index hashing, Norouzi et al., CVPR 2012): cut
 * into d + 1 bands, two hashes at most d bits apart agree in one band at least, so only those that share a band are
 * compared.
 */

export interface NearHashes {
  /** Whether a hash within the distance was added before; 16 hexadecimal digits. */
  readonly has: (hash: string) => boolean;
  readonly add: (hash: string) => void;
}

/** `maxDistanceBits` from 0 (equal) to 7 (bands of eight bits). */
export function nearHashes(maxDistanceBits: number): NearHashes {
  const bandCount = maxDistanceBits + 1;
  const bandBits = Math.floor(64 / bandCount);
  // The last band takes what is left of the 64 bits; a key is a band's bits as a number (53 bits are enough for d > 0).
  const bands = Array.from({ length: bandCount }, (_, band) => ({
    shift: BigInt(band * bandBits),
    mask: (1n << BigInt(band === bandCount - 1 ? 64 - band * bandBits : bandBits)) - 1n,
    slots: new Map<bigint, number[]>(),
  }));
  let high = new Uint32Array(1024);
  let low = new Uint32Array(1024);
  let size = 0;

  return {
    has: (hash) => {
      const value = BigInt(`0x${hash}`);
      const queryHigh = Number(value >> 32n);
      const queryLow = Number(value & 0xffffffffn);
      return bands.some(({ shift, mask, slots }) =>
        slots
          .get((value >> shift) & mask)
          ?.some((at) => bitCount(high[at]! ^ queryHigh) + bitCount(low[at]! ^ queryLow) <= maxDistanceBits),
      );
    },
    add: (hash) => {
      const value = BigInt(`0x${hash}`);
      if (size === high.length) {
        high = grown(high);
        low = grown(low);
      }
      high[size] = Number(value >> 32n);
      low[size] = Number(value & 0xffffffffn);
      for (const { shift, mask, slots } of bands) {
        const key = (value >> shift) & mask;
        const slot = slots.get(key);
        if (slot) slot.push(size);
        else slots.set(key, [size]);
      }
      size++;
    },
  };
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2);
  larger.set(array);
  return larger;
}

/** Ones among 32 bits (Hacker's Delight, figure 5-2). */
function bitCount(bits: number): number {
  let count = bits - ((bits >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  return Math.imul((count + (count >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
