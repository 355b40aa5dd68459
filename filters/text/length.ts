/** Drops texts too short to describe a picture or too long to be a description ("normal length", ImageBERT §3). */
import { drop, type Filter, keep } from '../filter.ts';
import { words } from './words.ts';

export const textLength = ({ minWords = 3, maxWords = 64, minChars = 6, maxChars = 1000 } = {}): Filter => ({
  name: 'text/length',
  settings: { minWords, maxWords, minChars, maxChars },
  judge: ({ text }) => {
    if (text.length < minChars || text.length > maxChars)
      return drop(text.length < minChars ? 'too-short' : 'too-long');
    const count = words(text).length;
    if (count < minWords) return drop('too-few-words');
    return count > maxWords ? drop('too-many-words') : keep;
  },
});
