/** The features of an image by which dominant.ts decides, read from its element, its link and its surroundings. */
import type { Element } from 'domhandler';
import type { ImageCandidate } from './candidates.ts';
import type { ImageFeatures } from './dominant.ts';
import { linkKind } from './links.ts';
import { isElement } from './walk.ts';

/** The features of an image; `target` is where the link around it leads. */
export function featuresOf(
  { element, surroundings, url }: ImageCandidate,
  {
    target,
    pageUrl,
    hasCaption,
    isRepresentative,
  }: {
    readonly target: string | null;
    readonly pageUrl: string;
    readonly hasCaption: boolean;
    readonly isRepresentative: boolean;
  },
): ImageFeatures {
  const { attribs } = element;
  return {
    region: surroundings.region,
    inMain: surroundings.inMain,
    inFigure: surroundings.figure !== null,
    hasCaption,
    width: pixels(attribs.width, attribs.style, 'width'),
    height: pixels(attribs.height, attribs.style, 'height'),
    url,
    classes: classesOf(element),
    alt: attribs.alt ?? null,
    link: linkKind(target, pageUrl),
    presentational:
      /^(?:presentation|none)$/.test(attribs.role ?? '') ||
      surroundings.hidden ||
      attribs['aria-hidden'] === 'true' ||
      attribs.hidden !== undefined ||
      /(?:^|;)\s{0,9}(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)/i.test(attribs.style ?? ''),
    isRepresentative,
  };
}

const styleSide = {
  width: /(?:^|[;\s])width\s{0,9}:\s{0,9}(\d{1,6}(?:\.\d{1,9})?)px/i,
  height: /(?:^|[;\s])height\s{0,9}:\s{0,9}(\d{1,6}(?:\.\d{1,9})?)px/i,
} as const;

/** A side in CSS pixels, from the attribute or the style attribute. */
function pixels(attribute: string | undefined, style: string | undefined, side: 'width' | 'height'): number | null {
  const value =
    (style && styleSide[side].exec(style)?.[1]) ??
    /^\s{0,9}(\d{1,6}(?:\.\d{1,9})?)\s{0,9}(?:px)?\s{0,9}$/.exec(attribute ?? '')?.[1];
  return value ? Number(value) : null;
}

/** UTF-16 units. */
const maxClassesLength = 1000;

/** Class and id of the image and of a wrapper that holds little else. */
function classesOf({ attribs, parent }: Element): string {
  const wrapper = parent && isElement(parent) && parent.children.length <= 3 ? parent.attribs : {};
  return [attribs.class, attribs.id, wrapper.class, wrapper.id]
    .filter((label) => label !== undefined)
    .join(' ')
    .slice(0, maxClassesLength)
    .toLowerCase();
}
