/**
 * Keeps at most so many pairs a host, the best, so that no one site becomes the corpus. A pair of a list counts
 * for the host of its image. Ours; off unless a number is set.
 */

import type { Drop } from '../../dataset/ledger/corpus-drops.ts';
import { eachSurvivorBestFirst, type Survivor } from '../../dataset/ledger/survivors.ts';
import type { CorpusFilter } from '../filter.ts';
import { hostOf } from '../page/host.ts';

export const hostCap = ({
  maxPairs,
  relevance = 'match/relevance',
}: {
  maxPairs: number;
  relevance?: string;
}): CorpusFilter => ({
  name: 'corpus/host-cap',
  version: 2, // the image's host for a list
  settings: { maxPairs, relevance },
  async drops(ledger, signal) {
    const drops: Drop[] = [];
    const counts = new Map<string, number>();
    const show = ({ id, pageUrl, imageUrl }: Survivor): void => {
      const host = hostOf({ pageUrl, imageUrl });
      const count = (counts.get(host) ?? 0) + 1;
      counts.set(host, count);
      if (count > maxPairs) drops.push({ id, reason: 'host-is-full' });
    };
    await eachSurvivorBestFirst(ledger, relevance, show, { signal });
    return drops;
  },
});
