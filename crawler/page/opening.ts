/**
 * Where a page begins: its title, the pictures above it (of a product, of an article) and those just below. What the page says of
 * itself, in its title and in Open Graph, is about the picture that it opens with, and not about those down in the text.
 */
import type { Element } from 'domhandler';
import type { ImageCandidate, TextBlock } from './candidates.ts';
import { textOf } from './visible-text.ts';
import { isElement } from './walk.ts';

/** By the order of images and texts in the page. */
export interface Opening {
  /** The only heading of the first level; null where there is none or several. */
  readonly title: Element | null;
  readonly has: (order: number) => boolean;
  /** Not farther above the title than below it. */
  readonly isNearTitle: (order: number) => boolean;
  /** Above the title, with no other heading between. */
  readonly isAboveTitle: (order: number) => boolean;
}

/** Paragraphs between a title and the picture that the page opens with: a summary, an author, a date. A heading counts twice. Ours. */
const maxOpeningBlocks = 5;

/** UTF-16 units of a title that is looked for in the head. */
const minTitleLength = 4;
const maxTitleLength = 300;

/**
 * The beginning of a page with these texts, in document order. `declared` is the title that its head gives. `views` are pictures of
 * one thing: the entries of the list that they stand in are no texts, for a product may have ten above its name.
 */
export function openingOf(all: readonly TextBlock[], views: readonly ImageCandidate[], declared: string): Opening {
  const entries = elementsAround(views);
  const blocks =
    entries.size === 0 ? all : all.filter(({ kind, element }) => kind === 'heading' || !entries.has(element));
  const headings = blocks.filter(({ kind }) => kind === 'heading');
  const firstLevel = headings.filter(({ element }) => element.name === 'h1');
  // Where the name of the site is a heading of the first level, too, the head knows which is the page's.
  const isDeclared = ({ element }: TextBlock): boolean => {
    const text = textOf(element, maxTitleLength);
    return text.length >= minTitleLength && declared.startsWith(text);
  };
  const declaredTitles = firstLevel.length > 1 ? firstLevel.filter(isDeclared) : [];
  const titles = declaredTitles.length > 0 ? declaredTitles.slice(0, 1) : firstLevel;
  const [title] = titles;
  const at = title === undefined ? -1 : blocks.indexOf(title);
  const end = at < 0 ? undefined : farthest(blocks.slice(at + 1));
  const start = at < 0 ? undefined : farthest(blocks.slice(0, at).reverse());
  const headingBefore = title === undefined ? undefined : headings[headings.indexOf(title) - 1];
  const isOnly = titles.length === 1;
  return {
    title: isOnly ? title!.element : null,
    has: (order) => end === undefined || order < end.order,
    isNearTitle: (order) => (end === undefined || order < end.order) && (start === undefined || order > start.order),
    isAboveTitle: (order) => isOnly && order < title!.order && order > (headingBefore?.order ?? -1),
  };
}

/** The first of these texts that is too far away. */
function farthest(blocks: readonly TextBlock[]): TextBlock | undefined {
  let count = 0;
  return blocks.find(({ kind }) => {
    if (kind !== 'link') count += kind === 'heading' ? 2 : 1;
    return count > maxOpeningBlocks;
  });
}

/** Ancestors of a picture that may be the entry of a list. Ours. */
const maxEntryDepth = 8;

function elementsAround(pictures: readonly ImageCandidate[]): ReadonlySet<Element> {
  const around = new Set<Element>();
  for (const { element } of pictures) {
    let node: Element['parent'] = element.parent;
    for (let step = 0; node && isElement(node) && step < maxEntryDepth; step += 1, node = node.parent) around.add(node);
  }
  return around;
}
