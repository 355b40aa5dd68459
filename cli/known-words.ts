/** The words that the rare-words rule knows: a tokenizer's vocabulary, or English, and what the corpus itself says often. */
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { corpusWords, vocabularyWords } from '../filters/text/corpus-words.ts';
import { englishWords } from '../filters/text/english-words.ts';
import type { KnownWords } from '../filters/text/rare-words.ts';
import { readTokenizer } from '../model/data/tokenizer.ts';
import type { Config } from './config.ts';

/** For other languages than English the rule is judged when a vocabulary is given. */
export function knownWords(
  ledger: Ledger,
  { vocabulary, languages = ['en'] }: Config['filter'],
): { readonly knownWords?: () => KnownWords } {
  if (vocabulary === undefined && languages.join() !== 'en') return {};
  const known = () =>
    vocabulary === undefined ? englishWords() : vocabularyWords(readTokenizer(vocabulary).vocabulary);
  return { knownWords: () => corpusWords(ledger, { vocabulary: known() }) };
}
