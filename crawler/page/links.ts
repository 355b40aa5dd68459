/** Where links lead: to a page, to an image file, from a thumbnail to the full picture, home. */
import { type Address, absoluteUrl, hostOf, keyOf, maxRequestLength, pathOf } from '../policy/url.ts';
import type { Attributes } from './walk.ts';

export interface PageLink extends Address {
  /** The page asks crawlers not to follow it. */
  readonly nofollow: boolean;
}

export type LinkKind = 'none' | 'image' | 'own-page' | 'home' | 'same-site' | 'other-site';

/** The URL that a link leads to, or null. A link to a place on the page is a script's: it opens or turns something. */
export const linkTarget = (href: string | undefined, base: string): string | null =>
  href === undefined || href.startsWith('#') ? null : absoluteUrl(href, base);

/**
 * Where a page sends its visitor by itself, from the `content` of `<meta http-equiv=refresh>` or a `Refresh` header, read as
 * browsers do (HTML, shared declarative refresh steps): `5; url=next.html`. Null when it only loads itself again.
 */
export function refreshTarget(content: string, base: string): string | null {
  const given = /^\s*(?:\d[\d.]*|\.[\d.]*)(?:\s*[;,]|\s)\s*(?:url\s*=\s*)?([\s\S]*)$/i.exec(
    content.slice(0, maxRequestLength),
  );
  const target = given?.[1] ?? '';
  const quote = /^["']/.exec(target)?.[0];
  const end = quote === undefined ? -1 : target.indexOf(quote, 1);
  const href = quote === undefined ? target : target.slice(1, end === -1 ? undefined : end);
  return href.trim() === '' ? null : absoluteUrl(href, base);
}

/** True for the URL of an image file. Wikis and code hosts have pages about images whose URL ends like one. */
export function isImageFile(url: string): boolean {
  if (!/\.(?:jpe?g|png|gif|webp|avif)(?:$|\?)/i.test(url)) return false;
  const pathname = pathOf(url);
  const name = fileName(pathname);
  return /\.(?:jpe?g|png|gif|webp|avif)$/i.test(name) && !/:|%3a/i.test(name) && !/\/(?:blob|wiki)\//.test(pathname);
}

const fileName = (pathname: string): string => pathname.slice(pathname.lastIndexOf('/') + 1);

/** What the link around an image leads to. */
export function linkKind(target: string | null, from: URL): LinkKind {
  if (target === null) return 'none';
  if (isImageFile(target)) return 'image';
  if (hostOf(target) !== from.hostname) return 'other-site';
  const hasQuery = /\?[^#]/.test(target);
  if (!hasQuery && /^\/(?:index\.\w+|home\/?)?$/.test(pathOf(target))) return 'home';
  return keyOf(target) === keyOf(from.href) ? 'own-page' : 'same-site';
}

/** Attributes and classes of the libraries that open a picture over the page. */
const lightbox =
  /(?:^|[^a-z])(?:lightbox|g?lightbox\d?|fancybox|colorbox|thickbox|swipebox|venobox|magnific|mfp|photoswipe|pswp|zoom|image-?popup|shadowbox|highslide|lightgallery)(?:[^a-z]|$)/;
const thumbnailName =
  /(?:thumb|thmb|small|mini|preview|(?:^|\/)t[hn]_|[-_.](?:t[hn]?|s|sm|m|med|medium)\.[a-z]+$|[-_]\d{2,4}x\d{2,4}|\/\d{2,3}px-|\/(?:t|tn|th|sm)\/)/i;

/** CSS pixels. A picture of at most this size that links to an image file is its thumbnail. Ours. */
const maxThumbnailSidePx = 300;

/**
 * The full picture behind a thumbnail: the target of the link around an image, when that is an image file and the link or the
 * image shows that the one on the page is smaller. Null when the image on the page is the one to take.
 */
export function fullSizeUrl(
  target: string | null,
  shown: string,
  attribs: Attributes,
  link: Attributes = {},
): string | null {
  if (target === null || keyOf(target) === keyOf(shown) || !isImageFile(target)) return null;
  const longerSidePx = Math.max(Number(attribs.width) || 0, Number(attribs.height) || 0);
  if (longerSidePx > 0 && longerSidePx <= maxThumbnailSidePx) return target;
  const opensOverPage = Object.keys(link).some((key) => key.startsWith('data-') && lightbox.test(key));
  if (opensOverPage || lightbox.test(`${link.class ?? ''} ${link.rel ?? ''}`.toLowerCase().slice(0, 500)))
    return target;
  const pathname = pathOf(shown);
  return thumbnailName.test(pathname) || fileName(pathname) === fileName(pathOf(target)) ? target : null;
}
