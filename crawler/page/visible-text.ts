/** Text as a page shows it: that of one element, and the beginning of the whole page's. */
import type { AnyNode, Element } from 'domhandler';
import { cleanText, maxTextLength } from './clean-text.ts';
import { isElement } from './walk.ts';

const silentNames = new Set([
  'script',
  'style',
  'noscript',
  'template',
  'svg',
  'math',
  'select',
  'textarea',
  'iframe',
  'object',
]);

const inlineNames = new Set(
  'a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark q rp rt ruby s samp small span strike strong sub sup time tt u var wbr'.split(
    ' ',
  ),
);

/** True for elements whose text is never shown as text. */
export const isSilent = (name: string): boolean => silentNames.has(name);

/** True for elements that flow with the text: words on both sides of their tags touch. */
export const isInline = (name: string): boolean => inlineNames.has(name);

/** Not part of the text: permalinks (Sphinx, GitHub), MediaWiki's edit links, words for screen readers only. */
const annotationClass =
  /(?:^|\s)(?:headerlink|header-?anchor|anchor-?(?:js-)?link|mw-editsection|visually-?hidden|sr-only|screen-reader-text)(?:\s|$)/;

/** Per text, so that a hostile page's many overlapping texts stay cheap. */
const maxNodes = 20_000;

/** The cleaned text below an element, at most `maxLength` UTF-16 units, without what annotates it and what `isLeftOut` names. */
export function textOf(
  root: Element,
  maxLength = maxTextLength,
  isLeftOut: ((element: Element) => boolean) | null = null,
): string {
  let text = '';
  let visited = 0;
  let node: AnyNode | null = root.firstChild;
  // Four times as much, since whitespace is not folded yet.
  while (node && text.length < 4 * maxLength && visited < maxNodes) {
    visited += 1;
    const element: Element | null = isElement(node) ? node : null;
    if (node.type === 'text') text += node.data;
    else if (element && !inlineNames.has(element.name)) text += ' ';
    if (
      element?.firstChild &&
      !silentNames.has(element.name) &&
      !isAnnotation(element) &&
      (isLeftOut === null || !isLeftOut(element))
    ) {
      node = element.firstChild;
      continue;
    }
    while (node && node !== root && !node.next) {
      node = node.parent;
      if (node && node !== root && isElement(node) && !inlineNames.has(node.name)) text += ' ';
    }
    node = node === root || !node ? null : node.next;
  }
  return cleanText(text, maxLength);
}

/** Whether an element shows any text; true for one of so many nodes that it would take long to tell. */
export function hasText(root: Element): boolean {
  let visited = 0;
  let node: AnyNode | null = root.firstChild;
  while (node) {
    visited += 1;
    if (visited > maxNodes || (node.type === 'text' && node.data.trim() !== '')) return true;
    if (isElement(node) && node.firstChild && !silentNames.has(node.name)) {
      node = node.firstChild;
      continue;
    }
    while (node && !node.next) {
      node = node.parent;
      if (node === root) return false;
    }
    node = node?.next ?? null;
  }
  return false;
}

/** MediaWiki's reference numbers are a `sup` of that class. */
function isAnnotation({ name, attribs }: Element): boolean {
  const { class: classes } = attribs;
  if (classes === undefined || classes.length > 500) return false;
  return annotationClass.test(classes) || (name === 'sup' && /(?:^|\s)reference(?:\s|$)/.test(classes));
}

/** UTF-16 units: enough to tell the language. */
const maxPageTextLength = 2000;

/** UTF-16 units. Shorter main text is a heading at most. */
const minMainTextLength = 40;

/** Gathers the beginning of a page's visible text, without boilerplate (header, navigation, footer) when there is other text. */
export class PageText {
  #main = '';
  #boilerplate = '';
  #mainLength = 0;

  /** `length` is without whitespace at the ends. */
  add(data: string, length: number, isBoilerplate: boolean): void {
    if (isBoilerplate) {
      if (this.#boilerplate.length < maxPageTextLength) this.#boilerplate += data;
      return;
    }
    this.#mainLength += length;
    if (this.#main.length < maxPageTextLength) this.#main += data;
  }

  addSpace(): void {
    if (this.#main.length < maxPageTextLength) this.#main += ' ';
    if (this.#boilerplate.length < maxPageTextLength) this.#boilerplate += ' ';
  }

  /** Visible characters of the whole page outside boilerplate. */
  get mainLength(): number {
    return this.#mainLength;
  }

  read(): string {
    return cleanText(this.#mainLength >= minMainTextLength ? this.#main : `${this.#main} ${this.#boilerplate}`);
  }
}
