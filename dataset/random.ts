/**
 * Random numbers that depend on nothing but where they are drawn: a stream is named by integers (seed, epoch, batch, …), so
 * a resumed run draws what an undisturbed one would, and the random state of a run is its seed and its position.
 */

export interface Random {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, limit). */
  below(limit: number): number;
  /** A standard normal number (Box and Muller). */
  normal(): number;
  /** In place; returns its argument. */
  shuffle<T>(items: T[]): T[];
}

/** sfc32 (PractRand's small fast counter), seeded by mixing the integers that name the stream. */
export function random(...stream: readonly number[]): Random {
  let mixed = 0x9e3779b9;
  for (const part of stream) mixed = mix(Math.imul(mixed, 0x85ebca6b) ^ mix(part | 0) ^ (part / 2 ** 32));
  let a = mix(mixed + 1);
  let b = mix(mixed + 2);
  let c = mix(mixed + 3);
  let counter = 1;
  const bits = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) bits();
  const next = () => bits() / 2 ** 32;
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    next,
    below,
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    shuffle: (items) => {
      for (let index = items.length - 1; index > 0; index--) {
        const other = below(index + 1);
        [items[index], items[other]] = [items[other]!, items[index]!];
      }
      return items;
    },
  };
}

/** MurmurHash3's finaliser. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}
