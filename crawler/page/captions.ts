/**
 * Which caption belongs to which image. During the walk, captions are assigned: a `figcaption` to its figure, an element whose
 * class says caption to the images just before it, or just after it where captions stand above their pictures. Afterwards, the
 * caption of each image is read; in a table of pictures it may stand in the row below.
 */
import type { Element } from 'domhandler';
import { type ImageCandidate, isHeading } from './candidates.ts';
import { type CaptionsAbove, maxImageAncestors, maxSearched } from './captions-above.ts';
import type { ClassWords } from './class-words.ts';
import { describesDespiteMark, isCredit, isCreditMarked } from './credits.ts';
import type { Figure, Surroundings } from './surroundings.ts';
import { hasText, textOf } from './visible-text.ts';
import { hasImage, holds, isElement, isImage, isWithin } from './walk.ts';

/** UTF-16 units. Ours: the longest caption of two textbooks has 842. */
export const maxCaptionLength = 5000;

/** Nested figures that are searched for a caption, from the inside out. */
const maxFigures = 4;

/** Ancestors of a caption among which the two elements that stand side by side are searched. Ours: news sites need three. */
const maxCaptionAncestors = 3;

/** Images that share one caption without a figure. */
const maxImagesPerCaption = 20;

/** UTF-16 units. A longer cell below a picture is text of its own. */
const maxCellCaptionLength = 500;

/** Cells in a row of pictures, and ancestors of a picture among which its cell is searched. */
const maxCells = 20;
const maxCellAncestors = 4;

/** How an element is marked as a caption: a `figcaption`, a class, or the title of a figure. */
export type CaptionKind = 'tag' | 'class' | 'title';

/**
 * How an element is marked as a caption, or null. A class does not make one of a wrapper that holds an image, nor of
 * a card's text, which has a heading of its own (Bootstrap's thumbnails).
 */
export function captionKind(
  element: Element,
  words: ClassWords,
  { figure, inCaption }: Surroundings,
): CaptionKind | null {
  if (inCaption || element.name === 'img' || element.name === 'figure') return null;
  if (element.name === 'figcaption') return 'tag';
  const { itemprop } = element.attribs;
  if (itemprop !== undefined && /\bcaption\b/.test(itemprop)) return 'tag';
  if (words.caption) return holds(element, (inner) => isImage(inner) || isHeading(inner)) ? null : 'class';
  return words.title && figure ? 'title' : null;
}

/** Assigns a caption to the figure around it, or to the images just before it. */
export function assignCaption(
  element: Element,
  kind: CaptionKind,
  figure: Figure | null,
  candidates: readonly ImageCandidate[],
  above: CaptionsAbove,
): void {
  if (figure && kind === 'tag') figure.captionByTag ??= element;
  if (figure && kind === 'class') figure.captionByClass ??= element;
  if (figure && kind === 'title') figure.captionByTitle ??= element;
  if (kind !== 'class' && (kind !== 'tag' || figure)) return;
  if (!above.add(element)) assignToImagesBefore(element, figure, candidates);
}

function assignToImagesBefore(caption: Element, figure: Figure | null, candidates: readonly ImageCandidate[]): void {
  const last = candidates.at(-1);
  if (!last) return;
  const oldest = Math.max(0, candidates.length - maxImagesPerCaption);
  let node = caption;
  for (let step = 0; step < maxCaptionAncestors && node !== figure?.element; step++) {
    const before = previousElement(node);
    if (before) {
      // What stands below a list of pictures with words of their own is about the list.
      const second = candidates.at(-2);
      if (second && isWithin(second.element, before, maxImageAncestors) && saysMore(before)) return;
      for (
        let i = candidates.length - 1;
        i >= oldest && isWithin(candidates[i]!.element, before, maxImageAncestors);
        i--
      ) {
        const candidate = candidates[i]!;
        const own = candidate.surroundings.figure?.captionByTag;
        if (!own || isCreditElement(own)) candidate.siblingCaption ??= caption;
      }
      // Found, or text of its own stands between.
      if (last.siblingCaption === caption || hasText(before)) return;
    }
    // In an element with a picture of its own it is not the caption of another one before that.
    if (!node.parent || !isElement(node.parent) || hasImage(node.parent, maxSearched)) return;
    node = node.parent;
  }
}

/** UTF-16 units of a text that may be a credit. */
const maxCreditLength = 100;

/** Elements in elements, and beside each other, among which other text is searched. */
const maxTextDepth = 6;
const maxTextElements = 40;

function isCreditElement(element: Element): boolean {
  const text = textOf(element, maxCreditLength);
  return isCredit(text) || (isCreditMarked(element) && !describesDespiteMark(text));
}

/** Whether an element has text that is no credit of a picture. */
function saysMore(element: Element, depth = 0): boolean {
  if (!hasText(element)) return false;
  if (isCreditElement(element)) return false;
  const inner = element.children.filter(isElement);
  const hasOwnText = element.children.some((child) => child.type === 'text' && child.data.trim() !== '');
  if (hasOwnText || depth >= maxTextDepth || inner.length > maxTextElements) return true;
  return inner.some((child) => saysMore(child, depth + 1));
}

/** The words of a caption, without what is marked as the name of who made the picture; all where that is marked so and describes it. */
export function captionText(caption: Element): string {
  const text = isCreditMarked(caption) ? '' : textOf(caption, maxCaptionLength, isCreditMarked);
  if (text !== '') return text;
  const whole = textOf(caption, maxCaptionLength);
  return describesDespiteMark(whole) ? whole : '';
}

/** The element that is the caption of an image, or null; `read` gives the text of an element. */
export function captionOf(
  { element, surroundings, siblingCaption }: ImageCandidate,
  read: (element: Element) => string,
): Element | null {
  if (siblingCaption && read(siblingCaption) !== '') return siblingCaption;
  let { figure } = surroundings;
  for (let i = 0; figure && i < maxFigures; i++) {
    for (const caption of [figure.captionByTag, figure.captionByClass, figure.captionByTitle]) {
      if (caption && read(caption) !== '') return caption;
    }
    figure = figure.outer;
  }
  return cellBelow(element);
}

/** The cell below, where a table sets pictures side by side: a row of nothing but pictures. */
function cellBelow(element: Element): Element | null {
  let cell = element.parent;
  for (let step = 0; cell && isElement(cell) && cell.name !== 'td' && step < maxCellAncestors; step++)
    cell = cell.parent;
  if (!cell || !isElement(cell) || cell.name !== 'td' || !cell.parent || !isElement(cell.parent)) return null;
  const row = cell.parent;
  let below = row.next;
  while (below && !isElement(below)) below = below.next;
  if (row.name !== 'tr' || !below || !isElement(below) || below.name !== 'tr') return null;
  const cells = cellsOf(row);
  const lower = cellsOf(below);
  if (cells.length !== lower.length || cells.length > maxCells) return null;
  if (cells.some((other) => textOf(other, 100) !== '') || lower.some((other) => hasImage(other, 100))) return null;
  const caption = lower[cells.indexOf(cell)]!;
  const text = textOf(caption, maxCellCaptionLength);
  return text !== '' && text.length < maxCellCaptionLength ? caption : null;
}

const cellsOf = (row: Element): Element[] =>
  row.children.slice(0, 100).filter((child): child is Element => isElement(child) && child.name === 'td');

/** The element just before, unless there is text between. */
function previousElement(node: Element): Element | null {
  let before = node.prev;
  while (before && !isElement(before)) {
    if (before.type === 'text' && before.data.trim() !== '') return null;
    before = before.prev;
  }
  return before && isElement(before) ? before : null;
}
