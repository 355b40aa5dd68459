/**
 * URLs as the crawl compares them: the WHATWG URL (lower-case host, default port and dot segments gone, percent-encoding
 * as the standard has it), without fragment and user info, without tracking parameters, the query sorted. And the scope:
 * which of the URLs found on a page the crawl may follow.
 */
import { getDomain } from 'tldts';

/** Parameters that identify a click and not a document: Google, Microsoft, Meta, Mailchimp, HubSpot, Matomo, Yandex, TikTok. */
const trackingParameter =
  /^(?:utm_\w+|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|fbclid|igshid|mc_cid|mc_eid|_hs(?:enc|mi)|hsctatracking|pk_\w+|mtm_\w+|yclid|ttclid|twclid|_ga|_gl|phpsessid|jsessionid|sessionid)$/i;

/** Longer URLs are not followed; the limit of the sitemap protocol, in characters. */
export const maxUrlLength = 2048;

/** The URL a link points at, normalised; null when it is no http(s) URL or too long. Sorting the query keeps repeated names in order. */
export function normaliseUrl(href: string, base?: string): string | null {
  if (href.length > 4 * maxUrlLength) return null;
  const url = URL.parse ? URL.parse(href, base) : parseOrNull(href, base);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') return null;
  if (url.hash !== '' || href.includes('#')) url.hash = '';
  if (url.username !== '' || url.password !== '') {
    url.username = '';
    url.password = '';
  }
  if (url.search.length > 1) url.search = normaliseQuery(url.search);
  else if (href.includes('?')) url.search = '';
  return url.href.length <= maxUrlLength ? url.href : null;
}

/** Works on the raw text, so that what the site wrote is sent back as it wrote it. */
function normaliseQuery(search: string): string {
  const parts = search.slice(1).split('&');
  const kept = parts.filter((part) => part !== '' && !trackingParameter.test(nameOf(part)));
  // A query without any "=" is a single value (?12.jpg, ?a&b): its order may mean something.
  if (kept.some((part) => part.includes('='))) kept.sort((a, b) => compare(nameOf(a), nameOf(b)));
  // With its question mark: the setter takes one away.
  return kept.length > 0 ? `?${kept.join('&')}` : '';
}

const nameOf = (part: string): string => part.split('=', 1)[0] ?? '';
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function parseOrNull(href: string, base?: string): URL | null {
  try {
    return new URL(href, base);
  } catch {
    return null;
  }
}

/** `host` stays on the hosts of the seeds, `domain` on their registrable domains (public suffix list), `any` goes anywhere. */
export type Scope = 'host' | 'domain' | 'any';

/** Which URLs a crawl may follow. All are normalised. */
export interface FollowedUrls {
  readonly contains: (url: string) => boolean;
  /** For a URL that a seed redirects to: whether it belongs to the seed's site, so that the scope moves along with the seed. */
  readonly movesWith: (seed: string, url: string) => boolean;
  /** Widens the scope by a seed. */
  readonly add: (seed: string) => void;
}

/** The URLs in the scope that the seeds span; deny wins over allow. */
export function openScope(
  seeds: readonly string[],
  scope: Scope,
  { allow = [], deny = [] }: { readonly allow?: readonly RegExp[]; readonly deny?: readonly RegExp[] } = {},
): FollowedUrls {
  const areaOf = (url: string): string => (scope === 'host' ? new URL(url).host : siteOf(url));
  const areas = new Set(seeds.map(areaOf));
  const matches = (url: string): boolean =>
    !deny.some((pattern) => pattern.test(url)) && (allow.length === 0 || allow.some((pattern) => pattern.test(url)));
  return {
    contains: (url) => (scope === 'any' || areas.has(areaOf(url))) && matches(url),
    movesWith: (seed, url) => siteOf(seed) === siteOf(url) && matches(url),
    add: (seed) => areas.add(areaOf(seed)),
  };
}

/** The registrable domain. Addresses and single names (localhost) have none: they are their own site, with their port. */
function siteOf(url: string): string {
  const { host, hostname } = new URL(url);
  return getDomain(hostname, { allowPrivateDomains: true }) ?? host;
}
