/**
 * Which file an element shows: `src`, the candidates of `srcset` and `picture`, the attributes that lazy-loading scripts keep
 * the URL in, and backgrounds.
 */
import type { Element } from 'domhandler';
import { absoluteUrl } from '../policy/url.ts';
import { parseSrcset } from './srcset.ts';
import { type Attributes, walk } from './walk.ts';

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

/** Wider files cost traffic and are scaled down before a model sees them. Ours: four times a 640-pixel detector input. */
const maxUsefulWidthPx = 2560;

/** For Shopify's `{width}` when the page does not list the widths. Ours. */
const defaultWidthPx = 1080;

/** Names of files that are shown until a script loads the picture. */
const placeholderName =
  /^(?:placeholder|place-?holder|spacer|blank|transparent|pixel|loading|loader|lazy-?load|shim|1x1|1px)(?:[-_.]?(?:\d+(?:x\d+)?|image|img|pixel|bg|white|src))?\.(?:gif|png|svg|jpe?g|webp)$/i;

/**
 * The file to take for an `img`, given the `source` elements of its `picture`. `isPlaceholder` is true when there is none and
 * the element looks as if a script would fill one in.
 */
export function bestImageUrl(
  attribs: Attributes,
  pictureSources: readonly Attributes[],
  base: string,
): { readonly url: string | null; readonly isPlaceholder: boolean } {
  const own = bestOfSets([attribs.srcset, ...lazySourceSets.map((name) => attribs[name])], base);
  const lazy =
    lazySources.map((name) => toUrl(withWidth(attribs[name], attribs), base)).find((url) => url !== null) ?? null;
  const plain = toUrl(attribs.src, base);
  const picture = bestOfSets(
    pictureSources.flatMap((source) => [source.srcset, source['data-srcset'], source['data-lazy-srcset']]),
    base,
  );
  // Sources without a width may be other crops, or copies in other formats: then the image's own file is the safest.
  const declared = own ?? ((lazy || plain) && !picture?.hasWidth ? null : picture);
  // A candidate with a density or width is at least what `src` shows; a lone one without may be a placeholder.
  const url =
    (declared && (declared.hasDescriptor || !lazy) ? declared.url : null) ?? lazy ?? plain ?? declared?.url ?? null;
  return { url, isPlaceholder: url === null && looksUnloaded(attribs) };
}

function looksUnloaded({ src = '', class: classes = '' }: Attributes): boolean {
  const isLazy = /\b(?:lazy\w*|b-lazy|unveil|lozad)\b/i.test(classes);
  return isLazy || src === '' || src.startsWith('data:') || isPlaceholder(src);
}

/** Null for what is not a URL of a file, and for placeholders. */
function toUrl(value: string | undefined, base: string): string | null {
  if (value === undefined) return null;
  const trimmed = value.trim();
  if (trimmed === '' || trimmed === '#' || /^[[{]|^(?:data|blob|javascript|about):/i.test(trimmed)) return null;
  return isPlaceholder(trimmed) ? null : absoluteUrl(trimmed, base);
}

function isPlaceholder(address: string): boolean {
  const path = address.split(/[?#]/, 1)[0]!;
  return placeholderName.test(path.slice(path.lastIndexOf('/') + 1).slice(0, 100));
}

/** Shopify's `photo_{width}x.jpg` with `data-widths="[180, 360, 720]"`. */
function withWidth(value: string | undefined, attribs: Attributes): string | undefined {
  if (value === undefined || !value.includes('{width}')) return value;
  const widths = (attribs['data-widths'] ?? '').slice(0, 500).match(/\d+/g)?.map(Number) ?? [];
  const useful = widths.filter((width) => width <= maxUsefulWidthPx);
  return value.replaceAll('{width}', String(useful.length > 0 ? Math.max(...useful) : defaultWidthPx));
}

/** The best candidate of several srcset values: the widest that is useful, else the densest, else the first. */
function bestOfSets(
  sets: readonly (string | undefined)[],
  base: string,
): { readonly url: string; readonly hasDescriptor: boolean; readonly hasWidth: boolean } | null {
  let best: { url: string; rank: number; hasDescriptor: boolean; hasWidth: boolean } | null = null;
  for (const set of sets) {
    if (set === undefined) continue;
    for (const { address, width, density } of parseSrcset(set)) {
      const size = width ?? density * 1000;
      const rank = size <= maxUsefulWidthPx ? size : maxUsefulWidthPx / size;
      if (best !== null && rank <= best.rank) continue;
      const url = toUrl(address, base);
      if (url === null) continue;
      best = { url, rank, hasDescriptor: width !== null || density !== 1, hasWidth: width !== null };
    }
  }
  return best;
}

/** True for a `source` of a `picture` in a format that we read, unless it is for print or for small screens only. */
export function isSupportedSource({ type, media }: Attributes): boolean {
  return (
    (type === undefined || type.trim() === '' || /^image\/(?:jpe?g|pjpeg|png|webp|gif|avif)$/i.test(type.trim())) &&
    !(media !== undefined && /max-width|print/i.test(media))
  );
}

/** The file of an inline `background-image`, or of the attribute from which a script sets one. */
export function backgroundUrl(attribs: Attributes, base: string): string | null {
  for (const name of lazyBackgrounds) {
    const value = attribs[name]?.trim();
    if (value === undefined || value === '') continue;
    const inside = /^url\(\s*["']?([^"')]*)["']?\s*\)$/i.exec(value.slice(0, 5000))?.[1] ?? value;
    const url = /\.(?:jpe?g|png|gif|webp|avif)(?:$|\?)/i.test(inside) || inside !== value ? toUrl(inside, base) : null;
    if (url !== null) return url;
  }
  const { style } = attribs;
  const start = style?.indexOf('url(') ?? -1;
  if (style === undefined || start === -1) return null;
  const property = style.slice(style.lastIndexOf(';', start) + 1, start);
  if (!/^\s*background(?:-image)?\s*:/i.test(property)) return null;
  const end = style.indexOf(')', start);
  if (end === -1) return null;
  return toUrl(
    style
      .slice(start + 4, end)
      .trim()
      .replace(/^["']|["']$/g, ''),
    base,
  );
}

/** Elements of a drawing that are looked at. */
const maxSvgElements = 100;

/** The file of a photograph inside an `svg`, which may serve as its frame or its mask. */
export function svgImageUrl(svg: Element, base: string): string | null {
  let url: string | null = null;
  let visited = 0;
  walk(svg, {
    enter: ({ name, attribs }) => {
      visited += 1;
      if (name === 'image') url ??= absoluteUrl(attribs.href ?? attribs['xlink:href'] ?? '', base);
      return url === null && visited < maxSvgElements;
    },
  });
  return url;
}
