/**
 * The words a corpus uses often enough to be words: unigram counts over its distinct texts. CC12M calls a word rare below
 * 20 occurrences, CC3M below 5.
 */
import { createHash } from 'node:crypto';
import type { Ledger } from '../../dataset/ledger.ts';
import type { KnownWords } from './rare-words.ts';
import { words } from './words.ts';

/** Words of the vocabulary, and words with at least `minCount` occurrences among the corpus' distinct texts. */
export function corpusWords(ledger: Ledger, { vocabulary = [] as Iterable<string>, minCount = 20 } = {}): KnownWords {
  const counts = new Map<string, number>();
  const texts = ledger.db.prepare('SELECT DISTINCT text FROM pairs').pluck().iterate() as IterableIterator<string>;
  for (const text of texts) {
    for (const word of words(text.toLowerCase())) {
      for (const part of word.split(/[-'’/&]/)) counts.set(part, (counts.get(part) ?? 0) + 1);
    }
  }
  const known = new Set(vocabulary);
  for (const [word, count] of counts) if (count >= minCount) known.add(word);
  const hash = createHash('sha256');
  for (const word of [...known].sort()) hash.update(word).update('\n');
  const digits = /^\p{N}+$/u;
  return {
    source: `${known.size} words, sha256 ${hash.digest('hex').slice(0, 16)}`,
    knows: (word) => known.has(word) || digits.test(word),
  };
}
