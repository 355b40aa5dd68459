/**
 * Words that texts have in common, by which a heading or a paragraph is known to be about a picture. Endings do not count, nor do
 * words that are in every text or in every name of a file.
 */
import type { Element } from 'domhandler';
import { isAscii, lettersIn } from './words.ts';

/** Words that a text outside a card shares with what else is known of the picture. Ours. */
export const minSharedWords = 2;

/** Reads the text of an element. */
export type Read = (element: Element) => string;

/** Words, or half of the characters where words are not divided by spaces. */
export function countWords(text: string): number {
  const head = text.slice(0, 100);
  if (isAscii(head)) return lettersIn(head).length;
  const undivided = head.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/gu)?.length ?? 0;
  return Math.floor(undivided / 2) + (head.match(/\p{L}+/gu)?.length ?? 0);
}

/** UTF-16 units of a text that are searched for a common word. */
const maxSearchedLength = 1000;

/** Letters. Shorter words are in every text. */
const minWordLength = 4;

/** Words without their endings, so that "lemons" is "lemon". Ours: the first six letters, without the s of a plural. */
const stemLength = 6;

export function contentWords(texts: readonly string[]): ReadonlySet<string> {
  const words = new Set<string>();
  for (const text of texts) for (const word of searchedWords(text)) if (!commonWords.has(word)) words.add(stemOf(word));
  return words;
}

const searchedWords = (text: string): readonly string[] =>
  lettersIn(text.slice(0, maxSearchedLength).toLowerCase(), minWordLength);

const stemOf = (word: string): string =>
  word.slice(0, word.endsWith('s') ? Math.min(stemLength, word.length - 1) : stemLength);

/** Whether a text outside a card shares so many words with what is known of a picture that it is about it. */
export const shareWords = (known: readonly string[], text: string): boolean =>
  shared(contentWords(known), text) >= minSharedWords;

export function shared(known: ReadonlySet<string>, text: string): number {
  if (known.size === 0) return 0;
  const found = new Set<string>();
  for (const word of searchedWords(text)) {
    const stem = stemOf(word);
    if (known.has(stem) && !commonWords.has(word)) found.add(stem);
  }
  return found.size;
}

/** The words of the texts of each page, by what reads them: pictures have the same texts around them. */
const wordsByReader = new WeakMap<Read, Map<string, ReadonlySet<string>>>();

/** The same for the text of an element. */
export function sharedAt(known: ReadonlySet<string>, element: Element, read: Read): number {
  let texts = wordsByReader.get(read);
  if (!texts) {
    texts = new Map();
    wordsByReader.set(read, texts);
  }
  const text = read(element);
  let words = texts.get(text);
  if (!words) {
    words = contentWords([text]);
    texts.set(text, words);
  }
  let count = 0;
  for (const word of known) if (words.has(word)) count += 1;
  return count;
}

/** Words of file names and of any text. */
const commonWords = new Set(
  'image images photo photos picture pictures upload uploads media content files width height default large small medium scaled resize crop thumb thumbnail with from this that have your what when where which will their there about more most other some than them then they these into over also only very just like make made after before between because'.split(
    ' ',
  ),
);
