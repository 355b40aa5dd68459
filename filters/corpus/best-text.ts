/** Keeps one text an image, the best (LAIT §3 step 5: of an image with several texts only the best-scored pair is kept). */

import type { Drop } from '../../dataset/ledger/corpus-drops.ts';
import { eachSurvivorBestFirst, type Survivor } from '../../dataset/ledger/survivors.ts';
import type { CorpusFilter } from '../filter.ts';

export const bestText = ({ relevance = 'match/relevance' } = {}): CorpusFilter => ({
  name: 'corpus/best-text',
  settings: { relevance },
  async drops(ledger, signal) {
    const drops: Drop[] = [];
    const described = new Set<number>();
    const show = ({ id, imageId }: Survivor): void => {
      if (described.has(imageId)) drops.push({ id, reason: 'better-text' });
      described.add(imageId);
    };
    await eachSurvivorBestFirst(ledger, relevance, show, { signal });
    return drops;
  },
});
