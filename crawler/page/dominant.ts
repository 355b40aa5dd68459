/**
 * Is an image what the page is about, or furniture? LAIT keeps only the dominant images of a page, told by HTML tags and
 * DOM features (ImageBERT §3, which publishes no features). Here every feature adds its weight to a score and an image
 * with a positive score is content. The weights are ours: a place where a page keeps its content, a caption or a
 * description speak for an image, a place for furniture, an icon's size, an advert's size or a telling word in its URL
 * against it. One strong sign of furniture outweighs a description, a caption in a figure outweighs a telling word.
 */
import type { DecorationSign, Reason } from '../policy/reasons.ts';

/** The part of a page that an image stands in, from landmarks and class names; `null` is just the page. */
export type Region =
  | 'header'
  | 'navigation'
  | 'aside'
  | 'footer'
  | 'advert'
  | 'social'
  | 'related'
  | 'comments'
  | 'author'
  | 'overlay';

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
  /** Null when the attribute is missing; empty says that the image is decoration (HTML §4.8.4.4). */
  readonly alt: string | null;
  readonly link: 'none' | 'image' | 'home' | 'same-site' | 'other-site';
  readonly presentational: boolean;
  readonly isShared: boolean;
}

export interface Judgement {
  readonly content: boolean;
  readonly score: number;
  /** The weightiest sign against a refused image, `decoration-…`; null for content. */
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

/** Sides of an icon, in CSS pixels: toolbars and avatars go up to 64. */
const iconSidePx = 64;

/** A picture worth a look; half the side that LAIT asks for in the end. */
const pictureSidePx = 150;

/** Sizes of the Interactive Advertising Bureau's display adverts that no photograph has by chance. */
const advertSizes = new Set(
  '728x90 970x90 970x250 468x60 234x60 320x50 320x100 300x50 300x250 300x600 336x280 160x600 120x600 120x240 88x31 980x120 930x180'.split(
    ' ',
  ),
);

const furnitureWord =
  /(?:^|[^a-z])(?:logos?|logotype|icons?|ico|favicon|sprites?|avatars?|gravatar|buttons?|btn|banners?|spacer|blank|badges?|bullet|arrows?|emojis?|smil(?:ey|ies)|spinner|loader|loading|placeholder|divider|separator|captcha|tracking|beacon|advert\w*|adserver|doubleclick|sponsors?|promo|widgets?|counter|flags?|rating|stars?|thumbsup|powered)(?:[^a-z]|$)/;
const advertName = /(?:^|[^0-9])(\d{2,4})x(\d{2,4})(?:[^0-9]|$)/;

/** As a class these say that it is furniture; wrappers of lazy images are called placeholders, those of page builders widgets. */
const furnitureClass =
  /(?:^|[^a-z])(?:logos?|logotype|icons?|ico|favicon|sprites?|avatars?|gravatar|buttons?|btn|pixel|spacer|badges?|bullet|emojis?|smil(?:ey|ies)|spinner|captcha|tracking|beacon|advert\w*|adserver|doubleclick|sponsors?|flags?|rating|stars?|latex|tex|math|equation|mwe-math\S*)(?:[^a-z]|$)/;
/** The icons of documentation: admonitions (DocBook, AsciiDoc) and buttons; the whole of a name. */
const iconName =
  /^(?:note|tip|hint|warning|caution|important|danger|info|next|prev|previous|up|home|toc|back|forward|top|search|print|rss|feed|close|menu|edit|external|link|email|mail|pdf|download|draft)(?:[-_]?\d{0,3})\.[a-z]{3,4}$/;
/** Hosts of nothing but counters, adverts, avatars and badges. */
const furnitureHost =
  /(?:^|\.)(?:gravatar\.com|shields\.io|badge\.fury\.io|doubleclick\.net|googlesyndication\.com|google-analytics\.com|scorecardresearch\.com|statcounter\.com|quantserve\.com|feedburner\.com|2mdn\.net|amazon-adsystem\.com)$/;

/** Judges one image of a page; pure. */
export function judgeImage(image: ImageFeatures): Judgement {
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
  if (image.isShared) score += 3;
  if (image.link === 'image') score += 2;
  if (image.alt !== null && words(image.alt) >= 3) score += 1;

  if (image.region) against(regionWeight[image.region], image.region);
  if (image.presentational) against(-4, 'presentational');
  // Many content systems fill in alt="" for want of a text, so that alone does not outweigh a figure.
  if (image.alt === '') against(-3, 'empty-alt');
  if (image.link === 'home') against(-4, 'home-link');
  if (image.link === 'other-site') against(-1, 'outward-link');

  const { width, height } = image;
  const shorter = Math.min(width ?? Number.POSITIVE_INFINITY, height ?? Number.POSITIVE_INFINITY);
  const longer = Math.max(width ?? 0, height ?? 0);
  if (shorter <= 3) against(-12, 'tracking-pixel');
  else if (shorter <= iconSidePx) against(-7, 'icon-size');
  else if (width !== null && height !== null && shorter >= pictureSidePx) score += 2;
  if (width !== null && height !== null && longer > 5 * shorter) against(-4, 'stripe-shape');
  if (width !== null && height !== null && advertSizes.has(`${width}x${height}`)) against(-5, 'advert-size');

  const { hostname, pathname } = new URL(image.url);
  const name = fileName(pathname);
  const named = advertName.exec(name);
  if (named && advertSizes.has(`${named[1]}x${named[2]}`) && /ad|banner|promo|sponsor/.test(name))
    against(-6, 'advert-name');
  if (furnitureWord.test(name)) against(-4, 'telling-name');
  if (iconName.test(name)) against(-4, 'icon-name');
  if (furnitureHost.test(hostname)) against(-6, 'telling-host');
  if (furnitureClass.test(image.classes)) against(-4, 'telling-class');
  return score > 0 ? { content: true, score, reason: null } : { content: false, score, reason: worst.reason };
}

const words = (text: string): number => text.split(/\s+/).filter((word) => word !== '').length;

/** The last path segment in lower case, camel case split; the folders before it name the site more often than the image. */
function fileName(pathname: string): string {
  const name = pathname.slice(pathname.lastIndexOf('/') + 1);
  return name.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
}
