/**
 * Which text is the caption of which image: `figcaption` and its like belong to the figure around, an element whose class says
 * caption to the image just before it, and a table of pictures may have its captions in the row below.
 */
import type { Element } from 'domhandler';
import type { PartWords } from './class-words.ts';
import { isElement, textOf } from './clean-text.ts';
import type { Figure, ImageCandidate, Surroundings } from './surroundings.ts';
import { hasImage } from './walk.ts';

/** Longest caption kept, in UTF-16 units. Ours: the longest of two textbooks has 842. */
export const longestCaption = 5000;

/** Wrappers within wrappers that are looked at for a caption. */
const mostFigures = 4;

/** Steps from a caption, and from an image, to the elements that stand side by side. Ours: news sites need three. */
const captionSteps = 3;
const imageSteps = 8;

/** Images that one caption without a figure may speak of. */
const mostSharing = 20;

/** A longer cell below a picture is text of its own. */
const longestCellCaption = 500;

/** What kind of caption an element is, or null. An element that holds an image only speaks of captions. */
export function captionKind(
  element: Element,
  parts: PartWords,
  { figure, inCaption }: Surroundings,
): 'tag' | 'class' | 'title' | null {
  if (inCaption || element.name === 'img' || element.name === 'figure') return null;
  if (element.name === 'figcaption') return 'tag';
  if (/\bcaption\b/.test(element.attribs.itemprop ?? '')) return 'tag';
  if (parts.caption) return hasImage(element) ? null : 'class';
  return parts.title && figure ? 'title' : null;
}

/** Notes a caption with the figure around it and with the images just before it. */
export function noteCaption(
  element: Element,
  kind: 'tag' | 'class' | 'title',
  figure: Figure | null,
  candidates: readonly ImageCandidate[],
): void {
  if (figure && kind === 'tag') figure.byTag ??= element;
  if (figure && kind === 'title') figure.byTitle ??= element;
  if (kind === 'class' || (kind === 'tag' && !figure)) {
    if (figure) figure.byClass ??= element;
    const last = candidates.at(-1);
    let node = element;
    for (let step = 0; last && step < captionSteps && node !== figure?.element; step++) {
      const before = previousElement(node);
      if (before) {
        const oldest = Math.max(0, candidates.length - mostSharing);
        for (let i = candidates.length - 1; i >= oldest && isWithin(candidates[i]!.element, before); i--) {
          const candidate = candidates[i]!;
          if (!candidate.around.figure?.byTag) candidate.caption ??= element;
        }
        // Something else stands between.
        if (last.caption === element || textOf(before, 1) !== '') return;
      }
      if (!node.parent || !isElement(node.parent)) return;
      node = node.parent;
    }
  }
}

/** The caption of an image; `known` keeps the texts of captions that images share. */
export function captionOf({ element, around, caption }: ImageCandidate, known: Map<Element, string>): string {
  const read = (from: Element): string => {
    let text = known.get(from);
    if (text === undefined) {
      text = textOf(from, longestCaption);
      known.set(from, text);
    }
    return text;
  };
  if (caption && read(caption) !== '') return read(caption);
  let figure = around.figure;
  for (let i = 0; figure && i < mostFigures; i++) {
    for (const from of [figure.byTag, figure.byClass, figure.byTitle]) {
      if (from && read(from) !== '') return read(from);
    }
    figure = figure.outer;
  }
  return cellBelow(element);
}

/** In a row of nothing but pictures, the text of the cell below: a table that sets pictures side by side. */
function cellBelow(element: Element): string {
  let cell = element.parent;
  for (let step = 0; cell && isElement(cell) && cell.name !== 'td' && step < 4; step++) cell = cell.parent;
  if (!cell || !isElement(cell) || cell.name !== 'td' || !cell.parent || !isElement(cell.parent)) return '';
  const row = cell.parent;
  let below = row.next;
  while (below && !isElement(below)) below = below.next;
  if (row.name !== 'tr' || !below || !isElement(below) || below.name !== 'tr') return '';
  const cells = cellsOf(row);
  const lower = cellsOf(below);
  if (cells.length !== lower.length || cells.length > 20) return '';
  if (cells.some((other) => textOf(other, 100) !== '') || lower.some((other) => hasImage(other, 100))) return '';
  const text = textOf(lower[cells.indexOf(cell)]!, longestCellCaption);
  return text.length < longestCellCaption ? text : '';
}

const cellsOf = (row: Element): Element[] =>
  row.children.slice(0, 100).filter((child): child is Element => isElement(child) && child.name === 'td');

function previousElement(node: Element): Element | null {
  let before = node.prev;
  while (before && !isElement(before)) {
    if (before.type === 'text' && before.data.trim() !== '') return null;
    before = before.prev;
  }
  return before && isElement(before) ? before : null;
}

function isWithin(element: Element, ancestor: Element): boolean {
  let node: typeof element.parent = element;
  for (let step = 0; node && step < imageSteps; step++) {
    if (node === ancestor) return true;
    node = node.parent;
  }
  return false;
}
