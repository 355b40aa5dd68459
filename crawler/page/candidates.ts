/** The images and the texts that the walk meets, in document order. */
import type { Element } from 'domhandler';
import { CaptionsAbove } from './captions-above.ts';
import type { Surroundings } from './surroundings.ts';

/** An image element, or another element that shows an image. */
export interface ImageCandidate {
  readonly url: string;
  readonly element: Element;
  readonly surroundings: Surroundings;
  /** Counts images and texts of the page. */
  readonly order: number;
  /** Counts images, headings and paragraphs. */
  readonly rank: number;
  /** Letters of running text before it (text-mass.ts). */
  readonly textBefore: number;
  /** The headings that it stands under, the outermost first. */
  readonly section: readonly Element[];
  /** A caption beside the image, without a figure around both. */
  siblingCaption: Element | null;
}

const ownImageNames = new Set(['img', 'amp-img', 'amp-anim', 'svg', 'object']);

/** True for an element that shows its image behind what it holds. */
export const isBackground = ({ name }: Element): boolean => !ownImageNames.has(name);

/** A heading, a paragraph or a link. */
export interface TextBlock {
  readonly element: Element;
  readonly kind: 'heading' | 'paragraph' | 'link';
  /** Counts images and texts of the page. */
  readonly order: number;
}

/** Ours: the longest single-page books have some ten thousand paragraphs. */
const maxBlocks = 50_000;

/** Ours: the largest gallery pages show some hundred. */
const maxCandidates = 5000;

/** Gathers the candidates of one page in document order. */
export class ImageCandidates {
  readonly list: ImageCandidate[] = [];
  /** The links with an image in them. */
  readonly imageLinks = new Set<Element>();
  readonly blocks: TextBlock[] = [];
  readonly captionsAbove = new CaptionsAbove();
  #order = 0;
  #section: readonly Element[] = [];

  #rank = 0;
  /** The rank of the first heading of level 1; null as long as there is none. */
  titleRank: number | null = null;

  /** Images, headings and paragraphs so far: links say little of how long a page is. */
  get rank(): number {
    return this.#rank;
  }

  /** Adds an image; a null `url` is an element without one, `textBefore` the letters of running text so far. */
  add(url: string | null, element: Element, surroundings: Surroundings, textBefore: number): void {
    if (url === null || this.list.length >= maxCandidates) return;
    const candidate: ImageCandidate = {
      url,
      element,
      surroundings,
      order: this.#order,
      rank: this.#rank,
      textBefore,
      section: this.#section,
      siblingCaption: this.captionsAbove.of(element),
    };
    this.#order += 1;
    this.#rank += 1;
    this.list.push(candidate);
    if (surroundings.link) this.imageLinks.add(surroundings.link);
    for (let figure = surroundings.figure; figure && !figure.hasImage; figure = figure.outer) figure.hasImage = true;
  }

  addText(element: Element, kind: TextBlock['kind']): void {
    if (this.blocks.length >= maxBlocks) return;
    this.blocks.push({ element, kind, order: this.#order });
    this.#order += 1;
    if (kind === 'heading') {
      if (element.name === 'h1') this.titleRank ??= this.#rank;
      const level = levelOf(element);
      this.#section = [...this.#section.filter((outer) => levelOf(outer) < level), element];
    }
    if (kind !== 'link') this.#rank += 1;
  }
}

/** A heading by its role is of level 2 where it does not say which (WAI-ARIA). */
export const levelOf = ({ name, attribs }: Element): number =>
  headingNames.has(name) ? Number(name[1]) : Number(attribs['aria-level']) || 2;

const headingNames = new Set(['h1', 'h2', 'h3', 'h4', 'h5', 'h6']);

/** True for headings. */
export const isHeading = ({ name, attribs }: Element): boolean => headingNames.has(name) || attribs.role === 'heading';

const paragraphNames = new Set(['p', 'li', 'dd', 'blockquote', 'td']);
const paragraphClass = /^(?:para|paragraph|simpara|text)$/;

/** True for elements that hold a paragraph of text, on sites with and without `p`. */
export const isParagraph = ({ name, attribs }: Element): boolean =>
  paragraphNames.has(name) || (name === 'div' && attribs.class !== undefined && paragraphClass.test(attribs.class));
