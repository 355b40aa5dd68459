/**
 * Which class a picture has on its page: its subject, a teaser of another page, or furniture of the site. LAIT keeps only the dominant images
 * of a page, which it finds by HTML tags and DOM features (ImageBERT §3, which publishes neither features nor weights). Here the
 * score is the probability that a picture is of its page's subject, by logistic regression over image-features.ts, learned from
 * pages labelled by hand (bench/seeing/learn.ts). The crawl stores score, class and features; `image/dominant` decides by the score.
 */
import type { Dominance, PictureClass } from '../../dataset/pair.ts';
import type { Reason } from '../policy/reasons.ts';
import { furnitureWeights, subjectWeights, type Weights } from './dominance-weights.ts';
import { type Features, nameFeatures } from './image-features.ts';
import type { ShownSize } from './image-size.ts';

/**
 * The probability from which on a picture is called its page’s subject, and which `image/dominant` asks for by default. Ours: on sites that
 * the weights were not learned from, 0.94 of the subjects have it and 0.86 of what has it are subjects.
 */
export const minSubjectScore = 0.35;

/** A score is stored in thousandths, a feature and its part in hundredths. */
const round = (value: number, parts: number): number => Math.round(value * parts) / parts;

/** The class, the score and the parts of the features in it. */
export function dominanceOf(features: Features): Dominance {
  const score = probability(subjectWeights, features);
  const isFurniture = (): boolean => probability(furnitureWeights, features) >= 0.5;
  const pictureClass: PictureClass = score >= minSubjectScore ? 'subject' : isFurniture() ? 'furniture' : 'teaser';
  const parts: Record<string, readonly [value: number, part: number]> = {};
  for (const name in features) {
    const value = features[name]!;
    parts[name] = [round(value, 100), round(value * (subjectWeights.features.get(name) ?? 0), 100)];
  }
  return { class: pictureClass, score: round(score, 1000), features: parts };
}

/** What logistic regression with these weights says of features. */
export function probability({ bias, features: weights }: Weights, features: Features): number {
  let sum = bias;
  for (const name in features) sum += features[name]! * (weights.get(name) ?? 0);
  return 1 / (1 + Math.exp(-sum));
}

/**
 * The features of an image that the page only names, in Open Graph or JSON-LD. One that is of the site (site-pictures.ts) is that of
 * every page that has no picture of its own; what is described as content is not known by its name.
 */
export function namedFeatures(url: string, isOfSite: boolean, isDescribed: boolean): Features {
  return { representative: 1, ...nameFeatures(url), ...(isOfSite && !isDescribed && { 'only-named-sign': 1 }) };
}

/** Side of a tracking pixel, in CSS pixels. */
const maxPixelSidePx = 3;

/** Sides of a sure icon, in CSS pixels. Toolbars have icons of up to 48 and pages avatars of 64, but thumbnails may be as small. */
const maxIconSidePx = 32;

/** What is known of an image to tell certain furniture. */
export interface Shown extends ShownSize {
  /** The file is the one that the sizes are of, and not one that a script puts in its place, or that a link leads to. */
  readonly isOwnFile: () => boolean;
  readonly isDescribed: boolean;
  readonly isTellingHost: boolean;
}

/**
 * Why an image is so certainly no picture of anything that it is not even downloaded; null for all others. Placeholders and
 * spinners are none by their names (image-urls.ts).
 */
export function refusalOf({ width, height, isOwnFile, isDescribed, isTellingHost }: Shown): Reason | null {
  if (isTellingHost) return 'decoration-telling-host';
  if (isDescribed) return null;
  const longer = Math.max(width ?? 0, height ?? 0);
  const shorter = Math.min(width ?? Number.POSITIVE_INFINITY, height ?? Number.POSITIVE_INFINITY);
  const isPixel = shorter <= maxPixelSidePx;
  if (!isPixel && (longer === 0 || longer > maxIconSidePx)) return null;
  if (!isOwnFile()) return null;
  return isPixel ? 'decoration-tracking-pixel' : 'decoration-icon-size';
}
