/** Keeps the share of pairs with the highest relevance (DataComp: the top 30 %, the best filter of its table by one model). */
import { survivorIdsByScore } from '../../dataset/ledger/survivors.ts';
import type { CorpusFilter } from '../filter.ts';

export const relevanceShare = ({ share = 0.3, relevance }: { share?: number; relevance: string }): CorpusFilter => ({
  name: 'corpus/relevance-share',
  version: 2, // the share of what is on the web still
  settings: { share, relevance },
  async drops(ledger) {
    const ids = survivorIdsByScore(ledger, relevance);
    return ids.slice(Math.ceil(share * ids.length)).map((id) => ({ id, reason: 'less-relevant' }));
  },
});
