/**
 * Where a page begins: its title, the pictures above it (of a product, of an article) and those just below. What the page says of
 * itself, in its title and in Open Graph, is about the picture that it opens with, and not about those down in the text.
 */
import type { Element } from 'domhandler';
import type { TextBlock } from './candidates.ts';

/** By the order of images and texts in the page. */
export interface Opening {
  /** The only heading of the first level; null where there is none or several. */
  readonly title: Element | null;
  readonly has: (order: number) => boolean;
  /** Above the title, with no other heading between. */
  readonly isAboveTitle: (order: number) => boolean;
}

/** Paragraphs between a title and the picture that the page opens with: a summary, an author, a date. A heading counts twice. Ours. */
const maxOpeningBlocks = 5;

/** The beginning of a page with these texts, in document order. */
export function openingOf(blocks: readonly TextBlock[]): Opening {
  const headings = blocks.filter(({ kind }) => kind === 'heading');
  const titles = headings.filter(({ element }) => element.name === 'h1');
  const [title] = titles;
  let end = Number.POSITIVE_INFINITY;
  let count = 0;
  for (const { order, kind } of blocks) {
    if (title === undefined || order <= title.order || kind === 'link') continue;
    count += kind === 'heading' ? 2 : 1;
    if (count <= maxOpeningBlocks) continue;
    end = order;
    break;
  }
  const headingBefore = title === undefined ? undefined : headings[headings.indexOf(title) - 1];
  const isOnly = titles.length === 1;
  return {
    title: isOnly ? title!.element : null,
    has: (order) => order < end,
    isAboveTitle: (order) => isOnly && order < title!.order && order > (headingBefore?.order ?? -1),
  };
}
