/**
 * What the words in classes and ids around a picture say of it, as pages labelled by hand teach (bench/seeing/learn.ts): "galleries"
 * hold what a page is about, "brands" do not. class-signs.ts has the words that people expect, this the weights of some hundred others.
 * None decides: their sum is one feature.
 */
import type { Element } from 'domhandler';
import { oncePerElement } from './once-per-element.ts';
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

interface Word {
  readonly around: number;
  readonly own: number;
}

const words: ReadonlyMap<string, Word> = new Map(
  [...aroundWeights.keys(), ...ownWeights.keys()].map((word) => [
    word,
    { around: aroundWeights.get(word) ?? 0, own: ownWeights.get(word) ?? 0 },
  ]),
);

/** Those words of a label that have a weight. */
const readWords = (label: string): readonly Word[] =>
  [...new Set(wordsOfLabel(label))].flatMap((word) => words.get(word) ?? []);

/** Ours: around the pictures of a page there are some hundred different labels. */
const knownWords = remembered(readWords, { maxTexts: 10_000, maxLength: maxLabelLength });

const none: readonly Word[] = [];

function wordsAt({ attribs: { class: classes = '', id = '' } }: Element): readonly Word[] {
  if (id === '') return classes === '' ? none : knownWords(classes);
  // Ids with a number are of one element.
  const byId = /\d/.test(id) ? readWords(id) : knownWords(id);
  if (classes === '') return byId;
  return byId.length === 0 ? knownWords(classes) : [...knownWords(classes), ...byId];
}

/** A reader for the pictures of one page: the sum of the weights of all words around a picture, each once. */
export function vocabularyReader(holdsText: (element: Element) => boolean): (element: Element) => number {
  const wordsOf = oncePerElement(wordsAt);
  return (element) => {
    const counted = new Set<Word>();
    for (const word of wordsOf(element)) counted.add(word);
    let sum = 0;
    for (const { own } of counted) sum += own;
    for (const one of elementsAround(element, holdsText)) for (const word of wordsOf(one)) counted.add(word);
    for (const { around } of counted) sum += around;
    return sum;
  };
}
