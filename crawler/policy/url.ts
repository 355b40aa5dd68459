/**
 * The scope: which of the URLs found on a page the crawl may follow. What a URL is and how two are compared is the dataset's
 * matter (dataset/url-key.ts), whose names the crawl takes from here.
 */
import { getDomain } from 'tldts';
import { hostAndPortOf, hostOf } from '../../dataset/url-key.ts';

export {
  type Address,
  absoluteUrl,
  addressOf,
  hostAndPortOf,
  hostNameOf,
  hostOf,
  isTooLong,
  keyOf,
  maxRequestLength,
  maxUrlLength,
  normaliseUrl,
  pathOf,
  requestOf,
} from '../../dataset/url-key.ts';

/** `host` stays on the hosts of the seeds, `domain` on their registrable domains (public suffix list), `any` goes anywhere. */
export type Scope = 'host' | 'domain' | 'any';

/** Which URLs a crawl may follow. All are normalised. */
export interface FollowedUrls {
  readonly contains: (url: string) => boolean;
  /** Whether its host or site is one of the scope, whatever its path: for sitemaps and feeds, since `allow` is for pages. */
  readonly inArea: (url: string) => boolean;
  readonly isDenied: (url: string) => boolean;
  /** For a URL that a seed redirects to: whether it belongs to the seed's site, so that the scope moves along with the seed. */
  readonly movesWith: (seed: string, url: string) => boolean;
  /** Widens the scope by a seed. */
  readonly add: (seed: string) => void;
}

/** What decides which links and pictures of a page are taken, to be compared with that of another run. */
export function followedBy(
  seeds: readonly string[],
  { scope, maxDepth, allow = [], deny = [], render, images }: FollowOptions,
): string {
  const hosts = scope === 'any' ? [] : [...new Set(seeds.map((seed) => new URL(seed).host))].sort();
  const [allowed, denied] = [allow, deny].map((patterns) => patterns.map(String).sort());
  return JSON.stringify({ scope, hosts, maxDepth, allow: allowed, deny: denied, render, images });
}

/** The same settings as they are of a run that names no seed, which many machines compare. */
export const withoutHosts = (followed: string): string =>
  followed === '' ? '' : JSON.stringify({ ...JSON.parse(followed), hosts: [] });

interface FollowOptions {
  readonly scope: Scope;
  readonly maxDepth: number;
  readonly allow?: readonly RegExp[] | undefined;
  readonly deny?: readonly RegExp[] | undefined;
  /** When pages are rendered, and whether their images are downloaded. */
  readonly render: string;
  readonly images: boolean;
}

/** The URLs in the scope that the seeds span; deny wins over allow. */
export function openScope(
  seeds: readonly string[],
  scope: Scope,
  { allow = [], deny = [] }: { readonly allow?: readonly RegExp[]; readonly deny?: readonly RegExp[] } = {},
): FollowedUrls {
  const areaOf = (url: string): string => (scope === 'host' ? hostAndPortOf(url) : siteOf(url));
  const areas = new Set(seeds.map(areaOf));
  const isDenied = anyOf(deny);
  const isAllowed = anyOf(allow);
  const inArea = (url: string): boolean => scope === 'any' || areas.has(areaOf(url));
  const matches = (url: string): boolean => !isDenied(url) && (allow.length === 0 || isAllowed(url));
  return {
    contains: (url) => inArea(url) && matches(url),
    inArea,
    isDenied,
    movesWith: (seed, url) => siteOf(seed) === siteOf(url) && matches(url),
    add: (seed) => areas.add(areaOf(seed)),
  };
}

/** Whether one of the patterns matches. A pattern with `g` or `y` would go on from where its last match ended. */
function anyOf(patterns: readonly RegExp[]): (text: string) => boolean {
  const stateless = patterns.map(({ source, flags }) => new RegExp(source, flags.replace(/[gy]/g, '')));
  return (text) => stateless.some((pattern) => pattern.test(text));
}

/** The registrable domain. Addresses and single names (localhost) have none: they are their own site, with their port. */
function siteOf(url: string): string {
  return getDomain(hostOf(url), { allowPrivateDomains: true }) ?? hostAndPortOf(url);
}

/** A URL or reference up to its `#`. */
export const withoutFragment = (url: string): string => {
  const at = url.indexOf('#');
  return at === -1 ? url : url.slice(0, at);
};
