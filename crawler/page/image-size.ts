/** How large a page shows a picture, in CSS pixels: from attributes, the style, the candidates of a `srcset`, or the URL. */
import type { Attributes } from './walk.ts';

export interface ShownSize {
  /** Null where the page does not declare it. */
  readonly width: number | null;
  readonly height: number | null;
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

/** Sides up to this, in CSS pixels, may be the terms of a ratio: `width=16 height=9 layout=responsive`. */
const maxRatioTerm = 21;

/** The size that an element declares. A ratio, as AMP and lazy pictures have it, is none. */
export function declaredSize(attribs: Attributes): ShownSize {
  const width = pixels(attribs.width, attribs.style, 'width');
  const height = pixels(attribs.height, attribs.style, 'height');
  const isRatio = /^(?:responsive|fill|intrinsic|flex-item|container)$/i.test(attribs.layout ?? '');
  if (isRatio && Math.max(width ?? 0, height ?? 0) <= maxRatioTerm) return { width: null, height: null };
  return { width, height };
}

const widthParameter = /[?&;,/](?:w|wid|width|imwidth|s|sz|size|resize)[=_](\d{2,4})(?=\D|$)/i;
const heightParameter = /[?&;,/](?:h|hei|height)[=_](\d{2,4})(?=\D|$)/i;
const sideIn = (found: RegExpExecArray | null): number | null => (found ? Number(found[1]) : null);

/** The size that a picture service's parameters or the name of a file give; of one side, where there is only one. */
export function sizeInUrl(url: string): ShownSize {
  const tail = url.slice(-300);
  const width = sideIn(widthParameter.exec(tail));
  const height = sideIn(heightParameter.exec(tail));
  if (width !== null || height !== null) return { width, height };
  const pair = /(?:^|[^a-z\d])(\d{2,4})x(\d{2,4})?(?=[^a-z\d]|$)/i.exec(tail);
  if (pair) return { width: Number(pair[1]), height: pair[2] === undefined ? null : Number(pair[2]) };
  const one = /[/,](?:w|h|s|width|height)-?(\d{2,4})(?=[,/-])/.exec(tail) ?? /\/(\d{2,4})px-/.exec(tail);
  return { width: sideIn(one), height: null };
}

/** The size by what the element declares, else by its URL. */
export function knownSize(declared: ShownSize, url: string): ShownSize {
  return declared.width === null && declared.height === null ? sizeInUrl(url) : declared;
}
