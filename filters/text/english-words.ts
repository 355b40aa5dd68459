/**
 * English words for the rare-words rule where no tokenizer's vocabulary is given: WordNet's 77,262 single words and the
 * 13,462 of Brill's lexicon, as wink-lexicon ships them, and their plurals and other forms.
 */
import { createRequire } from 'node:module';
import type { KnownWords } from './rare-words.ts';

/** Some 5 MB. */
const maxInflected = 65_536;

/** Takes a tenth of a second and 20 MB at the first call. */
export function englishWords(): KnownWords {
  const require = createRequire(import.meta.url);
  const wordNet = require('wink-lexicon/src/wn-words.js') as Readonly<Record<string, number>>;
  const lexicon = require('wink-lexicon/src/lexicon.js') as Readonly<Record<string, unknown>>;
  const lemma = require('wink-lemmatizer') as Readonly<Record<'noun' | 'verb' | 'adjective', (word: string) => string>>;
  const has = (word: string) => Object.hasOwn(wordNet, word) || Object.hasOwn(lexicon, word);
  // What is in neither list as it stands asks the lemmatizer: 10 µs, so the answers are kept.
  const inflected = new Map<string, boolean>();
  const isInflected = (word: string) => {
    let answer = inflected.get(word);
    if (answer === undefined) {
      answer = has(lemma.noun(word)) || has(lemma.verb(word)) || has(lemma.adjective(word));
      if (inflected.size >= maxInflected) inflected.clear();
      inflected.set(word, answer);
    }
    return answer;
  };
  return { source: 'English words of WordNet (wink-lexicon 2)', knows: (word) => has(word) || isInflected(word) };
}
