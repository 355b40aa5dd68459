/**
 * Drops English texts without a noun or without a determiner: names, search words, single labels (CC12M asks for both,
 * CC3M §3 for a preposition as well, COYO for a noun alone). Tags by wink-pos-tagger (Brill's method); 93.5 % of Flickr8k's captions have both.
 */
import tagger from 'wink-pos-tagger';
import { drop, type Filter, keep } from '../filter.ts';

export type PartOfSpeech = 'noun' | 'determiner' | 'preposition';

export const textGrammar = ({ needs = ['noun', 'determiner'] as readonly PartOfSpeech[] } = {}): Filter => {
  const { tagSentence } = tagger();
  // Penn Treebank: articles, predeterminers, possessives; a number counts what it stands before.
  const determiners = new Set(['DT', 'PDT', 'WDT', 'PRP$', 'CD']);
  return {
    name: 'text/grammar',
    version: 2, // tags words of at most 70 characters, 1,000 characters at a time
    settings: { needs },
    judge: ({ text }) => {
      const missing = new Set(needs);
      for (const part of partsOf(text)) {
        for (const { pos } of tagSentence(part)) {
          if (pos.startsWith('NN')) missing.delete('noun');
          else if (determiners.has(pos)) missing.delete('determiner');
          else if (pos === 'IN' || pos === 'TO') missing.delete('preposition');
        }
        if (missing.size === 0) return keep;
      }
      return drop(`no-${needs.find((part) => missing.has(part))}`);
    },
  };
};

/** The tagger's time grows with the square of a word's length; no English word is longer (WordNet's longest has 56). */
const longWord = /\S{71,}/g;
const partChars = 1000;

/** The text without what is no word, in parts of whole words: a description has its noun in the first. */
function* partsOf(text: string): Generator<string> {
  const rest = text.length > 70 ? text.replace(longWord, ' ') : text;
  for (let from = 0; from < rest.length || from === 0; ) {
    const space = rest.length - from <= partChars ? -1 : rest.lastIndexOf(' ', from + partChars);
    const end = space > from ? space : Math.min(rest.length, from + partChars);
    yield rest.slice(from, end);
    if (end >= rest.length) return;
    from = end;
  }
}
