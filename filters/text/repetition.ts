/**
 * Drops texts that say one word again and again: lists of search words. The share is that of the most frequent word's
 * occurrences after its first; CC12M's limit is 0.2, which so counted lets 99.9 % of Flickr8k's captions pass.
 */
import { drop, type Filter, keep } from '../filter.ts';
import { words } from './words.ts';

export const textRepetition = ({ maxShare = 0.2 } = {}): Filter => ({
  name: 'text/repetition',
  settings: { maxShare },
  judge: ({ text }) => {
    const counts = new Map<string, number>();
    let [all, most] = [0, 0];
    for (const word of words(text.toLowerCase())) {
      const count = (counts.get(word) ?? 0) + 1;
      counts.set(word, count);
      most = Math.max(most, count);
      all++;
    }
    return most - 1 > maxShare * all ? drop('repeated-word') : keep;
  },
});
