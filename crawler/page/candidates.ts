/**
 * The images that the walk meets, each with where it stands: what surrounds it, the heading above it, the paragraphs before and
 * after it.
 */
import type { Element } from 'domhandler';
import type { Surroundings } from './surroundings.ts';

/** An image element, or another element that shows an image. */
export interface ImageCandidate {
  readonly url: string;
  readonly element: Element;
  readonly surroundings: Surroundings;
  readonly heading: Element | null;
  /** The paragraphs before and after, up to a heading. */
  readonly paragraphBefore: Element | null;
  paragraphAfter: Element | null;
  /** A caption beside the image, without a figure around both. */
  siblingCaption: Element | null;
}

/** Ours: the largest gallery pages show some hundred. */
const maxCandidates = 5000;

/** Gathers the candidates of one page in document order. */
export class ImageCandidates {
  readonly list: ImageCandidate[] = [];
  /** The links with an image in them. */
  readonly imageLinks = new Set<Element>();
  #heading: Element | null = null;
  #paragraph: Element | null = null;
  #awaitingParagraph: ImageCandidate[] = [];

  /** Adds an image; a null `url` is an element without one. */
  add(url: string | null, element: Element, surroundings: Surroundings): void {
    if (url === null || this.list.length >= maxCandidates) return;
    const candidate: ImageCandidate = {
      url,
      element,
      surroundings,
      heading: this.#heading,
      paragraphBefore: this.#paragraph,
      paragraphAfter: null,
      siblingCaption: null,
    };
    this.list.push(candidate);
    this.#awaitingParagraph.push(candidate);
    if (surroundings.link) this.imageLinks.add(surroundings.link);
    for (let figure = surroundings.figure; figure && !figure.hasImage; figure = figure.outer) figure.hasImage = true;
  }

  startHeading(element: Element): void {
    this.#heading = element;
    this.#paragraph = null;
    this.#awaitingParagraph = [];
  }

  startParagraph(element: Element): void {
    this.#paragraph = element;
    for (const candidate of this.#awaitingParagraph) candidate.paragraphAfter = element;
    this.#awaitingParagraph = [];
  }
}

const paragraphNames = new Set(['p', 'li', 'dd', 'blockquote', 'td']);
const paragraphClass = /^(?:para|paragraph|simpara|text)$/;

/** True for elements that hold a paragraph of text, on sites with and without `p`. */
export const isParagraph = ({ name, attribs }: Element): boolean =>
  paragraphNames.has(name) || (name === 'div' && attribs.class !== undefined && paragraphClass.test(attribs.class));
