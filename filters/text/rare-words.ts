/**
 * Drops texts with too many words that nobody else uses (LAIT §3 step 3: a high out-of-vocabulary ratio; no number is
 * published, 0.3 is ours). A word is known when it is in the vocabulary given, the tokenizer's, or frequent enough in
 * the corpus itself.
 */
import { drop, type Filter, keep } from '../filter.ts';
import { lowerCaseWords } from './words.ts';

export interface KnownWords {
  /** What decides, as the ledger shall remember it: a file's name and hash, a count. */
  readonly source: string;
  /** Gets words in lower case. */
  readonly knows: (word: string) => boolean;
}

export const textRareWords = (known: KnownWords, { maxShare = 0.3 } = {}): Filter => ({
  name: 'text/rare-words',
  settings: { vocabulary: known.source, maxShare },
  judge: ({ text }) => {
    const all = rareWordParts(text);
    const rare = all.filter((word) => !known.knows(word)).length;
    return rare > maxShare * all.length ? drop('rare-words') : keep;
  },
});

const joints = /[-–'’/&.,:;()"“”]+/;

/** The words of a text as vocabularies have them: in lower case, in the parts that hyphens, apostrophes and slashes join. */
export function rareWordParts(text: string): string[] {
  const parts: string[] = [];
  for (const word of lowerCaseWords(text)) {
    for (const part of joints.test(word) ? word.split(joints) : [word])
      if (part !== '' && part !== 's') parts.push(part);
  }
  return parts;
}
