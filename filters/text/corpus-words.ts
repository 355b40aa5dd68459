/**
 * The words a corpus uses often enough to be words, beside those of a vocabulary: unigram counts over its distinct texts.
 * CC12M calls a word rare below 20 occurrences, CC3M below 5.
 */
import { createHash } from 'node:crypto';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { eachDistinctText } from '../../dataset/ledger/verdicts.ts';
import { type KnownWords, rareWordParts } from './rare-words.ts';

/** A WordPiece vocabulary's whole words. */
export function vocabularyWords(vocabulary: readonly string[]): KnownWords {
  const whole = new Set(vocabulary.filter((piece) => !piece.startsWith('##')));
  const hash = createHash('sha256').update(vocabulary.join('\n')).digest('hex').slice(0, 16);
  return { source: `${vocabulary.length} word pieces, sha256 ${hash}`, knows: (word) => whole.has(word) };
}

/** So often a word must be found to be one. */
const minWordCount = 20;

/** The words that a vocabulary does not know and the distinct texts of a corpus have at least `minCount` times. */
export function frequentWords(
  ledger: Ledger,
  vocabulary: KnownWords,
  minCount: number = minWordCount,
): ReadonlySet<string> {
  const counts = new Map<string, number>();
  eachDistinctText(ledger, (text) => {
    for (const word of rareWordParts(text)) if (!vocabulary.knows(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  });
  const frequent = new Set<string>();
  for (const [word, count] of counts) if (count >= minCount) frequent.add(word);
  return frequent;
}

/**
 * The vocabulary's words, numbers, and those that the corpus has often. What the ledger remembers is the vocabulary and the count, not
 * the words: a crawl that goes on re-judges no older pair.
 */
export function withFrequent(
  vocabulary: KnownWords,
  frequent: ReadonlySet<string>,
  minCount: number = minWordCount,
): KnownWords {
  const digits = /^\p{N}+$/u;
  return {
    source: `${vocabulary.source}; words found ${minCount} times`,
    knows: (word) => vocabulary.knows(word) || frequent.has(word) || digits.test(word),
  };
}

/** Both at once: the words known to a vocabulary and to a corpus itself. */
export const corpusWords = (
  ledger: Ledger,
  { vocabulary, minCount = minWordCount }: { readonly vocabulary: KnownWords; readonly minCount?: number },
): KnownWords => withFrequent(vocabulary, frequentWords(ledger, vocabulary, minCount), minCount);
