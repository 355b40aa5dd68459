/**
 * Which file an image element means: `src`, the candidates of `srcset` and `picture`, and the attributes that lazy-loading
 * scripts keep the address in.
 */

import { normaliseUrl } from '../policy/url.ts';
import { parseSrcset } from './srcset.ts';

type Attributes = Readonly<Record<string, string>>;

export interface ImageSource {
  readonly attribs: Attributes;
}

/** The list of OBELICS (simplification_utils.py), and those of lazysizes, WordPress, Squarespace and Flickity. */
const lazySources = [
  'data-src',
  'data-original',
  'data-lazy-src',
  'data-lazy',
  'data-lateloadsrc',
  'data-img-src',
  'data-gt-lazy-src',
  'data-src-fg',
  'data-scroll-image',
  'data-original-src',
  'data-image',
  'data-url',
  'data-echo',
  'data-hi-res-src',
  'data-flickity-lazyload',
  'data-lazyload',
  'data-lazysrc',
  'data-defer-src',
  'data-orig-file',
  'src2',
];
const lazySourceSets = ['data-srcset', 'data-lazy-srcset', 'data-original-set', 'data-flickity-lazyload-srcset'];
const lazyBackgrounds = ['data-bg', 'data-background-image', 'data-background', 'data-bg-src', 'data-bgset'];

/** Wider files cost traffic and are scaled down again before a model sees them. Ours: four times a 640-pixel detector input. */
const widestSensiblePx = 2560;

/** Shopify's placeholder for a width, when the page does not say which there are. Ours. */
const usualWidthPx = 1080;

/** Files that stand in for a picture until a script loads it, by the whole of their name. */
const placeholderFile =
  /^(?:placeholder|place-?holder|spacer|blank|transparent|pixel|loading|loader|lazy-?load|shim|1x1|1px)(?:[-_.]?(?:\d+(?:x\d+)?|image|img|pixel|bg|white|src))?\.(?:gif|png|svg|jpe?g|webp)$/i;

/** The address of the file to take, and whether the element shows that there is one that scripts would reveal. */
export function bestImageUrl(
  attribs: Attributes,
  sources: readonly ImageSource[],
  base: string,
): { readonly url: string | null; readonly placeholder: boolean } {
  const own = fromSets([attribs.srcset, ...lazySourceSets.map((name) => attribs[name])], base);
  const lazy =
    lazySources.map((name) => addressIn(withWidth(attribs[name], attribs), base)).find((url) => url !== null) ?? null;
  const plain = addressIn(attribs.src, base);
  const lazyLooking = /\b(?:lazy\w*|b-lazy|unveil|lozad)\b/i.test(attribs.class ?? '');
  const others = fromSets(
    sources.flatMap(({ attribs: a }) => [a.srcset, a['data-srcset'], a['data-lazy-srcset']]),
    base,
  );
  // Sources without a width may be other crops, or copies in other formats: then the image's own file is the surest.
  const declared = own ?? ((lazy || plain) && !others?.hasWidth ? null : others);
  // A candidate with a density or width is at least what `src` shows; a lone unlabelled one may be a placeholder.
  const url =
    (declared && (declared.labelled || !lazy) ? declared.url : null) ?? lazy ?? plain ?? declared?.url ?? null;
  const isData = (attribs.src ?? '').startsWith('data:');
  return {
    url,
    placeholder:
      url === null && (isData || lazyLooking || (attribs.src ?? '') === '' || isPlaceholder(attribs.src ?? '')),
  };
}

function addressIn(value: string | undefined, base: string): string | null {
  if (value === undefined) return null;
  const trimmed = value.trim();
  if (trimmed === '' || trimmed === '#' || /^[[{]|^(?:data|blob|javascript|about):/i.test(trimmed)) return null;
  return isPlaceholder(trimmed) ? null : normaliseUrl(trimmed, base);
}

function isPlaceholder(address: string): boolean {
  const path = address.split(/[?#]/, 1)[0]!;
  return placeholderFile.test(path.slice(path.lastIndexOf('/') + 1, path.length).slice(0, 100));
}

/** Shopify's `photo_{width}x.jpg` with `data-widths="[180, 360, 720]"`. */
function withWidth(value: string | undefined, attribs: Attributes): string | undefined {
  if (value === undefined || !value.includes('{width}')) return value;
  const widths = (attribs['data-widths'] ?? '').slice(0, 500).match(/\d+/g)?.map(Number) ?? [];
  const sensible = widths.filter((width) => width <= widestSensiblePx);
  return value.replaceAll('{width}', String(sensible.length > 0 ? Math.max(...sensible) : usualWidthPx));
}

/** The best candidate of several srcset values: the widest sensible, else the densest, else the first. */
function fromSets(
  sets: readonly (string | undefined)[],
  base: string,
): { readonly url: string; readonly labelled: boolean; readonly hasWidth: boolean } | null {
  let best: { url: string; rank: number; labelled: boolean; hasWidth: boolean } | null = null;
  for (const set of sets) {
    if (set === undefined) continue;
    for (const { address, width, density } of parseSrcset(set)) {
      const size = width ?? density * 1000;
      const rank = size <= widestSensiblePx ? size : widestSensiblePx / size;
      if (best !== null && rank <= best.rank) continue;
      const url = addressIn(address, base);
      if (url === null) continue;
      best = { url, rank, labelled: width !== null || density !== 1, hasWidth: width !== null };
    }
  }
  return best;
}

/**
 * A `source` of a `picture` that is an image format we read and not for small screens only; AVIF and WebP copies stand beside a
 * JPEG or PNG.
 */
export function isSupportedSource({ type, media }: Attributes): boolean {
  return (
    (type === undefined || type.trim() === '' || /^image\/(?:jpe?g|pjpeg|png|webp|gif|avif)$/i.test(type.trim())) &&
    !(media !== undefined && /max-width|print/i.test(media))
  );
}

/** Links that open a picture over the page: the libraries' attributes and classes. */
const lightbox =
  /(?:^|[^a-z])(?:lightbox|g?lightbox\d?|fancybox|colorbox|thickbox|swipebox|venobox|magnific|mfp|photoswipe|pswp|zoom|image-?popup|shadowbox|highslide|lightgallery)(?:[^a-z]|$)/;
const thumbnailName =
  /(?:thumb|thmb|small|mini|preview|(?:^|\/)t[hn]_|[-_.](?:t[hn]?|s|sm|m|med|medium)\.[a-z]+$|[-_]\d{2,4}x\d{2,4}|\/\d{2,3}px-|\/(?:t|tn|th|sm)\/)/i;

/**
 * The full picture behind a thumbnail: where an image links to, when that is an image file and the link or the image shows
 * that the one on the page is smaller. Null when the image shown is to be taken.
 */
export function imageLink(
  target: string | null,
  shown: string,
  attribs: Attributes,
  link: Attributes = {},
): string | null {
  if (target === null || target === shown || !isImageFile(target)) return null;
  const small = Math.max(Number(attribs.width) || 0, Number(attribs.height) || 0);
  if (small > 0 && small <= 300) return target;
  const opens = Object.keys(link).some((key) => key.startsWith('data-') && lightbox.test(key));
  if (opens || lightbox.test(`${link.class ?? ''} ${link.rel ?? ''}`.toLowerCase().slice(0, 500))) return target;
  const { pathname } = new URL(shown);
  return thumbnailName.test(pathname) || fileOf(pathname) === fileOf(new URL(target).pathname) ? target : null;
}

const fileOf = (pathname: string): string => pathname.slice(pathname.lastIndexOf('/') + 1);

/** True when a link leads to an image file; wikis and code hosts have pages about images whose address ends like one. */
export function isImageFile(url: string): boolean {
  if (!/\.(?:jpe?g|png|gif|webp|avif)(?:$|\?)/i.test(url)) return false;
  const { pathname } = new URL(url);
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  return /\.(?:jpe?g|png|gif|webp|avif)$/i.test(name) && !/:|%3a/i.test(name) && !/\/(?:blob|wiki)\//.test(pathname);
}

/** The address in an inline `background-image`, or in the attribute of a script that sets one. */
export function backgroundUrl(attribs: Attributes, base: string): string | null {
  for (const name of lazyBackgrounds) {
    const value = attribs[name]?.trim();
    if (value === undefined || value === '') continue;
    const inside = /^url\(\s*["']?([^"')]*)["']?\s*\)$/i.exec(value.slice(0, 5000))?.[1] ?? value;
    const url =
      /\.(?:jpe?g|png|gif|webp|avif)(?:$|\?)/i.test(inside) || inside !== value ? addressIn(inside, base) : null;
    if (url !== null) return url;
  }
  const { style } = attribs;
  const start = style?.indexOf('url(') ?? -1;
  if (style === undefined || start === -1) return null;
  const property = style.slice(style.lastIndexOf(';', start) + 1, start);
  if (!/^\s*background(?:-image)?\s*:/i.test(property)) return null;
  const end = style.indexOf(')', start);
  if (end === -1) return null;
  return addressIn(
    style
      .slice(start + 4, end)
      .trim()
      .replace(/^["']|["']$/g, ''),
    base,
  );
}
