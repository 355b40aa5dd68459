import type { FoundImage, ImageRecord, PageRecord, StoredImage } from '../../dataset/ledger/records.ts';
import type { RefusedImage } from '../page/images.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import type { Revisit } from './revisit.ts';
import type { Claim, NewUrl } from './schema.ts';

/** An image's measurements before it has a place in the raw store. */
export interface DecodedImage {
  readonly bytes: Buffer;
  readonly measured: Omit<StoredImage, 'segment' | 'offset'>;
}

export interface FetchOutcome {
  readonly claim: Claim;
  /** `done` ends the lease; `failed` counts a try and queues the URL again; `later` queues it again, `moved` on another host. */
  readonly end: 'done' | 'failed' | 'later' | 'moved';
  readonly moved?: { readonly at: string; readonly hops: number };
  /** Earliest next request to the host, in ms from now. */
  readonly pauseMs: number;
  /** How the host behaved: undefined says nothing about it. */
  readonly hostFailed?: boolean;
  /** Other hosts that were asked for parts of the page, and how long each is left alone, in ms from now. */
  readonly alsoAsked?: readonly { readonly url: string; readonly pauseMs: number }[];
  readonly page?: PageRecord;
  /** The claimed URL, when it only led to the page. */
  readonly redirected?: PageRecord;
  readonly found?: readonly FoundImage[];
  readonly refused?: readonly RefusedImage[];
  /** Links that are not followed because they lead into a trap. */
  readonly trapped?: readonly RefusedImage[];
  readonly newUrls?: readonly NewUrl[];
  readonly sitemapTexts?: readonly SitemapTexts[];
  readonly image?: ImageRecord;
  readonly decoded?: DecodedImage;
  /** When to look at the page again, from now. */
  readonly revisit?: Revisit;
  readonly crawlDelayMs?: number;
  readonly rendered?: { readonly gained: boolean };
  /** The page needs a browser and there is none. */
  readonly unrendered?: boolean;
  readonly byteLength?: number;
}
