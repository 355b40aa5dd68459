/**
 * The words everyone uses: a pair is what the crawler finds on a page, a sample is a pair whose image was downloaded and
 * decoded. Everything else in the project (filters, ledger, shards) works on these two.
 */
import { hash } from 'node:crypto';

/**
 * Where on a page a text that may describe an image was found, best describer first. LAIT takes alt and title
 * attributes, the Open Graph description and the text around the image (ImageBERT §3); the order among them is ours and
 * decides which text wins until a relevance score does. `list` is a caption that came with a list of URLs or an import, `none` the
 * empty text of a picture that a list names without one.
 */
export const textSources = [
  'list',
  'alt',
  'caption',
  'aria',
  'json-ld',
  'sitemap',
  'title',
  'og',
  'heading',
  'nearby',
  'paragraph',
  'none',
] as const;

export type TextSource = (typeof textSources)[number];

/** A text and the place it was found in. */
export interface SourcedText {
  readonly source: TextSource;
  readonly text: string;
}

/** What a picture is on its page: of the page's subject, a teaser of another page, or furniture of the site. */
export const pictureClasses = ['subject', 'teaser', 'furniture'] as const;

export type PictureClass = (typeof pictureClasses)[number];

/** What a picture is on a page, and why. */
export interface Dominance {
  readonly class: PictureClass;
  /** The probability that it is of the page's subject: 0 to 1. */
  readonly score: number;
  /** By name, the value of each feature that is not 0, and its part in the score's log odds. */
  readonly features: Readonly<Record<string, readonly [value: number, part: number]>>;
}

/** One image URL and one text that may describe it: found, not downloaded. */
export interface Pair {
  /** 32 hexadecimal digits, see `pairId`. */
  readonly id: string;
  readonly imageUrl: string;
  readonly pageUrl: string;
  readonly text: string;
  readonly source: TextSource;
  /** What the image is on the page where it has the highest score, of those that give the pair; missing where no page was judged. */
  readonly dominance?: Pick<Dominance, 'class' | 'score'>;
  readonly pageTitle: string;
  /** The beginning of the page's visible text: enough to tell its language. */
  readonly pageText: string;
}

/** A pair whose image was downloaded, decoded and measured. Width and height are as shown, after EXIF rotation. */
export interface Sample extends Pair {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly byteLength: number;
  readonly sha256: string;
  /** 64-bit perceptual hash, 16 hexadecimal digits. */
  readonly phash: string;
}

/**
 * The identity of a pair: the first 128 bits of SHA-256 over image URL and text, as 32 hexadecimal digits, the form of
 * DataComp's `uid`. The same image and text found on two pages are one pair.
 */
export function pairId(imageUrl: string, text: string): string {
  return hash('sha256', `${imageUrl}\0${text}`).slice(0, 32);
}
