/** Drops texts too short to describe a picture or too long to be a description ("normal length", ImageBERT §3). A limit of null is off. */
import { drop, type Filter, keep } from '../filter.ts';
import { words } from './words.ts';

/**
 * What a word is: `words` hold a letter or a digit and stand apart as their script says; `spaces` are what Python's
 * `split()` gives, as DataComp's and COYO's code counts: "—" is one, a sentence without spaces is one.
 */
export type WordCount = 'words' | 'spaces';

/** Characters are Unicode code points, as Python's `len()` counts; bytes are UTF-8's. */
export const textLength = ({
  minWords = 3 as number | null,
  maxWords = 64 as number | null,
  minChars = 6 as number | null,
  maxChars = 1000 as number | null,
  maxTextBytes = null as number | null,
  countedBy = 'words' as WordCount,
} = {}): Filter => ({
  name: 'text/length',
  version: 2, // code points, not UTF-16 units
  settings: { minWords, maxWords, minChars, maxChars, maxTextBytes, countedBy },
  judge: ({ text }) => {
    if (minChars !== null && text.length < 2 * minChars && codePoints(text) < minChars) return drop('too-short');
    if (maxChars !== null && text.length > maxChars && codePoints(text) > maxChars) return drop('too-long');
    if (maxTextBytes !== null && 3 * text.length > maxTextBytes && Buffer.byteLength(text) > maxTextBytes) {
      return drop('too-long');
    }
    if (minWords === null && maxWords === null) return keep;
    const count = countedBy === 'spaces' ? runs(text) : words(text).length;
    if (minWords !== null && count < minWords) return drop('too-few-words');
    return maxWords !== null && count > maxWords ? drop('too-many-words') : keep;
  },
});

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

const runs = (text: string): number => text.match(/\S+/g)?.length ?? 0;
