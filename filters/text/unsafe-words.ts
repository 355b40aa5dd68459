/**
 * Drops texts with a word of the list that Shutterstock published and C4 and OBELICS use ("LDNOOBW", 28 languages). Only
 * its single words: phrases such as "girl on" or "big black" fall on ordinary captions. Nor the words of biology, sociology and
 * colour: all 31 texts that the list drops of a textbook and two manuals are harmless, 15 of them by these words.
 */
import naughty from 'naughty-words';
import { drop, type Filter, keep } from '../filter.ts';
import { lowerCaseWords } from './words.ts';

const harmless = new Set(['sexual', 'sexuality', 'sexually', 'negro']);

export const textUnsafeWords = ({ languages = ['en'] as readonly string[] } = {}): Filter => {
  const lists = naughty as Readonly<Record<string, readonly string[]>>;
  const unsafe = new Set(
    languages.flatMap((language) => lists[language] ?? []).filter((word) => !word.includes(' ') && !harmless.has(word)),
  );
  return {
    name: 'text/unsafe-words',
    version: 2, // without the harmless words
    settings: { languages },
    judge: ({ text }) => (lowerCaseWords(text).some((word) => unsafe.has(word)) ? drop('unsafe-word') : keep),
  };
};
