/**
 * Keeps one of several copies of an image: the same bytes under another address, or nearly the same picture (another
 * size, another compression) by the distance of perceptual hashes. The copy with the best pair stays. LAIT keeps one
 * pair an image (§3 step 5) and leaves open what the same image is. 4 bits are ours: they catch 100 % of Flickr8k's photographs
 * at half size or JPEG quality 50 and 98 % cropped by 2 px of 224; of its 32.7 million pairs of different photographs the
 * nearest lie at 8. With `sameText` a copy counts only where its text is the same too (COYO: by hash and text).
 */

import type { Drop } from '../../dataset/ledger/corpus-drops.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { eachSurvivorBestFirst, type Survivor } from '../../dataset/ledger/survivors.ts';
import type { CorpusFilter } from '../filter.ts';
import { type NearHashes, nearHashes } from './near-hashes.ts';
import { foldedText } from './same-text.ts';

export const duplicateImage = ({
  maxDistanceBits = 4,
  sameText = false,
  relevance = 'match/relevance',
} = {}): CorpusFilter => ({
  name: 'corpus/duplicate-image',
  settings: { maxDistanceBits, relevance, sameText },
  async drops(ledger, signal) {
    if (sameText) return sameTextDrops(ledger, { maxDistanceBits, relevance, signal });
    const drops: Drop[] = [];
    const reasons = new Map<number, string | null>(); // by image; null: it stays
    const bytes = new Set<string>();
    const pictures = nearHashes(maxDistanceBits);
    const show = ({ id, imageId, sha256, phash }: Survivor): void => {
      let reason = reasons.get(imageId);
      if (reason === undefined) {
        reason = bytes.has(sha256) ? 'same-bytes' : pictures.has(phash) ? 'near-duplicate' : null;
        reasons.set(imageId, reason);
        bytes.add(sha256);
        if (reason === null) pictures.add(phash);
      }
      if (reason !== null) drops.push({ id, reason });
    };
    await eachSurvivorBestFirst(ledger, relevance, show, { signal });
    return drops;
  },
});

/** One set of hashes a text: most texts stand on one picture. */
async function sameTextDrops(
  ledger: Ledger,
  {
    maxDistanceBits,
    relevance,
    signal,
  }: { readonly maxDistanceBits: number; readonly relevance: string; readonly signal: AbortSignal | undefined },
): Promise<Drop[]> {
  const drops: Drop[] = [];
  const pictures = new Map<string, string | NearHashes>(); // by text: its one hash, or several
  const show = ({ id, phash, text }: Survivor): void => {
    const key = foldedText(text);
    let known = pictures.get(key);
    if (known === undefined) {
      pictures.set(key, phash);
      return;
    }
    if (typeof known === 'string') {
      const several = nearHashes(maxDistanceBits);
      several.add(known);
      pictures.set(key, several);
      known = several;
    }
    if (known.has(phash)) drops.push({ id, reason: 'near-duplicate' });
    else known.add(phash);
  };
  await eachSurvivorBestFirst(ledger, relevance, show, { withText: true, signal });
  return drops;
}
