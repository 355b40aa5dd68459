/**
 * The names by which a site calls itself: in its head, and by its domain. A small picture with such a name for a text is its logo; one that
 * the page is about may show what the site is named after.
 */
import { getDomainWithoutSuffix } from 'tldts';
import type { PageHead } from './head.ts';
import type { Features } from './image-features.ts';

/** Letters and digits. Shorter names are words of other texts, too. */
const minNameLength = 3;

/** UTF-16 units. */
const maxNameLength = 100;

const lettersOf = (text: string): string =>
  text
    .slice(0, maxNameLength)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '');

/** Places of one file: 0.5 for two, 0.8 for three (image-features.ts). A picture and its larger one stand twice. */
const maxPlacesOfSubject = 0.5;

/** Whether a picture stands where a logo does, is as small, leads to the start page, is called one, or is repeated. */
export const looksLikeLogo = (features: Features): boolean =>
  logoSigns.some((sign) => features[sign] === 1) ||
  (features.size ?? 0) < 0 ||
  (features.places ?? 0) > maxPlacesOfSubject;

const logoSigns = [
  'region-header',
  'region-navigation',
  'region-footer',
  'icon-size',
  'link-home',
  'stripe',
  'svg',
  'telling-name',
  'telling-class',
  'alt-telling',
];

/** Whether a text is the name of the site and nothing else; spaces, signs and capitals do not count. */
export function siteNameReader({ meta }: Pick<PageHead, 'meta'>, pageUrl: string): (text: string) => boolean {
  const said = [meta.get('og:site_name'), meta.get('application-name'), getDomainWithoutSuffix(pageUrl)];
  const names = new Set(said.map((name) => lettersOf(name ?? '')).filter(({ length }) => length >= minNameLength));
  return (text) => text.length <= maxNameLength && names.has(lettersOf(text));
}
