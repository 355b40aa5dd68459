/** Keeps one text an image, the best (LAIT §3 step 5: of an image with several texts only the best-scored pair is kept). */
import type { CorpusFilter } from '../filter.ts';
import { bestFirst } from './preferred.ts';

export const bestText = ({ relevance = 'match/relevance' } = {}): CorpusFilter => ({
  name: 'corpus/best-text',
  settings: { relevance },
  *drops(ledger) {
    const described = new Set<number>();
    for (const { id, imageId } of bestFirst(ledger, relevance)) {
      if (described.has(imageId)) yield { id, reason: 'better-text' };
      described.add(imageId);
    }
  },
});
