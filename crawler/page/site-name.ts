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

function siteNames({ meta }: Pick<PageHead, 'meta'>, pageUrl: string): ReadonlySet<string> {
  return new Set(
    saidNames(meta, pageUrl)
      .map(lettersOf)
      .filter(({ length }) => length >= minNameLength),
  );
}

const saidNames = (meta: PageHead['meta'], pageUrl: string): string[] =>
  [meta.get('og:site_name'), meta.get('application-name'), getDomainWithoutSuffix(pageUrl)].map((name) => name ?? '');

/** Whether a text is the name of the site and nothing else; spaces, signs and capitals do not count. */
export function siteNameReader(head: Pick<PageHead, 'meta'>, pageUrl: string): (text: string) => boolean {
  const names = siteNames(head, pageUrl);
  return (text) => text.length <= maxNameLength && names.has(lettersOf(text));
}

/** Letters of the beginning of a name from which on it may end in a word. Ours: fewer are words of other things, too. */
const minPartLength = 5;

/** Whether letters are the name of the site, or its beginning up to a word or of five letters. */
export function siteNamePartReader({ meta }: Pick<PageHead, 'meta'>, pageUrl: string): (letters: string) => boolean {
  const wholes = new Set<string>();
  const names: string[] = [];
  for (const said of saidNames(meta, pageUrl)) {
    let name = '';
    for (const word of said.slice(0, maxNameLength).split(/[^\p{L}\p{N}]+/u)) {
      name += lettersOf(word);
      wholes.add(name);
    }
    names.push(name);
  }
  return (letters) =>
    letters.length >= minNameLength &&
    (wholes.has(letters) || (letters.length >= minPartLength && names.some((name) => name.startsWith(letters))));
}
