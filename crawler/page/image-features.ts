/** What an image element, its link and its place tell the judgement of dominant.ts. */
import type { Element } from 'domhandler';
import { isElement } from './clean-text.ts';
import type { ImageFeatures } from './dominant.ts';
import { isImageFile } from './image-urls.ts';
import type { ImageCandidate } from './surroundings.ts';

/** Where an image leads; to the page that it stands on leads a logo. */
export function linkKind(target: string | null, pageUrl: string): ImageFeatures['link'] {
  if (target === null) return 'none';
  if (isImageFile(target)) return 'image';
  const [to, from] = [new URL(target), new URL(pageUrl)];
  if (to.hostname !== from.hostname) return 'other-site';
  const isHome = /^\/(?:index\.\w+|home\/?)?$/.test(to.pathname) && to.search === '';
  return isHome || to.href === from.href ? 'home' : 'same-site';
}

/** The features of an image on the page, but for what the rest of the page says of it. */
export function featuresOf(
  { element, around, url }: ImageCandidate,
  {
    target,
    pageUrl,
    hasCaption,
    isShared,
  }: {
    /** Where the link around the image leads. */
    readonly target: string | null;
    readonly pageUrl: string;
    readonly hasCaption: boolean;
    readonly isShared: boolean;
  },
): ImageFeatures {
  const { attribs } = element;
  return {
    region: around.region,
    inMain: around.inMain,
    inFigure: around.figure !== null,
    hasCaption,
    width: pixels(attribs.width, attribs.style, 'width'),
    height: pixels(attribs.height, attribs.style, 'height'),
    url,
    classes: classesOf(element),
    alt: attribs.alt ?? null,
    link: linkKind(target, pageUrl),
    presentational:
      /^(?:presentation|none)$/.test(attribs.role ?? '') ||
      around.hidden ||
      attribs['aria-hidden'] === 'true' ||
      attribs.hidden !== undefined ||
      /(?:^|;)\s{0,9}(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)/i.test(attribs.style ?? ''),
    isShared,
  };
}

const styled = {
  width: /(?:^|[;\s])width\s{0,9}:\s{0,9}(\d{1,6}(?:\.\d{1,9})?)px/i,
  height: /(?:^|[;\s])height\s{0,9}:\s{0,9}(\d{1,6}(?:\.\d{1,9})?)px/i,
} as const;

/** A side in CSS pixels, from the attribute or the style attribute. */
function pixels(attribute: string | undefined, style: string | undefined, side: 'width' | 'height'): number | null {
  const value =
    (style && styled[side].exec(style)?.[1]) ??
    /^\s{0,9}(\d{1,6}(?:\.\d{1,9})?)\s{0,9}(?:px)?\s{0,9}$/.exec(attribute ?? '')?.[1];
  return value ? Number(value) : null;
}

/** Class and id of the image and of a wrapper that holds little else. */
function classesOf({ attribs, parent }: Element): string {
  const wrapper = parent && isElement(parent) && parent.children.length <= 3 ? parent.attribs : {};
  return [attribs.class, attribs.id, wrapper.class, wrapper.id]
    .filter((label) => label !== undefined)
    .join(' ')
    .slice(0, 1000)
    .toLowerCase();
}
