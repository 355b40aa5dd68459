/** What became of one claimed URL: everything that is to be committed to raw store, ledger and frontier. */
import type { FoundImage, ImageRecord, PageRecord, Resized, StoredImage } from '../../dataset/ledger/records.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import type { Reason } from '../policy/reasons.ts';
import type { Claim } from './claim.ts';
import type { Revisit } from './revisit.ts';
import type { NewUrl } from './schema.ts';

/** An image's measurements before it has a place in the raw store. */
export interface DecodedImage {
  readonly bytes: Buffer;
  readonly measured: Omit<StoredImage, 'segment' | 'offset' | 'byteLength' | 'resized'>;
  /** What is stored in its place; null for the bytes themselves. */
  readonly smaller: { readonly bytes: Buffer; readonly resized: Resized } | null;
}

/** A URL that is not fetched, and why. */
export interface RefusedUrl {
  readonly url: string;
  readonly reason: Reason;
}

/** A row of the ledger whose reason is one that the crawler gives. */
type WithReason<Row> = Row & { readonly reason?: Reason | null };

/** The addresses by which a sitemap may name a page: its own, and one that has led to it. */
export const namesOfPage = ({ claim, page }: Pick<FetchOutcome, 'claim' | 'page'>): string[] => [
  ...new Set([...(page ? [page.url] : []), claim.url]),
];

export interface FetchOutcome {
  readonly claim: Claim;
  /** `done` ends the lease; `failed` counts a try and queues the URL again; `later` queues it again, `moved` on another host. */
  readonly end: 'done' | 'failed' | 'later' | 'moved';
  readonly moved?: { readonly at: string; readonly hops: number };
  /** Earliest next request to the host, in ms from now. */
  readonly pauseMs: number;
  /** With `later`: nothing may be asked of the URL's origin before, in ms since 1970. */
  readonly putOffUntilMs?: number;
  /** Refused before any request was made for it. */
  readonly unasked?: boolean;
  /** How the host behaved: undefined says nothing about it. */
  readonly hostFailed?: boolean;
  /** Other hosts that the page loaded parts from, and how long each is left alone, in ms from now. */
  readonly otherHosts?: readonly { readonly url: string; readonly pauseMs: number }[];
  readonly page?: WithReason<PageRecord>;
  /** The claimed URL, when it only led to the page. */
  readonly redirected?: WithReason<PageRecord>;
  /** The page as records of a web archive, where pages are kept. */
  readonly records?: Buffer;
  /** The page's images, with what they are on it and the texts that it has for them. */
  readonly found?: readonly FoundImage[];
  /** The page's images that are certain furniture. */
  readonly refused?: readonly RefusedUrl[];
  /** Links that are not followed because they lead into a trap. */
  readonly trapped?: readonly RefusedUrl[];
  readonly newUrls?: readonly NewUrl[];
  /** Where a seed leads on another host of its site: from now on it is a seed, and its host in the scope. */
  readonly newSeed?: string;
  readonly sitemapTexts?: readonly SitemapTexts[];
  /** The key under which a sitemap was read that has another: its own redirects led there. */
  readonly sitemapAlias?: string;
  readonly image?: WithReason<ImageRecord>;
  readonly decoded?: DecodedImage;
  /** When to look at the page again, from now. */
  readonly revisit?: Revisit;
  readonly rendered?: { readonly gained: boolean };
  /** The page needs a browser and there is none. */
  readonly unrendered?: boolean;
  readonly byteLength?: number;
}

/** Objects beside the characters of their strings, in bytes. Ours, of V8: a link or a text with its fields. */
const perObject = 200;

/** What an outcome holds in memory until it is written, in bytes, roughly: pictures, kept pages, texts and links. */
export function heldBytes({
  decoded,
  records,
  page,
  found = [],
  newUrls = [],
  sitemapTexts = [],
  refused = [],
  trapped = [],
}: FetchOutcome): number {
  let bytes = (decoded?.bytes.length ?? 0) + (decoded?.smaller?.bytes.length ?? 0) + (records?.length ?? 0);
  bytes += 2 * ((page?.title?.length ?? 0) + (page?.text?.length ?? 0));
  for (const { url, texts, dominance } of found) {
    bytes += perObject + url.length + (dominance?.features.length ?? 0);
    for (const { text } of texts) bytes += perObject + 2 * text.length;
  }
  for (const { url, written = '' } of newUrls) bytes += perObject + url.length + (written?.length ?? 0);
  for (const { pageUrl, imageUrl, text } of sitemapTexts) {
    bytes += perObject + pageUrl.length + imageUrl.length + 2 * text.length;
  }
  for (const { url } of [...refused, ...trapped]) bytes += perObject + url.length;
  return bytes;
}
