/**
 * What the words in classes and ids around a picture say of it, as pages labelled by hand teach (bench/seeing/learn.ts): "galleries"
 * hold what a page is about, "brands" do not. class-signs.ts has the words that people expect, this the weights of some hundred others.
 * None decides: their sum is one feature.
 */
import type { Element } from 'domhandler';
import { remembered } from './remembered.ts';
import { aroundWeights, ownWeights } from './vocabulary-weights.ts';
import { isElement } from './walk.ts';

/** The picture and its ancestors whose classes are read. Ours: of 9, 12 and 16 the best. */
const maxElements = 12;

/** UTF-16 units of a class or id that are read. */
const maxLabelLength = 300;

/** Letters of a word: shorter ones are abbreviations of sizes and columns, longer ones names made by programs. */
const minWordLength = 3;
const maxWordLength = 16;

/** The words in a class or id. */
export function wordsOfLabel(label: string): string[] {
  const words = label
    .slice(0, maxLabelLength)
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase();
  return words.split(/[^a-z\u0080-\uffff]+/).filter(({ length }) => length >= minWordLength && length <= maxWordLength);
}

/** A picture and what is around it, up to an element that holds most of the page's text, whose classes say nothing of one picture. */
export function elementsAround(element: Element, holdsText: (element: Element) => boolean): Element[] {
  const elements = [element];
  for (let node = element.parent; node && isElement(node) && elements.length < maxElements; node = node.parent) {
    if (node.name === 'body' || node.name === 'html' || holdsText(node)) break;
    elements.push(node);
  }
  return elements;
}

/** Those words of a label that have a weight. Ours: around the pictures of a page there are some hundred different labels. */
const knownWords = remembered(
  (label: string): readonly string[] =>
    wordsOfLabel(label).filter((word) => aroundWeights.has(word) || ownWeights.has(word)),
  { maxTexts: 10_000, maxLength: maxLabelLength },
);

const none: readonly string[] = [];
const wordsIn = (label: string | undefined): readonly string[] => (label ? knownWords(label) : none);

/** A reader for the pictures of one page: the sum of the weights of all words around a picture, each once. */
export function vocabularyReader(holdsText: (element: Element) => boolean): (element: Element) => number {
  return (element) => {
    const words = new Set<string>();
    let sum = 0;
    for (const { attribs } of elementsAround(element, holdsText)) {
      for (const label of [attribs.class, attribs.id])
        for (const word of wordsIn(label)) {
          if (words.has(word)) continue;
          words.add(word);
          sum += aroundWeights.get(word) ?? 0;
        }
      if (attribs === element.attribs) for (const word of words) sum += ownWeights.get(word) ?? 0;
    }
    return sum;
  };
}
