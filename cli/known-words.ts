/** The words that the rare-words rule knows: a tokenizer's vocabulary, or English, and what the corpus itself says often. */
import { vocabularyWords, withFrequent } from '../filters/text/corpus-words.ts';
import { englishWords } from '../filters/text/english-words.ts';
import type { KnownWords } from '../filters/text/rare-words.ts';
import { readTokenizer } from '../model/data/tokenizer.ts';
import type { Config } from './config.ts';

/**
 * For other languages than English the rule is judged when a vocabulary is given. `frequent` gives the words that the corpus has often
 * and the vocabulary has not; it is asked when the rule is in the recipe.
 */
export function knownWords(
  { vocabulary, languages = ['en'] }: Config['filter'],
  frequent: (vocabulary: KnownWords) => ReadonlySet<string>,
): { readonly knownWords?: () => KnownWords } {
  if (vocabulary === undefined && languages.join() !== 'en') return {};
  return {
    knownWords: () => {
      const known = vocabulary === undefined ? englishWords() : vocabularyWords(readTokenizer(vocabulary).vocabulary);
      return withFrequent(known, frequent(known));
    },
  };
}
