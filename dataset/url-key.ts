/**
 * URLs have two forms. What goes over the wire is what the page wrote, as the WHATWG URL standard serialises it, without
 * fragment and user info: a signed address breaks when its query is sorted. What is compared is the key: that URL without tracking
 * parameters and session ids, the query sorted. Crawl, ledger, imports and takedowns all compare by it.
 */
import { createHash } from 'node:crypto';

/** Parameters that identify a click and not a document: Google, Microsoft, Meta, Mailchimp, HubSpot, Matomo, Yandex, TikTok. */
const trackingParameter =
  /^(?:utm_\w+|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|fbclid|igshid|mc_cid|mc_eid|_hs(?:enc|mi)|hsctatracking|pk_\w+|mtm_\w+|yclid|ttclid|twclid|_ga|_gl|phpsessid|jsessionid|sessionid)$/i;

/** Path parameters that identify a visit: Java servlets (Servlet 6.0 §7.1.3), PHP, and servers of the nineties. */
const sessionInPath = /;(?:jsessionid|phpsessid|sid)=[^/;]*/gi;

/** Longer keys are not fetched; the limit of the sitemap protocol, in characters. */
export const maxUrlLength = 2048;

/** Longer URLs are not requested, whatever their key: Apache and nginx take a request line of some 8,190 characters. */
export const maxRequestLength = 8000;

/** Of a URL that is too long its row has so many characters, and a hash of the rest. */
const shownLength = 1024;

/** A URL of the web. */
export interface Address {
  /** The key, by which URLs are compared and named in frontier and ledger. */
  readonly url: string;
  /** What is requested, where that differs from the key. */
  readonly written?: string;
}

/**
 * The http(s) URL that a link points at, as it is to be requested: absolute, without fragment and user info, otherwise as
 * the page wrote it. Null when it is none.
 */
export function absoluteUrl(href: string, base?: string): string | null {
  // A picture inside its own URL (data:) may have megabytes. It has no address that a dataset could name: it has no row.
  if (href.length > maxUrlLength && /^\s*(?!https?:)[a-z][a-z0-9+.-]*:/i.test(href.slice(0, 100))) return null;
  const plain = plainUrl(href, base);
  if (plain !== null) return plain;
  const url = URL.parse ? URL.parse(href, base) : parseOrNull(href, base);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') return null;
  if (url.hash !== '' || href.includes('#')) url.hash = '';
  if (url.username !== '' || url.password !== '') {
    url.username = '';
    url.password = '';
  }
  return url.href;
}

/** What references are relative to, in parts as the URL standard writes them. */
interface Base {
  readonly origin: string;
  /** Up to the last slash of the path. */
  readonly folder: string;
  /** Without fragment. */
  readonly document: string;
}

/** All references of a page have one base: the last one is remembered. Null where it is no base for plain references. */
let lastBase: { readonly given: string; readonly parts: Base | null } = { given: '', parts: null };

function partsOf(given: string): Base | null {
  if (lastBase.given !== given) lastBase = { given, parts: readBase(given) };
  return lastBase.parts;
}

function readBase(given: string): Base | null {
  const url = parseOrNull('', given);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') return null;
  if (url.username !== '' || url.password !== '') return null;
  const { origin, pathname } = url;
  url.hash = '';
  return { origin, folder: origin + pathname.slice(0, pathname.lastIndexOf('/') + 1), document: url.href };
}

/** Characters that the URL standard leaves as they are in paths and queries (its query percent-encode set and the backslash apart). */
const plainPath = /^\/(?!\/)[\w/~!$&()*+,;=:@%.?-]*$/;
const plainRelativePath = /^\w[\w/~!$&()*+,;=@%.-]*$/;
const plainAbsolute = /^https?:\/\/(?:[a-z\d-]+\.)+[a-z]+\/[\w/~!$&()*+,;=:@%.?-]*$/;

/**
 * The URL of a reference in which the standard's parser has nothing to change, as most are: a fifth of its time. Null for all others,
 * such as those with `..`, a port or a letter that has to be escaped.
 */
function plainUrl(href: string, base: string | undefined): string | null {
  const mark = href.indexOf('#');
  const reference = mark === -1 ? href : href.slice(0, mark);
  // A part of a path that begins with a dot may mean its folder, also when the dot is escaped.
  if (reference.includes('/.') || reference.includes('/%2')) return null;
  if (plainAbsolute.test(reference)) return reference.includes('xn--') ? null : reference;
  const parts = base === undefined ? null : partsOf(base);
  if (parts === null) return null;
  if (reference === '') return parts.document;
  if (plainPath.test(reference)) return parts.origin + reference;
  return plainRelativePath.test(reference) ? parts.folder + reference : null;
}

/** The path of a URL as `absoluteUrl` writes it. */
export function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2);
  for (let end = start; end < url.length; end += 1) {
    const code = url.charCodeAt(end);
    if (code === questionMark || code === numberSign) return url.slice(start, end);
  }
  return url.slice(start);
}

const questionMark = 63;
const numberSign = 35;

/** The host of a URL as `absoluteUrl` writes it, with its port where that is not the scheme's own. */
export function hostAndPortOf(url: string): string {
  const start = url.indexOf('//') + 2;
  return url.slice(start, url.indexOf('/', start));
}

/** The name of the host of a URL as `absoluteUrl` writes it, without user info. */
export function hostOf(url: string): string {
  const start = url.indexOf('//') + 2;
  const end = url.indexOf('/', start);
  const port = url.lastIndexOf(':', end);
  return url.slice(start, port >= start && /^:\d+$/.test(url.slice(port, end)) ? port : end);
}

/**
 * The key of an absolute URL (see `absoluteUrl`): what stands for the same document has the same key. That of a URL which is
 * too long is its beginning and a hash (see `isTooLong`).
 */
export function keyOf(request: string): string {
  let key = request;
  // In most URLs there is nothing to change: no query, no path parameter, no root dot after the host's name.
  if (/[?;]|\.[:/]/.test(request)) {
    const mark = request.indexOf('?');
    const path = (mark === -1 ? request : request.slice(0, mark)).replace(/^(https?:\/\/[^/:]*)\.(?=[:/])/, '$1');
    const query = mark === -1 ? '' : keyOfQuery(request.slice(mark + 1));
    key = path.replace(sessionInPath, '') + query;
  }
  if (key.length <= maxUrlLength && request.length <= maxRequestLength) return key;
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 32);
  return `${key.slice(0, shownLength)}#sha256=${hash}`;
}

/** Whether a key is that of a URL which is too long to be fetched. No other key has a fragment. */
export const isTooLong = (key: string): boolean => key.includes('#');

/** The address of an absolute URL. */
export function addressOf(request: string): Address {
  const url = keyOf(request);
  return url === request ? { url } : { url, written: request };
}

/** What is requested for an address. */
export const requestOf = ({ url, written }: Address): string => written ?? url;

/** The key of what a link points at; null when it is no http(s) URL. */
export function normaliseUrl(href: string, base?: string): string | null {
  const request = absoluteUrl(href, base);
  return request === null ? null : keyOf(request);
}

/** Works on the raw text. Sorting keeps repeated names in order. */
function keyOfQuery(query: string): string {
  const parts = query.split('&');
  const kept = parts.filter((part) => part !== '' && !trackingParameter.test(nameOf(part)));
  // A query without any "=" is a single value (?12.jpg, ?a&b): its order may mean something.
  if (kept.some((part) => part.includes('='))) kept.sort((a, b) => compare(nameOf(a), nameOf(b)));
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

/** The name of a URL's host, the root's dot apart: `example.org.` is `example.org`. */
export const hostNameOf = (url: string): string => new URL(url).hostname.replace(/\.$/, '');

/** A host and its parents, the nearest first: `a.b.example`, `b.example`, `example`. What holds for a host holds for its subdomains. */
export function hostAndParents(host: string): string[] {
  const parts = host.replace(/\.$/, '').split('.');
  return parts.map((_, at) => parts.slice(at).join('.'));
}

/**
 * The name of a host as it stands in URLs: lower case, ASCII, without the root's dot; null when it is none. `0.0.1` is no host although
 * browsers take it for the address 0.0.0.1, and labels have 1 to 63 octets, a name 253 (RFC 1035 §2.3.4).
 */
export function hostNameFrom(host: string): string | null {
  const url = parseOrNull(`https://${host}`);
  if (url === null || url.href !== `https://${url.hostname}/`) return null;
  const name = url.hostname.replace(/\.$/, '');
  const isAddress = /^[\d.]+$/.test(name);
  if (isAddress) return name === host.replace(/\.$/, '') && !name.startsWith('0.') ? name : null;
  if (name.startsWith('[')) return name;
  return name.length <= 253 && name.split('.').every((label) => label !== '' && label.length <= 63) ? name : null;
}
