/** Drops texts too short to describe a picture or too long to be a description ("normal length", ImageBERT §3). A limit of null is off. */
import { drop, type Filter, keep } from '../filter.ts';
import { words } from './words.ts';

export const textLength = ({
  minWords = 3 as number | null,
  maxWords = 64 as number | null,
  minChars = 6 as number | null,
  maxChars = 1000 as number | null,
} = {}): Filter => ({
  name: 'text/length',
  settings: { minWords, maxWords, minChars, maxChars },
  judge: ({ text }) => {
    if (minChars !== null && text.length < minChars) return drop('too-short');
    if (maxChars !== null && text.length > maxChars) return drop('too-long');
    const count = words(text).length;
    if (minWords !== null && count < minWords) return drop('too-few-words');
    return maxWords !== null && count > maxWords ? drop('too-many-words') : keep;
  },
});
