/**
 * Why a page or an image was not taken: every reason that the crawler writes to the ledger, once. A reason that is not in
 * this table does not compile.
 */

/** What a reason means. */
export interface ReasonMeaning {
  /**
   * `refused`: we may not, or do not want to. `failed`: it did not work. `skipped`: another URL stands for it. `incomplete`:
   * the page was read, but without its scripts.
   */
  readonly class: 'refused' | 'failed' | 'skipped' | 'incomplete';
  /** `soon`: up to three times in the same crawl, and by `lait retry`. `retry`: only by `lait retry`. `never`: the decision stays. */
  readonly again: 'soon' | 'retry' | 'never';
  /** A sentence for people, without a full stop. */
  readonly text: string;
}

const forbidden = (text: string) => ({ class: 'refused', again: 'never', text }) as const;
const refusedNow = (text: string) => ({ class: 'refused', again: 'retry', text }) as const;
const passing = (text: string) => ({ class: 'failed', again: 'soon', text }) as const;
const broken = (text: string) => ({ class: 'failed', again: 'retry', text }) as const;
const skipped = (text: string) => ({ class: 'skipped', again: 'retry', text }) as const;
const incomplete = (text: string) => ({ class: 'incomplete', again: 'retry', text }) as const;

const exact = {
  // What the site or its owner does not want.
  'taken-down': forbidden('`lait takedown` removed it'),
  robots: forbidden('robots.txt forbids it'),
  'robots-unreachable': refusedNow('robots.txt could not be fetched, which forbids everything'),
  'robots-server-error': refusedNow('the server failed when it was asked for robots.txt, which forbids everything'),
  'robots-deferred': refusedNow('the server asked to come back later for robots.txt'),
  'rights-noai': forbidden('the site says noai: not for machine learning'),
  'rights-noimageai': forbidden('the site says noimageai: no images for machine learning'),
  'rights-noml': forbidden('the site says noml: not for machine learning'),
  'rights-noimageindex': forbidden('the site says noimageindex: its images are not to be indexed'),
  'rights-noindex': forbidden('the site says noindex: this is not to be indexed'),
  'rights-none': forbidden('the site says none: this is neither to be indexed nor followed'),
  'rights-tdm-reservation': forbidden('the site reserves its rights for text and data mining (TDMRep)'),
  'rights-data-mining': forbidden('the picture says that it is not for data mining (plus:DataMining in its XMP)'),
  'rights-training-mining': forbidden('the picture says that it is not for training or mining (C2PA, CAWG)'),
  'rights-rsl': forbidden('its licence does not permit training (RSL)'),
  'rights-content-usage': forbidden(
    'the site says that its content is not for training (Content-Usage or Content-Signal)',
  ),

  // What this crawl may not or does not want to fetch.
  'private-address': forbidden('the address belongs to a private network or to this machine'),
  'contact-required': refusedNow('a crawl without a contact may ask this machine only'),
  'redirect-out-of-scope': refusedNow('it redirects to a page outside of the scope of the crawl'),
  'url-too-long': forbidden('its URL is longer than any that servers take'),
  'trap-host-limit': refusedNow('its host has as many pages as maxPagesPerHost allows'),
  'trap-deep-path': forbidden('its path has more segments than any page needs'),
  'trap-repeating-path': forbidden('its path repeats itself'),
  'trap-many-parameters': forbidden('its query has more parameters than any page needs'),
  'trap-repeating-parameter': forbidden('its query repeats a parameter'),
  'trap-many-queries': forbidden('hundreds of other queries of its path had no new picture'),
  'trap-nothing-new': forbidden('many pages with URLs like this one had nothing new'),

  // What went wrong on the way.
  stopped: passing('the crawl was stopped'),
  'timeout-connect': passing('no connection came about in time'),
  'timeout-first-byte': passing('the server did not begin to answer in time'),
  'timeout-body': passing('the answer stalled'),
  'timeout-whole': passing('the whole answer took too long'),
  'policy-file-unreachable': passing('a file that says what may be done with it (TDMRep, RSL) could not be fetched'),
  'dns-failed': passing('the name server did not answer'),
  'dns-not-found': broken('its host name does not exist'),
  'connection-refused': passing('the server refused the connection'),
  'connection-failed': passing('no connection came about'),
  'connection-lost': passing('the connection was lost before an answer came'),
  unreachable: passing('its host or network cannot be reached'),
  'body-cut-off': passing('the answer broke off'),
  tls: broken('no secure connection came about (TLS or certificate)'),
  'picture-lost': broken('it was downloaded, and lost with the disk of the machine that had it'),
  'broken-http': broken('the answer is not valid HTTP'),
  'broken-compression': broken('the answer cannot be decompressed'),
  'headers-too-large': broken('the headers of the answer are too large'),
  'too-many-bytes': broken('the answer is too large'),
  'too-many-redirects': broken('it redirects too often'),
  'redirect-to-nowhere': broken('it redirects to something that is no web address'),
  gone: broken('it was there at an earlier visit and is gone now (404 or 410)'),

  // What the answer turned out to be.
  'not-html': broken('the page is not HTML'),
  'empty-body': broken('the answer is empty'),
  'is-an-image': skipped('the URL is an image, which is fetched as one'),
  'not-an-image': broken('the file is not an image in a supported format'),
  'unsupported-format-svg': broken('the image is SVG, which is not read'),
  'unsupported-format-jp2': broken('the image is JPEG 2000, which is not read'),
  'unsupported-format-jxl': broken('the image is JPEG XL, which is not read'),
  'unsupported-format-ico': broken('the image is ICO, which is not read'),
  'unsupported-format-bmp': broken('the image is BMP, which is not read'),
  'unsupported-format-tiff': broken('the image is TIFF, which is not read'),
  'unsupported-format-heic': broken('the image is HEIC, which is not read'),
  'broken-image': broken('the image cannot be decoded'),
  'too-many-pixels': broken('the image has too many pixels to be decoded safely'),
  'too-costly': broken('reading it took more processor time or memory than any answer may take'),
  'process-died': broken('each time that it was read, the process of the crawl died'),
  'not-a-sitemap': broken('the file is no sitemap and no feed'),
  sitemap: skipped('it is a sitemap or a feed, read for the pages that it lists'),
  redirected: skipped('it redirects to another page, which is recorded under its own URL'),
  'other-host': skipped('it redirects to another host, where the fetch goes on'),
  'needs-browser': incomplete('the page needs scripts and no browser is installed'),
  'render-timeout': incomplete('the browser took too long to render the page'),
  'render-failed': incomplete('the browser could not render the page'),
  'render-crashed': incomplete('the page needed more memory than one page may have, or broke the browser'),
  'render-poorer': incomplete('the browser showed less than the HTML of the page has, so that was read'),
} as const satisfies Readonly<Record<string, ReasonMeaning>>;

/** What makes an image certain decoration: `decoration-` and one of these. */
const decorations = {
  'tracking-pixel': 'it has the size of a tracking pixel',
  'icon-size': 'the page shows it at the size of an icon',
  'icon-file': 'its file has the size of an icon',
  'telling-host': 'its host serves counters, adverts or avatars only',
  repeated: 'a large part of the pages of its site show it',
} as const;

/** A sign that an image is decoration. */
export type DecorationSign = keyof typeof decorations;

/** Why a page or image is not in the corpus, or is not complete. `http-404` is an answer with that status. */
export type Reason = keyof typeof exact | `decoration-${DecorationSign}` | `http-${number}`;

/** Everything in the table but `http-…`, of which there is one for each status. */
export const namedReasons: readonly Reason[] = [
  ...(Object.keys(exact) as (keyof typeof exact)[]),
  ...(Object.keys(decorations) as DecorationSign[]).map((sign) => `decoration-${sign}` as const),
];

/** What a reason means; null for a word that is not in the table, such as one that another version of lait wrote. */
export function meaningOf(reason: Reason): ReasonMeaning;
export function meaningOf(reason: string): ReasonMeaning | null;
export function meaningOf(reason: string): ReasonMeaning | null {
  if (Object.hasOwn(exact, reason)) return exact[reason as keyof typeof exact];
  const [, sign = ''] = /^decoration-(.+)$/.exec(reason) ?? [];
  if (Object.hasOwn(decorations, sign)) return forbidden(decorations[sign as DecorationSign]);
  const [, digits] = /^http-(\d+)$/.exec(reason) ?? [];
  return digits === undefined ? null : httpMeaning(Number(digits));
}

/** Server errors, "too many requests" and "request timeout" pass; what else is not 200 will be so again. */
function httpMeaning(status: number): ReasonMeaning {
  const text = `the server answered ${status}`;
  return status >= 500 || status === 429 || status === 408 ? passing(text) : broken(text);
}
