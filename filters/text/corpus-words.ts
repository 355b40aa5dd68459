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

/**
 * The vocabulary's words, numbers, and words with at least `minCount` occurrences among the corpus' distinct texts. What the
 * ledger remembers is the vocabulary and the count, not the words: a crawl that goes on re-judges no older pair.
 */
export function corpusWords(
  ledger: Ledger,
  { vocabulary, minCount = 20 }: { readonly vocabulary: KnownWords; readonly minCount?: number },
): KnownWords {
  const counts = new Map<string, number>();
  eachDistinctText(ledger, (text) => {
    for (const word of rareWordParts(text)) if (!vocabulary.knows(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  });
  const frequent = new Set<string>();
  for (const [word, count] of counts) if (count >= minCount) frequent.add(word);
  const digits = /^\p{N}+$/u;
  return {
    source: `${vocabulary.source}; words found ${minCount} times`,
    knows: (word) => vocabulary.knows(word) || frequent.has(word) || digits.test(word),
  };
}
