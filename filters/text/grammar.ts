/**
 * Drops English texts without a noun or without a determiner: names, search words, single labels (CC12M asks for both,
 * CC3M for a preposition as well). Tags by wink-pos-tagger (Brill's method); 93.5 % of Flickr8k's captions have both.
 */
import tagger from 'wink-pos-tagger';
import { drop, type Filter, keep } from '../filter.ts';

export const textGrammar = (): Filter => {
  const { tagSentence } = tagger();
  // Penn Treebank: articles, predeterminers, possessives; a number counts what it stands before.
  const determiners = new Set(['DT', 'PDT', 'WDT', 'PRP$', 'CD']);
  return {
    name: 'text/grammar',
    settings: {},
    judge: ({ text }) => {
      const tags = tagSentence(text).map(({ pos }) => pos);
      if (!tags.some((tag) => tag.startsWith('NN'))) return drop('no-noun');
      return tags.some((tag) => determiners.has(tag)) ? keep : drop('no-determiner');
    },
  };
};
