/**
 * Is an image what the page is about, or decoration? LAIT keeps only the dominant images of a page, which it finds by HTML tags
 * and DOM features (ImageBERT §3, which does not publish them). Here every feature adds its weight to a score, and an image with
 * a positive score is dominant. The weights are ours. For an image count a place in the main content, a caption, a description;
 * against it a boilerplate region, the size of an icon or an advert, a word in its URL such as "logo". One strong sign of
 * decoration outweighs a description; a caption in a figure outweighs a word in the URL.
 */
import type { DecorationSign, Reason } from '../policy/reasons.ts';
import type { Region } from './class-words.ts';
import type { LinkKind } from './links.ts';

export interface ImageFeatures {
  readonly region: Region | null;
  /** Inside `main` or `article`. */
  readonly inMain: boolean;
  readonly inFigure: boolean;
  readonly hasCaption: boolean;
  /** As the page declares them, in CSS pixels; null when it does not. */
  readonly width: number | null;
  readonly height: number | null;
  readonly url: string;
  /** Class and id of the image and its closest wrapper. */
  readonly classes: string;
  /** Null when the attribute is missing; empty marks decoration (HTML §4.8.4.4). */
  readonly alt: string | null;
  readonly link: LinkKind;
  readonly presentational: boolean;
  /** The page names it as its picture, in Open Graph or JSON-LD. */
  readonly isRepresentative: boolean;
}

export interface Dominance {
  readonly isDominant: boolean;
  readonly score: number;
  /** The weightiest feature against an image that is decoration, `decoration-…`; null for a dominant one. */
  readonly reason: Reason | null;
}

const regionWeight: Readonly<Record<Region, number>> = {
  header: -4,
  navigation: -5,
  aside: -4,
  footer: -5,
  advert: -8,
  social: -6,
  related: -5,
  comments: -5,
  author: -5,
  overlay: -5,
};

/** Side of a tracking pixel, in CSS pixels. */
const maxTrackingPixelSidePx = 3;

/** Shorter side of an icon, in CSS pixels: toolbars and avatars go up to 64. */
const maxIconSidePx = 64;

/** Shorter side of a picture, in CSS pixels; half the side that LAIT asks for in the end. */
const minPictureSidePx = 150;

/** Sizes of the Interactive Advertising Bureau's display adverts, without those that photographs have too. */
const advertSizes = new Set(
  '728x90 970x90 970x250 468x60 234x60 320x50 320x100 300x50 300x250 300x600 336x280 160x600 120x600 120x240 88x31 980x120 930x180'.split(
    ' ',
  ),
);

const decorationName =
  /(?:^|[^a-z])(?:logos?|logotype|icons?|ico|favicon|sprites?|avatars?|gravatar|buttons?|btn|banners?|spacer|blank|badges?|bullet|arrows?|emojis?|smil(?:ey|ies)|spinner|loader|loading|placeholder|divider|separator|captcha|tracking|beacon|advert\w*|adserver|doubleclick|sponsors?|promo|widgets?|counter|flags?|rating|stars?|thumbsup|powered)(?:[^a-z]|$)/;
const advertName = /(?:^|[^0-9])(\d{2,4})x(\d{2,4})(?:[^0-9]|$)/;

/** Without "placeholder" and "widget", which are classes of wrappers of lazy images and of page builders. */
const decorationClass =
  /(?:^|[^a-z])(?:logos?|logotype|icons?|ico|favicon|sprites?|avatars?|gravatar|buttons?|btn|pixel|spacer|badges?|bullet|emojis?|smil(?:ey|ies)|spinner|captcha|tracking|beacon|advert\w*|adserver|doubleclick|sponsors?|flags?|rating|stars?|latex|tex|math|equation|mwe-math\S*)(?:[^a-z]|$)/;
/** Whole names of the icons of documentation: admonitions (DocBook, AsciiDoc) and buttons. */
const iconName =
  /^(?:note|tip|hint|warning|caution|important|danger|info|next|prev|previous|up|home|toc|back|forward|top|search|print|rss|feed|close|menu|edit|external|link|email|mail|pdf|download|draft)(?:[-_]?\d{0,3})\.[a-z]{3,4}$/;
/** Hosts that serve only counters, adverts, avatars and badges. */
const decorationHost =
  /(?:^|\.)(?:gravatar\.com|shields\.io|badge\.fury\.io|doubleclick\.net|googlesyndication\.com|google-analytics\.com|scorecardresearch\.com|statcounter\.com|quantserve\.com|feedburner\.com|2mdn\.net|amazon-adsystem\.com)$/;

/** Whether one image of a page is dominant. */
export function judgeDominance(image: ImageFeatures): Dominance {
  let score = 1;
  let worst: { weight: number; reason: Reason } = { weight: 0, reason: 'decoration-no-sign-of-content' };
  const against = (weight: number, reason: DecorationSign): void => {
    score += weight;
    if (weight < worst.weight) worst = { weight, reason: `decoration-${reason}` };
  };

  if (image.inFigure) score += 3;
  if (image.hasCaption) score += 2;
  // An aside of the article is still an aside.
  if (image.inMain && image.region === null) score += 2;
  if (image.isRepresentative) score += 3;
  if (image.link === 'image') score += 2;
  if (image.alt !== null && words(image.alt) >= 3) score += 1;

  if (image.region) against(regionWeight[image.region], image.region);
  if (image.presentational) against(-4, 'presentational');
  // Many content systems write alt="" when there is no text, so that alone does not outweigh a figure.
  if (image.alt === '') against(-3, 'empty-alt');
  if (image.link === 'home') against(-4, 'home-link');
  if (image.link === 'other-site') against(-1, 'outward-link');

  const { width, height } = image;
  const shorter = Math.min(width ?? Number.POSITIVE_INFINITY, height ?? Number.POSITIVE_INFINITY);
  const longer = Math.max(width ?? 0, height ?? 0);
  if (shorter <= maxTrackingPixelSidePx) against(-12, 'tracking-pixel');
  else if (shorter <= maxIconSidePx) against(-7, 'icon-size');
  else if (width !== null && height !== null && shorter >= minPictureSidePx) score += 2;
  if (width !== null && height !== null && longer > 5 * shorter) against(-4, 'stripe-shape');
  if (width !== null && height !== null && advertSizes.has(`${width}x${height}`)) against(-5, 'advert-size');

  const { hostname, pathname } = new URL(image.url);
  const name = fileName(pathname);
  const named = advertName.exec(name);
  if (named && advertSizes.has(`${named[1]}x${named[2]}`) && /ad|banner|promo|sponsor/.test(name))
    against(-6, 'advert-name');
  if (decorationName.test(name)) against(-4, 'telling-name');
  if (iconName.test(name)) against(-4, 'icon-name');
  if (decorationHost.test(hostname)) against(-6, 'telling-host');
  if (decorationClass.test(image.classes)) against(-4, 'telling-class');
  return score > 0 ? { isDominant: true, score, reason: null } : { isDominant: false, score, reason: worst.reason };
}

const certainFurniture = new Set<Reason | null>([
  'decoration-tracking-pixel',
  'decoration-icon-size',
  'decoration-telling-host',
  'decoration-icon-name',
]);

/** Whether an image is so surely no picture of anything that it stands between no picture and its words. */
export const isCertainFurniture = ({ reason }: Dominance): boolean => certainFurniture.has(reason);

const words = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;

/** The last path segment in lower case, camel case split. The folders before it describe the site rather than the image. */
function fileName(pathname: string): string {
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  return name.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
}
