/**
 * Drops pairs whose text is likelier another image's than their own: relevance gives a chance where right and wrong are as many, and how
 * many of these pairs are right is told by their chances together (Saerens, Latinne & Decaestecker 2002). What that keeps and
 * drops where the truth is known: docs/learning.md, bench/closing-loop.ts.
 */
import { survivorScores } from '../../dataset/ledger/survivors.ts';
import type { CorpusFilter } from '../filter.ts';
import { shareOfRight } from './share-of-right.ts';

export const likelyRight = ({ relevance }: { relevance: string }): CorpusFilter => ({
  name: 'corpus/likely-right',
  version: 2, // the chances of what is on the web still
  settings: { relevance },
  async drops(ledger) {
    const scored = survivorScores(ledger, relevance);
    const share = shareOfRight(scored.flatMap(({ score }) => (score === null ? [] : [score])));
    return scored.flatMap(({ id, score }) =>
      score === null || score < 1 - share ? [{ id, reason: 'likely-wrong' }] : [],
    );
  },
});
