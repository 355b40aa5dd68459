/**
 * Which of several pairs is the best: the most relevant one by the score of the named rule, while there is no score the
 * one from the better source (`textSources` in dataset/pair.ts), then the larger picture, then the page that sorts first.
 */
import type { Ledger } from '../../dataset/ledger/ledger.ts';

export interface Survivor {
  readonly id: string;
  readonly pageUrl: string;
  readonly imageId: number;
  readonly sha256: string;
  readonly phash: string;
}

/** All survivors, best first. `relevance` names the score that decides; pairs without it come after pairs with it. */
export function bestFirst(ledger: Ledger, relevance: string): Iterable<Survivor> {
  return ledger.db
    .prepare(
      `SELECT s.id, s.page_url AS pageUrl, s.image_id AS imageId, s.sha256, s.phash FROM survivors s
       LEFT JOIN scores r ON r.subject = s.id AND r.rule = ?
       ORDER BY r.score DESC NULLS LAST, s.source_rank, s.width * s.height DESC, s.page_url, s.id`,
    )
    .iterate(relevance) as IterableIterator<Survivor>;
}
