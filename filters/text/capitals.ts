/**
 * Drops texts whose first word begins in lower case, and texts with too many capitalised words: sentences are written with
 * capitals, labels and titles are not written as sentences (CC3M §3, text-based filtering, drops both and publishes no share; 0.5 is ours).
 * A text of another script, or one that begins with a digit, has no case to judge.
 */
import { drop, type Filter, keep } from '../filter.ts';
import { words } from './words.ts';

const lowerCase = /^\p{Ll}/u;
const upperCase = /^\p{Lu}/u;

export const textCapitals = ({ maxShare = 0.5 } = {}): Filter => ({
  name: 'text/capitals',
  settings: { maxShare },
  judge: ({ text }) => {
    const all = words(text);
    if (all.length > 0 && lowerCase.test(all[0]!)) return drop('begins-in-lower-case');
    const capitalised = all.filter((word) => upperCase.test(word)).length;
    return capitalised > maxShare * all.length ? drop('many-capitals') : keep;
  },
});
