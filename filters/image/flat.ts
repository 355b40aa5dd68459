/**
 * Drops pictures of nearly one colour: their grey values carry less than `minBits` (Shannon entropy of the histogram, 0 to
 * 8). LAIT drops them as "non-learnable" (§3 step 2, Fig. 3 shows an empty sea). 2.5 is ours: of 2,697
 * Flickr8k photographs the lowest has 3.7, of 1,143 from other sources 3.1.
 */
import { drop, keep, type ScoredFilter } from '../filter.ts';
import type { Pixels } from './pixels.ts';

export const imageFlat = ({ minBits = 2.5 } = {}): ScoredFilter => ({
  name: 'image/flat',
  settings: { minBits },
  scoreName: 'image/flat',
  subject: 'image',
  score: async (samples) =>
    Promise.all(samples.map(async ({ pixels }) => ((found) => found && greyEntropyBits(found))(await pixels()))),
  judge: (bits) => (bits >= minBits ? keep : drop('nearly-one-colour')),
});

/** Shannon entropy of the histogram of 256 grey values, in bits. */
export function greyEntropyBits({ grey }: Pixels): number {
  const counts = new Uint32Array(256);
  for (const value of grey) counts[value]! += 1;
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / grey.length) * Math.log2(count / grey.length);
  }
  return bits;
}
