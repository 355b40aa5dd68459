/**
 * Drops all pairs of a text that is found with too many different images: it describes none of them (LAIT §3 step 5, no
 * number; COYO and ALIGN: more than 10). Letters compare without case.
 */

import type { Drop } from '../../dataset/ledger/corpus-drops.ts';
import { eachSurvivorText } from '../../dataset/ledger/survivors.ts';
import type { CorpusFilter } from '../filter.ts';

export const commonText = ({ maxImages = 10 } = {}): CorpusFilter => ({
  name: 'corpus/common-text',
  settings: { maxImages },
  drops(ledger) {
    const images = new Map<string, Set<string> | null>(); // by text; null: too many
    eachSurvivorText(ledger, ({ text, sha256 }) => {
      const seen = images.get(text);
      if (seen === null) return;
      if (seen === undefined) images.set(text, new Set([sha256]));
      else if (seen.add(sha256).size > maxImages) images.set(text, null);
    });
    const drops: Drop[] = [];
    eachSurvivorText(ledger, ({ id, text }) => {
      if (images.get(text) === null) drops.push({ id, reason: 'too-many-images' });
    });
    return drops;
  },
});
