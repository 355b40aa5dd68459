/**
 * The names by which a site calls itself: in its head, and by its domain. A small picture with such a name for a text is its logo; one that
 * the page is about may show what the site is named after.
 */
import { getDomainWithoutSuffix } from 'tldts';
import { pathOf } from '../policy/url.ts';
import type { PageHead } from './head.ts';
import type { Features } from './image-features.ts';
import { fileName } from './telling-names.ts';

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

function siteNames({ meta }: Pick<PageHead, 'meta'>, pageUrl: string): ReadonlySet<string> {
  const said = [meta.get('og:site_name'), meta.get('application-name'), getDomainWithoutSuffix(pageUrl)];
  return new Set(said.map((name) => lettersOf(name ?? '')).filter(({ length }) => length >= minNameLength));
}

/** What a file is called that is shown where a page of the site is shared, and what may stand beside that in its name. */
const sharingWord =
  /^(?:og|opengraph|graph|share|sharing|shareimage|social|default|facebook|fb|twitter|fallback|seo|card|thumbnail)$/;
const besideSharing =
  /^(?:open|image|img|picture|photo|meta|site|page|media|preview|large|banner|cover|x|v?\d+|jpe?g|png|webp|gif)$/;

/**
 * Whether the name of a file says no more than that it is shown where pages of the site are shared: "default-og-image.png",
 * "legalzoom-20-og.png". One in the folder of the page, or that is made for it by a query, may be its own.
 */
export function sharedPictureReader(head: Pick<PageHead, 'meta'>, pageUrl: string): (url: string) => boolean {
  const names = [...siteNames(head, pageUrl)];
  const page =
    pathOf(pageUrl)
      .split('/')
      .findLast((part) => part !== '') ?? '';
  return (url) => {
    if (url.includes('?') || (page !== '' && pathOf(url).includes(`/${page}/`))) return false;
    const words = fileName(pathOf(url)).split(/[^\p{L}\p{N}]+/u);
    if (!words.some((word) => sharingWord.test(word))) return false;
    const rest = words.filter((word) => !sharingWord.test(word) && !besideSharing.test(word)).join('');
    return rest === '' || (rest.length >= minNameLength && names.some((name) => name.startsWith(rest)));
  };
}

/** Whether a text is the name of the site and nothing else; spaces, signs and capitals do not count. */
export function siteNameReader(head: Pick<PageHead, 'meta'>, pageUrl: string): (text: string) => boolean {
  const names = siteNames(head, pageUrl);
  return (text) => text.length <= maxNameLength && names.has(lettersOf(text));
}
