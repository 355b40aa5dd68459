/**
 * Where the running text of a page stands. The walk counts letters; afterwards the element that holds most of them is the main
 * text, whatever its name or class: pictures in it are of the page's subject, and what holds it is no boilerplate.
 */
import type { Element } from 'domhandler';

/** Characters of a text in one piece. Shorter pieces are labels, prices and menus. Ours. */
const minRunLength = 40;

/** The part of the running text that makes an element its holder. Ours. */
const minShare = 0.5;

/** Where an element stands in the order of images and texts, and how much running text is in it. */
interface Span {
  readonly length: number;
  readonly start: number;
  readonly end: number;
}

/** The element that holds most of the running text. */
export interface MainText extends Span {
  readonly element: Element;
}

/** Counts running text below each element during a walk. */
export class TextMass {
  #total = 0;
  readonly #open: number[] = [];
  readonly #spans = new Map<Element, Span>();

  /** `rank` counts images, headings and paragraphs of the page. */
  enter(rank: number): void {
    this.#open.push(this.#total, rank);
  }

  leave(element: Element, rank: number): void {
    const start = this.#open.pop()!;
    const length = this.#total - this.#open.pop()!;
    if (length > 0) this.#spans.set(element, { length, start, end: rank });
  }

  /** `length` is without white space at the ends. Text in links names other pages. */
  add(length: number, isLinked: boolean): void {
    if (length >= minRunLength && !isLinked) this.#total += length;
  }

  get total(): number {
    return this.#total;
  }

  lengthOf(element: Element): number {
    return this.#spans.get(element)?.length ?? 0;
  }

  /** Whether most of the running text is in this element. */
  isHolder(element: Element): boolean {
    return (this.#spans.get(element)?.length ?? 0) > minShare * this.#total;
  }

  /** The innermost element that holds most of the running text below `root`; null for a page without any. */
  main(root: Element): MainText | null {
    let found: Element | null = null;
    for (let node: Element | null = root; node; ) {
      const inner: Element | undefined = node.children.find(
        (child): child is Element => 'children' in child && this.isHolder(child as Element),
      );
      if (inner) found = inner;
      node = inner ?? null;
    }
    return found && { element: found, ...this.#spans.get(found)! };
  }
}
