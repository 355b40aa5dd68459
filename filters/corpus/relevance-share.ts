/** Keeps the share of pairs with the highest relevance (DataComp: the top 30 %, the best filter of its table by one model). */
import type { CorpusFilter } from '../filter.ts';

export const relevanceShare = ({ share = 0.3, relevance }: { share?: number; relevance: string }): CorpusFilter => ({
  name: 'corpus/relevance-share',
  settings: { share, relevance },
  *drops(ledger) {
    const ids = ledger.db
      .prepare(
        `SELECT s.id FROM survivors s LEFT JOIN scores r ON r.subject = s.id AND r.rule = ?
         ORDER BY r.score DESC NULLS LAST, s.id`,
      )
      .pluck()
      .all(relevance) as string[];
    for (const id of ids.slice(Math.ceil(share * ids.length))) yield { id, reason: 'less-relevant' };
  },
});
