/** What an element inherits from those around it: landmark, figure, link; a new one only where something changes. */
import type { Element } from 'domhandler';
import { type PartWords, regionOf } from './class-words.ts';
import type { Region } from './dominant.ts';
import type { ImageSource } from './image-urls.ts';

/** An element that wraps images with their caption; the captions are filled in as the walk meets them. */
export interface Figure {
  readonly element: Element;
  readonly outer: Figure | null;
  /** `figcaption`, else a class that says caption, else (DocBook, AsciiDoc) a title. */
  byTag: Element | null;
  byClass: Element | null;
  byTitle: Element | null;
  images: number;
}

export interface Surroundings {
  readonly node: Element | null;
  readonly outer: Surroundings | null;
  readonly inMain: boolean;
  readonly region: Region | null;
  readonly figure: Figure | null;
  readonly link: Element | null;
  readonly hidden: boolean;
  readonly inCaption: boolean;
  /** The sources of the `picture` around. */
  readonly picture: ImageSource[] | null;
}

/** The surroundings of a whole page. */
export const nowhere: Surroundings = {
  node: null,
  outer: null,
  inMain: false,
  region: null,
  figure: null,
  link: null,
  hidden: false,
  inCaption: false,
  picture: null,
};

/** The surroundings below an element; `isCaption` says that it is an image's caption. */
export function enterSurroundings(
  element: Element,
  parts: PartWords,
  isCaption: boolean,
  outer: Surroundings,
): Surroundings {
  const { name, attribs } = element;
  const region = regionOf(element, parts, outer.inMain);
  const isMain =
    name === 'main' ||
    name === 'article' ||
    attribs.role === 'main' ||
    attribs.itemprop === 'articleBody' ||
    (parts.main && name !== 'body' && name !== 'html');
  const isFigure =
    name === 'figure' ||
    (!isCaption && (parts.figure || attribs.itemtype?.endsWith('schema.org/ImageObject') === true));
  const hidden = attribs['aria-hidden'] === 'true' || attribs.hidden !== undefined;
  const isPicture = name === 'picture';
  if (region === null && !isMain && !isFigure && !hidden && !isPicture && !isCaption && name !== 'a') return outer;
  return {
    node: element,
    outer,
    inMain: outer.inMain || isMain,
    // A main element inside something that only looks like furniture is the page's content after all.
    region: name === 'main' ? null : (outer.region ?? region),
    figure: isFigure
      ? { element, outer: outer.figure, byTag: null, byClass: null, byTitle: null, images: 0 }
      : outer.figure,
    link: name === 'a' ? element : outer.link,
    hidden: outer.hidden || hidden,
    inCaption: outer.inCaption || isCaption,
    picture: isPicture ? [] : outer.picture,
  };
}

/** An image element, or a link to an image, and where it stands. */
export interface ImageCandidate {
  readonly url: string;
  readonly element: Element;
  readonly around: Surroundings;
  readonly heading: Element | null;
  /** The paragraphs before and after, up to a heading. */
  readonly before: Element | null;
  after: Element | null;
  /** A caption that stands beside it without a figure around both. */
  caption: Element | null;
}
