/** Which pictures of a page are views of one thing, by where they lead, how they are described and what stands between them. */
import type { Element } from 'domhandler';
import { withoutFragment } from '../policy/url.ts';
import type { ImageCandidate } from './candidates.ts';
import { hasText } from './visible-text.ts';
import { isElement, isWithin } from './walk.ts';

/** Ancestors of a picture among which the one that it shares with the picture before is searched. Ours. */
const maxViewDepth = 6;

/**
 * The first of each group of pictures that follow each other and are views of one thing: they lead to one page, or stand in one
 * element without a word, as twins for light and dark screens do, slides, and thumbnails.
 */
export function viewsOfOneThing(pictures: readonly ImageCandidate[]): Map<ImageCandidate, ImageCandidate> {
  const firstOf = new Map<ImageCandidate, ImageCandidate>();
  const wordless = new Map<Element, boolean>();
  const isWordless = (element: Element): boolean => {
    let is = wordless.get(element);
    if (is === undefined) {
      is = !hasText(element);
      wordless.set(element, is);
    }
    return is;
  };
  let last: ImageCandidate | null = null;
  for (const picture of pictures) {
    if (
      last !== null &&
      (isSameThing(last, picture) || (mayBeOneThing(last, picture) && sharesWordless(last, picture, isWordless)))
    )
      firstOf.set(picture, firstOf.get(last) ?? last);
    last = picture;
  }
  return firstOf;
}

function isSameThing(a: ImageCandidate, b: ImageCandidate): boolean {
  if (a.url === b.url) return true;
  const key = linkKey(a.surroundings.link);
  return key !== '' && key === linkKey(b.surroundings.link);
}

/** Whether two pictures neither lead to different pages nor are described in different words. */
function mayBeOneThing(a: ImageCandidate, b: ImageCandidate): boolean {
  const [one = '', other = ''] = [a.element.attribs.alt?.trim(), b.element.attribs.alt?.trim()];
  if (one !== '' && other !== '' && one !== other) return false;
  const [from, to] = [pageKey(a.surroundings.link), pageKey(b.surroundings.link)];
  return from === '' || to === '' || from === to;
}

/** What links to one page have in common; empty for one to an image file. */
export function pageKey(link: Element | null): string {
  const key = linkKey(link);
  return imageEnding.test(key) ? '' : key;
}

const imageEnding = /\.(?:jpe?g|png|gif|webp|avif)(?:$|\?)/i;

function sharesWordless(
  { element: before }: ImageCandidate,
  { element }: ImageCandidate,
  isWordless: (element: Element) => boolean,
): boolean {
  let node = element.parent;
  for (let step = 0; node && isElement(node) && step < maxViewDepth; step += 1, node = node.parent) {
    if (!isWordless(node)) return false;
    if (isWithin(before, node, maxViewDepth + 1)) return true;
  }
  return false;
}

/** What two links to one page have in common; empty for a link to nowhere, to this page or to the beginning of a site. */
export function linkKey(link: Element | null): string {
  const href = link?.attribs.href?.trim() ?? '';
  if (href.length > maxHrefLength || /^(?:#|javascript:|\.?\/?(?:[?#]|$)|https?:\/\/[^/]+\/?$)/i.test(href)) return '';
  return withoutFragment(href);
}

/** UTF-16 units of an address. */
const maxHrefLength = 2000;
