/**
 * What an element inherits from its ancestors: the region of the page, the figure, the link. Most elements share the object of
 * their parent; a new one is made only where something changes.
 */
import type { Element } from 'domhandler';
import type { ClassWords, Region } from './class-words.ts';
import type { SetChoice } from './image-urls.ts';

/** An element that wraps images with their caption; captions are filled in as the walk meets them. */
export interface Figure {
  readonly element: Element;
  readonly outer: Figure | null;
  /** A `figcaption`. */
  captionByTag: Element | null;
  captionByClass: Element | null;
  /** DocBook and AsciiDoc give a figure a title. */
  captionByTitle: Element | null;
  hasImage: boolean;
}

export interface Surroundings {
  /** The element that these were made for, and what surrounds it; null for the whole page. */
  readonly element: Element | null;
  readonly outer: Surroundings | null;
  /** Inside `main`, `article` or an element that stands for them. */
  readonly inMain: boolean;
  readonly region: Region | null;
  readonly figure: Figure | null;
  readonly link: Element | null;
  readonly inCaption: boolean;
  /** The best of the `source` elements of the `picture` so far; null outside one. */
  readonly picture: { source: SetChoice | null } | null;
}

export const pageSurroundings: Surroundings = {
  element: null,
  outer: null,
  inMain: false,
  region: null,
  figure: null,
  link: null,
  inCaption: false,
  picture: null,
};

/** The surroundings of what is below an element. */
export function enterSurroundings(
  element: Element,
  words: ClassWords,
  isCaption: boolean,
  outer: Surroundings,
): Surroundings {
  const { name, attribs } = element;
  const region = regionOf(element, words, outer.inMain);
  const isMain =
    name === 'main' ||
    name === 'article' ||
    attribs.role === 'main' ||
    attribs.itemprop === 'articleBody' ||
    (words.main && name !== 'body' && name !== 'html');
  const isFigure =
    name === 'figure' ||
    (!isCaption && (words.figure || attribs.itemtype?.endsWith('schema.org/ImageObject') === true));
  const isPicture = name === 'picture';
  if (region === null && !isMain && !isFigure && !isPicture && !isCaption && name !== 'a') return outer;
  return {
    element,
    outer,
    inMain: outer.inMain || isMain,
    // A main element inside something that only looks like boilerplate is the page's content after all.
    region: name === 'main' ? null : (outer.region ?? region),
    figure: isFigure ? emptyFigure(element, outer.figure) : outer.figure,
    link: name === 'a' ? element : outer.link,
    inCaption: outer.inCaption || isCaption,
    picture: isPicture ? { source: null } : outer.picture,
  };
}

const emptyFigure = (element: Element, outer: Figure | null): Figure => ({
  element,
  outer,
  captionByTag: null,
  captionByClass: null,
  captionByTitle: null,
  hasImage: false,
});

const landmarkElements: ReadonlyMap<string, Region> = new Map([
  ['header', 'header'],
  ['nav', 'navigation'],
  ['aside', 'aside'],
  ['footer', 'footer'],
  ['dialog', 'overlay'],
]);
const landmarkRoles: ReadonlyMap<string, Region> = new Map([
  ['banner', 'header'],
  ['navigation', 'navigation'],
  ['menubar', 'navigation'],
  ['menu', 'navigation'],
  ['complementary', 'aside'],
  ['contentinfo', 'footer'],
  ['dialog', 'overlay'],
  ['alertdialog', 'overlay'],
]);

/** The boilerplate region that an element opens, or null. A header inside the main content belongs to the content. */
function regionOf({ name, attribs }: Element, words: ClassWords, inMain: boolean): Region | null {
  if (name === 'html' || name === 'body' || name === 'main' || name === 'img' || name === 'figure') return null;
  const byClass = inMain ? words.regionInMain : words.region;
  if (byClass !== null) return byClass;
  const byRole = attribs.role === undefined ? null : landmarkRoles.get(attribs.role);
  const landmark = landmarkElements.get(name) ?? byRole ?? null;
  return landmark === 'header' && inMain ? null : landmark;
}
