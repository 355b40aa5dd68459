/**
 * Learns a WordPiece vocabulary from texts, so that pretraining needs no vocabulary of another model. As Hugging Face's
 * WordPiece trainer, the pieces are those of byte-pair encoding (arXiv 1508.07909): starting from characters, the most
 * frequent neighbours inside words become one piece, again and again. The same texts in any order give the same pieces.
 */
import { vocabularyDefaults } from './defaults.ts';
import { specialPieces, wordSplitter } from './tokenizer.ts';

export interface VocabularyOptions {
  /** V, special pieces included. */
  readonly size?: number;
  /** Neighbours seen less often are not merged. Hugging Face's default. */
  readonly minCount?: number;
  /** Of rarer characters, only the most frequent enter; words with others become [UNK]. Hugging Face's default. */
  readonly maxCharacters?: number;
}

/** Counts words as texts come in, then learns. */
export class VocabularyLearner {
  readonly #split = wordSplitter();
  readonly #counts = new Map<string, number>();

  /** No text so far had a word. */
  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(text: string): void {
    for (const word of this.#split(text)) {
      if (word.length <= maxWordLength) this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1);
    }
  }

  /** The vocabulary: special pieces, characters by frequency, then merged pieces in the order they were found. */
  learn(options: VocabularyOptions = {}): string[] {
    const { size, minCount, maxCharacters } = { ...vocabularyDefaults, ...options };
    const characters = [...this.#characters()].sort(byCount).slice(0, maxCharacters);
    const alphabet = new Set(characters.map(([piece]) => piece));
    const vocabulary: string[] = [...specialPieces];
    for (const [character] of characters) {
      for (const piece of [character, `##${character}`]) if (vocabulary.length < size) vocabulary.push(piece);
    }
    const words = [...this.#counts].sort(byCount).flatMap(([word, count]) => {
      const pieces = [...word].map((character, index) => (index === 0 ? character : `##${character}`));
      return [...word].every((character) => alphabet.has(character)) ? [{ pieces, count }] : [];
    });
    const known = new Set(vocabulary);
    for (const piece of mergedPieces(words, minCount)) {
      if (vocabulary.length >= size) break;
      if (known.has(piece)) continue;
      known.add(piece);
      vocabulary.push(piece);
    }
    return vocabulary;
  }

  #characters(): Map<string, number> {
    const characters = new Map<string, number>();
    for (const [word, count] of this.#counts) {
      for (const character of word) characters.set(character, (characters.get(character) ?? 0) + count);
    }
    return characters;
  }
}

/** BERT turns longer words into [UNK]. */
const maxWordLength = 100;

type Counted = [key: string, count: number];

const byCount = ([a, countA]: Counted, [b, countB]: Counted) => countB - countA || (a < b ? -1 : a > b ? 1 : 0);

interface Word {
  pieces: string[];
  readonly count: number;
}

/** Two neighbouring pieces. `words` may still hold words in which they no longer are neighbours. */
interface Neighbours {
  readonly left: string;
  readonly right: string;
  count: number;
  readonly words: Set<Word>;
}

/** Yields a piece for each merge, most frequent first, until none is frequent enough. */
function* mergedPieces(words: readonly Word[], minCount: number): Generator<string> {
  const all = new Map<string, Neighbours>();
  const queue = new Queue();
  const change = (word: Word, index: number, sign: 1 | -1, touched: Set<Neighbours>) => {
    const [left, right] = [word.pieces[index], word.pieces[index + 1]];
    if (left === undefined || right === undefined) return;
    const key = `${left} ${right}`;
    let pair = all.get(key);
    if (!pair) {
      pair = { left, right, count: 0, words: new Set() };
      all.set(key, pair);
    }
    pair.count += sign * word.count;
    if (sign === 1) pair.words.add(word);
    touched.add(pair);
  };
  const fresh = new Set<Neighbours>();
  for (const word of words)
    word.pieces.forEach((_, index) => {
      change(word, index, 1, fresh);
    });
  for (const pair of fresh) queue.push(pair, pair.count);
  for (let top = queue.pop(); top && top.count >= minCount; top = queue.pop()) {
    // A pair whose count has changed since was queued again with its new count.
    if (top.count !== top.pair.count) continue;
    const { left, right } = top.pair;
    const merged = left + right.slice(2);
    const touched = new Set<Neighbours>();
    for (const word of top.pair.words) {
      if (!hasNeighbours(word.pieces, left, right)) continue;
      for (let index = 0; index < word.pieces.length; index++) change(word, index, -1, touched);
      word.pieces = merge(word.pieces, left, right, merged);
      for (let index = 0; index < word.pieces.length; index++) change(word, index, 1, touched);
    }
    top.pair.words.clear();
    touched.delete(top.pair);
    for (const pair of touched) if (pair.count > 0) queue.push(pair, pair.count);
    yield merged;
  }
}

function hasNeighbours(pieces: readonly string[], left: string, right: string): boolean {
  return pieces.some((piece, index) => piece === left && pieces[index + 1] === right);
}

function merge(pieces: readonly string[], left: string, right: string, merged: string): string[] {
  const result: string[] = [];
  for (let index = 0; index < pieces.length; index++) {
    if (pieces[index] === left && pieces[index + 1] === right) {
      result.push(merged);
      index += 1;
    } else result.push(pieces[index]!);
  }
  return result;
}

interface Queued {
  readonly pair: Neighbours;
  readonly count: number;
}

/** A binary heap: highest count first, then by the pieces, so that the order never depends on the input's. */
class Queue {
  readonly #heap: Queued[] = [];

  push(pair: Neighbours, count: number): void {
    const heap = this.#heap;
    heap.push({ pair, count });
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child]!, heap[parent]!)) return;
      [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
      child = parent;
    }
  }

  pop(): Queued | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || !last) return first;
    heap[0] = last;
    for (let parent = 0; ; ) {
      const left = 2 * parent + 1;
      let best = parent;
      for (const child of [left, left + 1]) if (heap[child] && before(heap[child], heap[best]!)) best = child;
      if (best === parent) return first;
      [heap[parent], heap[best]] = [heap[best]!, heap[parent]!];
      parent = best;
    }
  }
}

function before(a: Queued, b: Queued): boolean {
  if (a.count !== b.count) return a.count > b.count;
  if (a.pair.left !== b.pair.left) return a.pair.left < b.pair.left;
  return a.pair.right < b.pair.right;
}
