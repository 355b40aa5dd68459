/** What the crawler and the imports tell the ledger of pages and images. */
import type { Dominance, SourcedText } from '../pair.ts';

/** What became of a page. `reason` is null only for a page that was fetched. */
export interface PageRecord {
  readonly url: string;
  readonly status: 'fetched' | 'unchanged' | 'refused' | 'failed' | 'skipped';
  readonly reason?: string | null;
  readonly title?: string;
  /** The beginning of the visible text, for the language filter. */
  readonly text?: string;
  readonly fetchedAtMs: number;
  /**
   * For what was not read just now (a web archive, a page that was kept): when it was. It counts only where nothing later is known of
   * the page.
   */
  readonly readAtMs?: number | null;
  readonly etag?: string | null;
  readonly lastModified?: string | null;
  readonly rendered?: boolean;
  readonly licenseUrl?: string | null;
  /** Raw values of every rights signal seen, by signal name: the evidence for the decision. */
  readonly rights?: Readonly<Record<string, string>>;
}
/** An image that a page shows, with every text that may describe it. */
export interface FoundImage {
  readonly url: string;
  readonly texts: readonly SourcedText[];
  /** What it is on the page; missing for what no element of a page shows. */
  readonly dominance?: WrittenDominance;
}
/** What an image is on a page, with its features as JSON: what is made in another thread and written as text crosses as text. */
export type WrittenDominance = Omit<Dominance, 'features'> & { readonly features: string };
/** What became of an image. `status` and `reason` use img2dataset's words where it has one. */
export interface ImageRecord {
  readonly url: string;
  readonly status: 'success' | 'failed_to_download' | 'failed_to_decode' | 'refused';
  readonly reason?: string | null;
  readonly fetchedAtMs: number;
  readonly etag?: string | null;
  readonly lastModified?: string | null;
  readonly rights?: Readonly<Record<string, string>>;
  /** The address as its page wrote it, which is what was asked for, where that is not `url`. */
  readonly writtenUrl?: string | null;
  readonly stored?: StoredImage;
}
/** The measured image and where its bytes lie in `raw/`: the original ones, or a smaller JPEG made of them at the download. */
export interface StoredImage {
  readonly format: string;
  /** As shown, after EXIF rotation. */
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Of the bytes in `raw/`. */
  readonly byteLength: number;
  /** Of the original, as all that is measured. */
  readonly sha256: string;
  /** 64-bit perceptual hash, 16 hexadecimal digits. */
  readonly phash: string;
  /** Cut or with a wrong checksum, and shown by browsers all the same. */
  readonly damaged?: boolean;
  readonly segment: number;
  readonly offset: number;
  /** Null where the bytes are the original ones. */
  readonly resized?: Resized | null;
}

/** How the smaller JPEG in `raw/` was made, and what of the original it does not tell any more. */
export interface Resized {
  /** The shorter side that it was brought to, in pixels. */
  readonly sidePx: number;
  /** Of the JPEG, 1 to 100. */
  readonly quality: number;
  /** Of the bytes in `raw/`. */
  readonly sha256: string;
  readonly originalByteLength: number;
  readonly originalMd5: string;
  /** The original's EXIF tags without its position, as in the column `exif` of a shard. */
  readonly exif: string;
}

/** As the ledger keeps it. */
export const resizedFrom = (json: string | null): Resized | null =>
  json === null ? null : (JSON.parse(json) as Resized);
