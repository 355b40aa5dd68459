/**
 * Which file an image element means: `src`, the candidates of `srcset` and `picture`, and the attributes that lazy-loading
 * scripts keep the address in.
 */
import { normaliseUrl } from './url.ts';

type Attributes = Readonly<Record<string, string>>;

export interface ImageSource {
  readonly attribs: Attributes;
}

/** The list of OBELICS (simplification_utils.py), and those of lazysizes, WordPress and Squarespace. */
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
  'src2',
];
/** Ours: image services offer up to some twenty. */
const mostCandidates = 100;
const lazySourceSets = ['data-srcset', 'data-lazy-srcset', 'data-original-set'];

/** Wider files cost traffic and are scaled down again before a model sees them. Ours: four times a 640-pixel detector input. */
const widestSensiblePx = 2560;

/** The address of the file to take, and whether the element shows that there is one that scripts would reveal. */
export function bestImageUrl(
  attribs: Attributes,
  sources: readonly ImageSource[],
  base: string,
): { readonly url: string | null; readonly placeholder: boolean } {
  const own = fromSets([attribs.srcset, ...lazySourceSets.map((name) => attribs[name])], base);
  const lazy = lazySources.map((name) => addressIn(attribs[name], base)).find((url) => url !== null) ?? null;
  const plain = addressIn(attribs.src, base);
  const lazyLooking = /\b(?:lazy\w*|b-lazy|unveil|lozad)\b/i.test(attribs.class ?? '');
  const others = fromSets(
    sources.flatMap(({ attribs: a }) => [a.srcset, a['data-srcset'], a['data-lazy-srcset']]),
    base,
  );
  const declared = own ?? (lazy || plain ? null : others);
  // A candidate with a density or width is at least what `src` shows; a lone unlabelled one may be a placeholder.
  const url =
    (declared && (declared.labelled || !lazy) ? declared.url : null) ?? lazy ?? plain ?? declared?.url ?? null;
  const isData = (attribs.src ?? '').startsWith('data:');
  return {
    url,
    placeholder: url === null && (isData || lazyLooking || attribs.src === undefined || attribs.src === ''),
  };
}

function addressIn(value: string | undefined, base: string): string | null {
  if (value === undefined) return null;
  const trimmed = value.trim();
  if (trimmed === '' || trimmed === '#' || /^[[{]|^(?:data|blob|javascript|about):/i.test(trimmed)) return null;
  return normaliseUrl(trimmed, base);
}

/** The best candidate of several srcset values: the widest sensible, else the densest, else the first. */
function fromSets(sets: readonly (string | undefined)[], base: string): { url: string; labelled: boolean } | null {
  let best: { url: string; rank: number; labelled: boolean } | null = null;
  for (const set of sets) {
    for (const { address, width, density } of parseSrcset(set ?? '')) {
      const url = addressIn(address, base);
      if (url === null) continue;
      const size = width ?? density * 1000;
      const rank = size <= widestSensiblePx ? size : widestSensiblePx / size;
      if (best === null || rank > best.rank) best = { url, rank, labelled: width !== null || density !== 1 };
    }
  }
  return best;
}

/** The candidates of a srcset attribute (HTML §4.8.4.2.1); an address may contain commas, but not end with one. */
export function parseSrcset(set: string): { address: string; width: number | null; density: number }[] {
  const candidates: { address: string; width: number | null; density: number }[] = [];
  const pattern = /[\s,]*([^\s]+?)(,+(?=\s|$)|\s+([^,(]*(?:\([^)]*\)[^,(]*)*)(?:,|$)|$)/gy;
  for (
    let match = pattern.exec(set);
    match && match[0] !== '' && candidates.length < mostCandidates;
    match = pattern.exec(set)
  ) {
    const descriptor = (match[3] ?? '').trim();
    const width = /^(\d+)w/.exec(descriptor)?.[1];
    const density = /^(\d+(?:\.\d+)?)x/.exec(descriptor)?.[1];
    candidates.push({
      address: match[1]!,
      width: width ? Number(width) : null,
      density: density ? Number(density) : 1,
    });
  }
  return candidates;
}

/** A `source` of a `picture` that is an image format we read; AVIF and WebP copies stand beside a JPEG or PNG. */
export function isSupportedSource(attribs: Attributes): boolean {
  return attribs.type === undefined || /^image\/(?:jpe?g|png|webp|gif|avif)$/i.test(attribs.type.trim());
}

/**
 * The full picture behind a thumbnail: where an image links to, when that is an image file and the one shown is declared
 * or named small. Null when the image shown is to be taken.
 */
export function imageLink(target: string | null, shown: string, attribs: Attributes): string | null {
  if (target === null || target === shown) return null;
  if (!isImageFile(target)) return null;
  const small = Math.max(Number(attribs.width) || 0, Number(attribs.height) || 0);
  const thumbnail = /(?:thumb|small|mini|preview|[-_]\d{2,3}x\d{2,3}|\/\d{2,3}px-)/i.test(new URL(shown).pathname);
  return (small > 0 && small <= 300) || thumbnail ? target : null;
}

/** True when a link leads to an image file; wikis have pages about images that only end like one. */
export function isImageFile(url: string): boolean {
  const path = new URL(url).pathname;
  return (
    /\.(?:jpe?g|png|gif|webp|avif)$/i.test(path) &&
    !/\/(?:File|Datei|Fichier|Archivo|Immagine|Image|wiki)[:/]/i.test(decodeURIComponentOr(path))
  );
}

function decodeURIComponentOr(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The address in an inline `background-image`. */
export function backgroundUrl(style: string, base: string): string | null {
  const match = /background(?:-image)?\s*:[^;]*url\(\s*(["']?)(.*?)\1\s*\)/i.exec(style);
  return match ? addressIn(match[2], base) : null;
}
