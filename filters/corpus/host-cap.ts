/** Keeps at most so many pairs a host, the best, so that no one site becomes the corpus. Ours; off unless a number is set. */
import type { CorpusFilter } from '../filter.ts';
import { bestFirst } from './preferred.ts';

export const hostCap = ({
  maxPairs,
  relevance = 'match/relevance',
}: {
  maxPairs: number;
  relevance?: string;
}): CorpusFilter => ({
  name: 'corpus/host-cap',
  settings: { maxPairs, relevance },
  *drops(ledger) {
    const counts = new Map<string, number>();
    for (const { id, pageUrl } of bestFirst(ledger, relevance)) {
      const host = new URL(pageUrl).hostname;
      const count = (counts.get(host) ?? 0) + 1;
      counts.set(host, count);
      if (count > maxPairs) yield { id, reason: 'host-is-full' };
    }
  },
});
