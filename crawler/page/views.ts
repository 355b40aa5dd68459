/** Which pictures of a page are views of one thing, by where they lead, how they are described and what stands between them. */
import type { Element } from 'domhandler';
import { withoutFragment } from '../policy/url.ts';
import type { ImageCandidate } from './candidates.ts';
import { oncePerElement } from './once-per-element.ts';
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
  const isWordless = oncePerElement((element) => !hasText(element));
  const isShared = sharedLinks(pictures);
  let last: ImageCandidate | null = null;
  for (const picture of pictures) {
    if (
      last !== null &&
      (isSameThing(last, picture, isShared) ||
        (mayBeOneThing(last, picture) && sharesWordless(last, picture, isWordless)))
    )
      firstOf.set(picture, firstOf.get(last) ?? last);
    last = picture;
  }
  return firstOf;
}

/**
 * Two pictures of one address, or that lead to one page with no heading and no paragraph between. A page that cards all over lead to
 * is not what tells them apart.
 */
function isSameThing(a: ImageCandidate, b: ImageCandidate, isShared: (key: string) => boolean): boolean {
  if (a.url === b.url) return true;
  const key = linkKey(a.surroundings.link);
  return key !== '' && isBeside(a, b) && key === linkKey(b.surroundings.link) && !isShared(key);
}

/** Whether no heading and no paragraph stands between two pictures. */
const isBeside = (a: ImageCandidate, b: ImageCandidate): boolean => b.rank <= a.rank + 1;

/** Places of a page from which on a link in each of them is that of no card. Ours: a card may be shown twice. */
const minPlacesOfShared = 3;

/** Which pages pictures lead to from many places, with words between. */
function sharedLinks(pictures: readonly ImageCandidate[]): (key: string) => boolean {
  const places = new Map<string, number>();
  let last: ImageCandidate | null = null;
  let lastKey = '';
  for (const picture of pictures) {
    const key = linkKey(picture.surroundings.link);
    if (last === null || key !== lastKey || !isBeside(last, picture)) places.set(key, (places.get(key) ?? 0) + 1);
    last = picture;
    lastKey = key;
  }
  return (key) => places.get(key)! >= minPlacesOfShared;
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
