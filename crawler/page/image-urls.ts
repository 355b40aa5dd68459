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

/** Sets of candidates have names of many plugins, `data-lazy-srcset` and the like. */
const isSourceSet = (name: string): boolean => name.includes('srcset') || name === 'data-original-set';

/** Attributes that name other things than the picture, even where they hold the address of an image file. */
const otherPurpose =
  /^(?:alt|title|class|id|style|src|href|sizes|usemap|longdesc|on\w+)$|placeholder|thumb|small|low|lqip|blur|tiny|preview|hover|error|fallback|default|loading|spinner|logo|icon|avatar|next|prev|poster|-bg|background/;
/** An attribute with such a name may hold an address without the ending of an image file, as image services have them. */
const sourceName = /src|original|lazy|image|img|photo|full|large|hi-?res/;
const imageEnding = /.\.(?:jpe?g|png|gif|webp|avif)(?:[?#]|$)/i;
const absoluteAddress = /^(?:https?:)?\/\/[^\s"'<>{}]+$/i;
const maxAddressLength = 2000;

/** What templates and scripts leave behind when there was nothing to write. */
const notWritten = /^(?:undefined|null|none|false|true|nan|\[object .*)$|\{\{|\$\{|<%|%7b%7b/i;

/** Wider files cost traffic and are scaled down before a model sees them. Ours: four times a 640-pixel detector input. */
const maxUsefulWidthPx = 2560;

/** For Shopify's `{width}` when the page does not list the widths. Ours. */
const defaultWidthPx = 1080;

/** Names of files that are shown until a script loads the picture, or where there is none. */
const placeholderName =
  /^(?:(?:img|image)?[-_]?place-?holder|spacer|blank|transparent|pixel|(?:ajax-?|pre)?loader|loading|spinner|lazy(?:[-_]?(?:load|placeholder))?|shim|no-?(?:image|img|photo|picture)|1x1|1px)(?:[-_.]?(?:\d+(?:x\d+)?|image|img|pixel|bg|white|src))?\.(?:gif|png|svg|jpe?g|webp)$/i;
/** Names that may say the same, or what the picture shows: they count only where the element names another file. */
const possiblePlaceholderName =
  /^(?:empty|clear|dummy|gr[ae]y|dot|trans)(?:[-_.]?(?:\d+(?:x\d+)?|image|img|pixel|bg|white|src))?\.(?:gif|png|svg|jpe?g|webp)$/i;

/** The best file of some sets of candidates. */
export interface SetChoice {
  readonly url: string;
  /** By pixels: the widest that is useful, else the densest. */
  readonly rank: number;
  /** The page says how wide or dense it is. */
  readonly hasDescriptor: boolean;
  readonly hasWidth: boolean;
}

/**
 * The file to take for an `img`, given the best one of the `source` elements of its `picture` so far. `isPlaceholder` is true
 * when there is none and the element looks as if a script would fill one in.
 */
export function bestImageUrl(
  attribs: Attributes,
  picture: SetChoice | null,
  base: string,
): { readonly url: string | null; readonly isPlaceholder: boolean } {
  const own = bestOfSets(attribs, null, base);
  const shown = toUrl(attribs.src, base);
  const plain = possiblePlaceholderName.test(fileName(attribs.src ?? '')) ? null : shown;
  const known = largest(lazySources.map((name) => toUrl(withWidth(attribs[name], attribs), base)));
  // Beside a real `src`, only an attribute that is known to hold the picture can be better than that.
  const lazy = plain === null ? (known ?? largest(unknownSources(attribs, base))) : known;
  const single = lazy !== null && (plain === null || isLarger(lazy, plain, attribs)) ? lazy : plain;
  // Sources without a width may be other crops, or copies in other formats: then the image's own file is the safest.
  const declared = own ?? (single !== null && !picture?.hasWidth ? null : picture);
  // A candidate with a density or width is at least what `src` shows; a lone one without may be a placeholder.
  const isSetBest = declared !== null && (declared.hasDescriptor || single !== lazy || lazy === null);
  const url = (isSetBest ? declared.url : null) ?? single ?? declared?.url ?? shown;
  return { url, isPlaceholder: url === null && looksUnloaded(attribs) };
}

/** Whether a text is the address of an image file. What stands behind `?` and `#` may have quotes and brackets. */
function isImageAddress(text: string): boolean {
  const [clean = ''] = /^[^\s"'<>{}]*/.exec(text) ?? [];
  return !/\s/.test(text) && imageEnding.test(clean === text ? clean : `${clean} `);
}

/** Files in attributes that no list has: plugins invent them. */
function unknownSources(attribs: Attributes, base: string): (string | null)[] {
  return Object.entries(attribs).map(([name, value]) => {
    if (value.length > maxAddressLength || otherPurpose.test(name) || isSourceSet(name)) return null;
    const address = value.trim();
    const isOne = isImageAddress(address) || (sourceName.test(name) && absoluteAddress.test(address));
    return isOne ? toUrl(withWidth(address, attribs), base) : null;
  });
}

/** The width in pixels that a URL names: `boat-800x600.jpg`, `boat_800x.jpg`, `?w=800`, `/w_800,h_600/`, `/800px-boat.jpg`. */
function widthInUrl(url: string): number | null {
  const tail = url.slice(-500);
  const found =
    /[-_/](\d{1,4})x(?:\d{1,4})?(?=[-_./@?]|$)/.exec(tail) ??
    /[?&](?:w|width|wid|imwidth)=(\d{1,4})(?=&|$)/i.exec(tail) ??
    /\/w[_-]?(\d{1,4})(?=[,/])/.exec(tail) ??
    /\/(\d{1,4})px-/.exec(tail);
  return found ? Number(found[1]) : null;
}

/** The widest by name; the first where names say nothing. */
function largest(urls: readonly (string | null)[]): string | null {
  let best: string | null = null;
  for (const url of urls) {
    if (url === null) continue;
    if (best === null || (widthInUrl(url) ?? 0) > (widthInUrl(best) ?? Number.POSITIVE_INFINITY)) best = url;
  }
  return best;
}

/** Names of copies that are smaller than the picture. */
const smallName = /(?:^|[^a-z])(?:thumb(?:nail)?s?|small|tiny|mini|low|lqip|blur|preview|icon)(?:[^a-z]|$)/i;

/** CSS pixels. Ours: a file for a narrower place is a thumbnail, and one for a wider place is not the stand-in of another. */
const minPicturePx = 300;
const maxStandInPx = 1000;

/** Whether the file in a lazy attribute is to be taken for the one in `src`, which may be a blurred copy of it. */
function isLarger(lazy: string, plain: string, { width, class: classes = '' }: Attributes): boolean {
  const [lazyPx, plainPx] = [widthInUrl(lazy), widthInUrl(plain)];
  if (lazyPx !== null && plainPx !== null) return lazyPx >= plainPx;
  if (lazyPx !== null) return lazyPx >= (Number(width) || minPicturePx);
  if (smallName.test(lazy) && !smallName.test(plain)) return false;
  return plainPx === null || plainPx < maxStandInPx || isLazyClass(classes);
}

const isLazyClass = (classes: string): boolean => /\b(?:lazy\w*|b-lazy|unveil|lozad)\b/i.test(classes);

function looksUnloaded({ src = '', class: classes = '' }: Attributes): boolean {
  return isLazyClass(classes) || src === '' || src.startsWith('data:') || isPlaceholder(src);
}

/** Null for what is not a URL of a file, and for placeholders. */
function toUrl(value: string | undefined, base: string): string | null {
  if (value === undefined) return null;
  const trimmed = value.trim();
  if (trimmed === '' || trimmed === '#' || /^[[{]|^(?:data|blob|javascript|about):/i.test(trimmed)) return null;
  if (trimmed.length < 200 && notWritten.test(trimmed)) return null;
  return isPlaceholder(trimmed) ? null : absoluteUrl(trimmed, base);
}

function isPlaceholder(address: string): boolean {
  const path = address.split(/[?#]/, 1)[0]!;
  return /(?:^|[/_-])1x1(?:$|[/._-])/.test(path.slice(-100)) || placeholderName.test(fileName(address));
}

/** The last part of a path, as long as a name of interest can be. */
function fileName(address: string): string {
  const path = address.split(/[?#]/, 1)[0]!;
  return path.slice(path.lastIndexOf('/') + 1).slice(0, 100);
}

/** Shopify's `photo_{width}x.jpg` with `data-widths="[180, 360, 720]"`. */
function withWidth(value: string | undefined, attribs: Attributes): string | undefined {
  if (value === undefined || !value.includes('{width}')) return value;
  const widths = (attribs['data-widths'] ?? '').slice(0, 500).match(/\d+/g)?.map(Number) ?? [];
  const useful = widths.filter((width) => width <= maxUsefulWidthPx);
  return value.replaceAll('{width}', String(useful.length > 0 ? Math.max(...useful) : defaultWidthPx));
}

/** The best candidate of an element's sets where it is better than the best so far, else that; of equals the first. */
export function bestOfSets(attribs: Attributes, soFar: SetChoice | null, base: string): SetChoice | null {
  let best = soFar;
  for (const [name, set] of Object.entries(attribs)) {
    if (!isSourceSet(name)) continue;
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

/** What stands in a CSS `url(…)` that is the whole text; null where there is none. */
function insideUrl(text: string): string | null {
  if (!/^url\(/i.test(text) || !text.endsWith(')') || text.length > maxAddressLength) return null;
  const inside = text
    .slice(4, -1)
    .trim()
    .replace(/^["']|["']$/g, '');
  return /["')]/.test(inside) ? null : inside;
}

/**
 * The attributes from which scripts set a background. Asked for every element of a page: attributes by their written names are looked
 * up in a third of the time.
 */
function lazyBackgroundsOf({
  'data-bg': bg,
  'data-background-image': image,
  'data-background': background,
  'data-bg-src': source,
  'data-bgset': set,
}: Attributes): readonly string[] {
  const isBare =
    bg === undefined && image === undefined && background === undefined && source === undefined && set === undefined;
  return isBare ? none : [bg, image, background, source, set].filter((value) => value !== undefined);
}

const none: readonly string[] = [];

/** The file of an inline `background-image`, or of the attribute from which a script sets one. */
export function backgroundUrl(attribs: Attributes, base: string): string | null {
  for (const lazy of lazyBackgroundsOf(attribs)) {
    const value = lazy.trim();
    if (value === '') continue;
    const inside = insideUrl(value) ?? value;
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
