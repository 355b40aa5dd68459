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

/** The longer side that the name of a file or a picture service's parameters give, or null. */
export function sizeInUrl(url: string): number | null {
  const tail = url.slice(-300);
  const pair = /(?:^|[^a-z\d])(\d{2,4})x(\d{2,4})?(?=[^a-z\d]|$)/i.exec(tail);
  if (pair) return Math.max(Number(pair[1]), Number(pair[2] ?? 0));
  const one =
    /[?&;](?:w|width|wid|imwidth|h|hei|height|s|sz|size|resize)=(\d{2,4})(?=\D|$)/i.exec(tail) ??
    /[/,](?:w|h|s|width|height)[_=-]?(\d{2,4})(?=[,/-])/.exec(tail) ??
    /\/(\d{2,4})px-/.exec(tail);
  return one ? Number(one[1]) : null;
}

/** The longer side by what the element declares, else by its URL; null where neither says. */
export function longerSide({ width, height }: ShownSize, url: string): number | null {
  return width === null && height === null ? sizeInUrl(url) : Math.max(width ?? 0, height ?? 0);
}
